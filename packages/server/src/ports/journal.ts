/** A record of a partition's journal. */
export interface JournalRecord {
  /** Rises within the partition; need not be dense. The first is above 0. */
  readonly position: number;
  /** The id it was appended with. */
  readonly id: string;
  readonly bytes: Uint8Array;
}

/**
 * What became of an append. `refused`: the expectation did not hold *when the engine looked*, which proves no foreign
 * writer: one's own append may have been under way (COM2). `unknown`: it may be there, appear later, or never. `full`:
 * not stored, nothing old was dropped for it.
 */
export type AppendOutcome =
  | { readonly kind: 'stored'; readonly position: number }
  | { readonly kind: 'refused' }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'full' };

/** What is kept of a partition's journal. */
export interface JournalState {
  /** Name of the stream; another one means that positions began again. */
  readonly stream: string;
  /** Position of the oldest record kept, 0 if there is none. */
  readonly first: number;
  /** Position of the newest, 0 if there is none. May be stale: only a successful append proves the end. */
  readonly last: number;
}

/**
 * Replicated, flushed streams of records, one subject per partition. An open journal is bound to the streams it found:
 * each append names its stream (COM2), so one to a stream that is gone or was made anew is `refused`, and reads of it
 * reject with `unavailable`.
 */
export interface Journal {
  /**
   * Appends after `expect` (the position of the partition's last record, 0 for none), else refuses. The same id again,
   * with the same expectation, is stored once; its repeat answers `stored` with the first position, or `refused`.
   */
  append(partition: number, expect: number, id: string, bytes: Uint8Array): Promise<AppendOutcome>;
  /**
   * Records with a position above `after` that are kept, in order, at most `limit`. May be stale: a record missing at the
   * end proves nothing. Rejects with `unavailable`.
   */
  read(partition: number, after: number, limit: number): Promise<readonly JournalRecord[]>;
  /** Rejects with `unavailable`. */
  state(partition: number): Promise<JournalState>;
  /** Calls back when there may be new records, until the answer is called. Only a hint: it may come late, for nothing, or be lost. */
  watch(partition: number, listener: () => void): () => void;
  /** Forgets records below `position`, which makes room; never the partition's last one. */
  trim(partition: number, position: number): Promise<void>;
}
