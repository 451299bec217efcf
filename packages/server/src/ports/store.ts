/** A row: one value cell, written by one partition only. Names of Store partitions and keys are 1 to 255 characters of printable ASCII, without a space; their order is that of their bytes. The value is well-formed text; its first character is its format (COM3). */
export interface Row {
  /** Name of the Store partition: rows of one are stored together, in order of key, and change atomically. */
  readonly partition: string;
  readonly key: string;
  readonly value: string;
}

export interface RowRef {
  readonly partition: string;
  readonly key: string;
}

export interface KeyValue {
  readonly key: string;
  readonly value: string;
}

export interface Range {
  /** Only keys above this. */
  readonly after?: string;
  /** Only keys below this. */
  readonly before?: string;
  /** From the highest key down. */
  readonly reverse?: boolean;
  /** At most this many; at least 1. */
  readonly limit: number;
}

/**
 * Opaque rows in Store partitions. Reads see every write that succeeded before they were asked (through whichever
 * process) and never go back: what one read has shown, a later one shows too, or something newer. Several rows read by
 * one call are no snapshot unless they are of one partition. A read that cannot be answered now rejects with
 * `DuologError('unavailable')`; it may be asked again.
 */
export interface Store {
  /** The value, or undefined if there is no such row. */
  get(partition: string, key: string): Promise<string | undefined>;
  /** The values in the order asked for. At most 1,000 rows. */
  getMany(rows: readonly RowRef[]): Promise<readonly (string | undefined)[]>;
  /** Rows of one partition in order of key (or the reverse). */
  range(partition: string, range: Range): Promise<readonly KeyValue[]>;
  /**
   * Everything, in any order that stays the same between calls: pages of at most `limit` rows, each followed by `next`,
   * until `next` is undefined. Rows written meanwhile may or may not occur.
   */
  scan(
    after: string | undefined,
    limit: number,
  ): Promise<{ readonly rows: readonly Row[]; readonly next: string | undefined }>;
}

/** What became of a write: `stored`; `unknown`: it may be there, or appear later, or never. Repeat it unchanged (COM9). */
export type WriteOutcome = 'stored' | 'unknown';

/**
 * The writing side of a Store, for the journal-then-store ledger alone.
 */
export interface StoreWriter {
  /**
   * Writes the rows of one partition atomically with this stamp (microseconds) as their write time. The same again is
   * nothing; a row with a lower stamp never covers one with a higher; equal stamps are the same write.
   */
  write(partition: string, rows: readonly KeyValue[], stamp: number): Promise<WriteOutcome>;
  /** Drops a whole partition with this stamp as the time: rows with higher stamps stay. The same again is nothing. */
  drop(partition: string, stamp: number): Promise<WriteOutcome>;
}
