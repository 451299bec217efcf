/** What every protocol method is to the edge: how its params become a command, or its answer is read. */
import type { CommandName, DeviceId, MethodName, OutboxId, Params, QueryName, UserId } from '@duolog/protocol';
import type { Command } from '../core/commands.ts';

/** Who asks. */
export interface Caller {
  readonly user: UserId;
  readonly device: DeviceId;
  /** Head of the user's log as far as the edge has heard of it; a read answers at least up to it (COM8). */
  readonly head?: number;
}

/** `(outbox, n)` of a command (COM10). */
export interface Numbered {
  readonly outbox: OutboxId;
  readonly n: number;
}

/** A command ready to go to its owner. `content` is what its hash is made of: equal for a repeat, free of secrets. */
export interface Prepared {
  readonly entity: string;
  readonly user: UserId;
  readonly command: Command;
  readonly content: string;
}

/** `C` is what the method may use of the edge (store queries, clock, passwords …); `none`-auth methods get no caller. */
export interface CommandHandler<M extends CommandName, C> {
  readonly kind: 'command';
  /**
   * Shape is checked already; here are the look-ups that COM6 allows the edge. Refuses by throwing DuologError. One that
   * looks nothing up answers at once, without a promise.
   */
  prepare(
    params: Params<M>,
    caller: Caller | undefined,
    context: C,
    numbered: Numbered | undefined,
  ): Prepared | Promise<Prepared>;
  /** Makes the method's result of the owner's, both JSON text, where they differ. */
  finish?(result: string, params: Params<M>, context: C, prepared: Prepared): string | Promise<string>;
}

export interface QueryHandler<M extends QueryName, C> {
  readonly kind: 'query';
  /** The result as JSON text. Refuses by throwing DuologError. */
  answer(params: Params<M>, caller: Caller | undefined, context: C): Promise<string>;
}

/** The table of all methods: one that is missing does not compile. */
export type Methods<C> = {
  readonly [M in MethodName]: M extends CommandName
    ? CommandHandler<M, C>
    : M extends QueryName
      ? QueryHandler<M, C>
      : never;
};
