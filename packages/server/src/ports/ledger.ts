import type { Row } from './store.ts';

/** What one partition tells another: plain data that survives JSON. Its meaning is the core's. */
export type ParcelData = { readonly kind: string };

/** Parcels of one batch for one destination partition. */
export interface PartitionParcels<P extends ParcelData = ParcelData> {
  readonly destination: number;
  readonly parcels: readonly P[];
}

/** Which logs grew in a batch: Store partition of their entity (`c/…`, `u/…`), from which number to which, both included; each once (COM7). */
export type Grown = readonly (readonly [entity: string, from: number, to: number])[];

/** What a follower reads of a batch. */
export interface Digest {
  readonly partition: number;
  readonly stamp: number;
  readonly grown: Grown;
}

/** What a turn decides: it commits as a whole or not at all (COM1). */
export interface Batch<P extends ParcelData = ParcelData> {
  readonly partition: number;
  /** The claim under which it was decided. */
  readonly claim: string;
  /** Microseconds, above every earlier stamp of the partition (COM4). */
  readonly stamp: number;
  readonly rows: readonly Row[];
  /** Store partitions of which nothing is needed any more; never written again. */
  readonly drops: readonly string[];
  readonly parcels: readonly PartitionParcels<P>[];
  readonly grown: Grown;
}

/** A partition taken over. */
export interface Claim<P extends ParcelData = ParcelData> {
  readonly partition: number;
  /** Random; unlike that of any other claim. */
  readonly id: string;
  /** The claim's own stamp; the first batch's is above it. */
  readonly stamp: number;
  /** Batches whose parcels may not have been accepted yet, oldest first: they are to be sent again. */
  readonly unsettled: readonly { readonly stamp: number; readonly parcels: readonly PartitionParcels<P>[] }[];
  /** Resolves when the engine learns, commit or not, that another owner has claimed; absent where only a commit tells. */
  readonly lost?: Promise<void>;
}

/**
 * `stored`: durable, and its rows readable by everybody. `fenced`: another owner has claimed since; no later batch of this
 * claim will be stored, and this one stays unanswered (COM2). It was not stored, except when the claimer's journal was
 * trimmed before this owner could read that its last append had succeeded.
 */
export type CommitOutcome = 'stored' | 'fenced';

/** Whether commands are welcome: parcels always are (COM4). */
export type Readiness = 'ready' | 'overloaded' | 'storageFull';

/** What a follower sees: digests in order, or `reset` when those after its position are not kept any more. */
export type Followed = { readonly kind: 'digest'; readonly digest: Digest } | { readonly kind: 'reset' };

/**
 * Makes batches durable, in order, for one owner at a time. An engine that cannot go on (a failed write or fsync of the
 * embedded store, a journal that does not fit its checkpoint) rejects with `DuologError('internal')`; the owner stops
 * with an alarm and nothing of the batch in question may be answered.
 */
export interface Ledger<P extends ParcelData = ParcelData> {
  /** How many commits one owner may have under way at once. */
  readonly window: number;
  /** Largest batch (rows and parcels as UTF-8, a text that several parcels share once) in bytes; a turn stops before it. */
  readonly maxBatchBytes: number;
  /**
   * Takes the partition over: when it resolves, every earlier owner is fenced, and all that earlier owners committed is
   * readable. Undefined: another one claimed it meanwhile.
   */
  claim(partition: number): Promise<Claim<P> | undefined>;
  /** Commits in call order; a batch never becomes durable without those before it. Atomic, durable and readable when it resolves `stored`. */
  commit(batch: Batch<P>): Promise<CommitOutcome>;
  /** Tells that the parcels of all batches up to and including this stamp were accepted: the checkpoint may follow (COM4). */
  settle(partition: number, claim: string, stamp: number): void;
  /** Gives a partition up in peace: waits for what is under way, moves the checkpoint. */
  release(partition: number, claim: string): Promise<void>;
  readiness(partition: number): Readiness;
  /** Digests of committed batches with a stamp above `after`, then those to come, until the signal aborts. */
  follow(partition: number, after: number, signal: AbortSignal): AsyncIterable<Followed>;
}
