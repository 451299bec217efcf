/** A command on its way, as its sender sees it. */
import { DuologError } from '@duolog/protocol';
import type { CommandName, Params, Result } from '@duolog/protocol';
import type { LaneItem } from './lane.ts';
import type { Queued } from './records.ts';
import { deferred } from './waiting.ts';
import type { Deferred } from './waiting.ts';

export type SendingState<M extends CommandName = CommandName> =
  /** Kept on this device, not sent yet. */
  | { readonly status: 'queued' }
  /** Sent, no answer yet. */
  | { readonly status: 'sending' }
  /** Sent, and no answer came in time: it may have been executed or not. It is sent again by itself, which is safe (SYN6). */
  | { readonly status: 'unknown' }
  /** The server has stored it for good. */
  | { readonly status: 'stored'; readonly result: Result<M> }
  /** Refused. It is not sent again by itself; a person may `retry` or `discard` it. */
  | { readonly status: 'failed'; readonly error: DuologError };

/** A handle: it does no I/O by itself, and it need not be kept. */
export interface Sending<M extends CommandName = CommandName> {
  /** Tells commands of this device apart, in the order in which they were given. */
  readonly order: number;
  readonly method: M;
  readonly params: Params<M>;
  /** When it was given (ms since 1970, this device's clock). */
  readonly at: number;
  readonly state: SendingState<M>;
  /** Resolves once the server has stored it, rejects when it was refused. It may be pending for days: without a network it waits. */
  readonly stored: Promise<Result<M>>;
  /** After `failed`: gives the same command anew, at the end of the queue, and drops this one; once, however often it is called. */
  retry(): Sending<M>;
  /** After `failed`: drops it. */
  discard(): void;
}

/** One of any kind; `method` tells which. */
export type AnySending = { readonly [M in CommandName]: Sending<M> }[CommandName];

interface SendingActions {
  retry(item: Item): Sending;
  discard(item: Item): void;
}

export class Item implements Sending, LaneItem {
  record: Queued;
  durable: boolean;
  dangling: boolean;
  gap: number | undefined;
  /** Forgets the request under way. */
  forget: (() => void) | undefined;
  discarded = false;
  /** What was given anew in its place. */
  anew: Sending | undefined;
  readonly #settled: Deferred<object> = deferred();
  readonly #actions: SendingActions;
  #state: SendingState = { status: 'queued' };

  /** `restored`: read from the cache, so it may have been sent before. */
  constructor(record: Queued, restored: boolean, actions: SendingActions) {
    this.record = record;
    this.durable = restored;
    this.dangling = restored;
    this.#actions = actions;
    if (record.result !== undefined) this.settle({ status: 'stored', result: record.result });
    else if (record.error !== undefined) this.settle({ status: 'failed', error: DuologError.fromWire(record.error) });
  }

  get order(): number {
    return this.record.order;
  }
  get method(): CommandName {
    return this.record.method;
  }
  get params(): object {
    return this.record.params;
  }
  get at(): number {
    return this.record.at;
  }
  get stored(): Promise<object> {
    return this.#settled.promise;
  }
  get inFlight(): boolean {
    return this.forget !== undefined;
  }

  /** The same object as long as the state is the same. */
  get state(): SendingState {
    const { status } = this.#state;
    const open = this.inFlight ? 'sending' : this.dangling ? 'unknown' : 'queued';
    if (status !== 'stored' && status !== 'failed' && status !== open) this.#state = { status: open };
    return this.#state;
  }

  settle(state: Extract<SendingState, { status: 'stored' | 'failed' }>): void {
    this.forget = undefined;
    this.#state = state;
    if (state.status === 'stored') this.#settled.resolve(state.result);
    else this.#settled.reject(state.error);
  }

  retry(): Sending {
    return this.#actions.retry(this);
  }
  discard(): void {
    this.#actions.discard(this);
  }
}
