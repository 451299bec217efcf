/**
 * Frames. Text frames are JSON. A client's frame is one request or an array of them (at most maxRequestsPerFrame); a
 * server's frame is an array of items: all that one turn has for the connection, in order. Binary frames are beats.
 */
import type { WireError } from './errors.ts';
import type { Entry, Event } from './schema/objects.ts';
import type { MethodName, Params, Result } from './schema/methods.ts';

/** A request as it travels. `id` is chosen by the client and comes back in the reply; `outbox` and `n` go together. */
export interface Request<M extends MethodName = MethodName> {
  readonly id: number;
  readonly method: M;
  readonly params: Params<M>;
  readonly outbox?: string;
  readonly n?: number;
}

export type Reply<M extends MethodName = MethodName> =
  | { readonly type: 'reply'; readonly id: number; readonly result: Result<M> }
  | { readonly type: 'reply'; readonly id: number; readonly error: WireError };

/** One item of a server's frame. */
export type ServerItem = Reply | Entry | Event;
