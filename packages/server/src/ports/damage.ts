/** What a check of files tells a check of rows. */
import type { RowRef } from './store.ts';

/** Something that is damaged in the files of a store. */
export interface Damage {
  /** A sentence without its end. */
  readonly what: string;
  /** What cannot be read because of it. */
  readonly unread: readonly Unread[];
}

/**
 * A span of rows, both ends included, in an order of the engine's own. A key may be cut short, and one that ends with NUL
 * stands for the next above it; an empty partition for what is no row of the Store.
 */
export interface Unread {
  readonly from: RowRef;
  readonly to: RowRef;
}

/**
 * Whether rows of this Store partition, with keys above `after`, may have been among what cannot be read: they may be
 * missing, or be older than what was last written.
 */
export type Doubt = (partition: string, after?: string) => Promise<boolean>;
