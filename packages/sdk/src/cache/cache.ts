/**
 * Where a client keeps its copy of the logs, its outbox and drafts: an ordered map of text keys to JSON values.
 *
 * The contract, which `cacheContract` of `@duolog/sdk/testing` tests:
 * - Keys are ASCII and ordered by their code units.
 * - A value is plain JSON data; what is read is a copy, so changing it changes nothing stored.
 * - `write` is atomic: all of its changes are stored, in their order, or, if it rejects, none.
 * - Writes take effect in the order of the calls; a read sees every write that was resolved before it was called.
 * - What was written is there after `close` and a new start (an engine in memory aside).
 * - One client uses a cache at a time.
 */
export interface Cache {
  /** The value of a key, or undefined. */
  get(key: string): Promise<unknown>;
  /** Keys with `from <= key < to` and their values: in order, or from the end if `reverse`; `limit` of them at most. */
  list(from: string, to: string, options?: ListOptions): Promise<readonly CacheRow[]>;
  write(changes: readonly CacheChange[]): Promise<void>;
  /** Lets go of files and connections. */
  close(): Promise<void>;
}

export interface ListOptions {
  readonly limit?: number;
  readonly reverse?: boolean;
}

export type CacheRow = readonly [key: string, value: unknown];

/** One change of a write: a value is put, or all keys with `from <= key < to` are dropped. */
export type CacheChange =
  | { readonly put: string; readonly value: unknown }
  | { readonly from: string; readonly to: string };
