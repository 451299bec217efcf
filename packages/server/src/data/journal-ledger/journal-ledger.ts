/**
 * The cluster's way to make batches durable: append to the partition's journal, then write the rows to the Store, then
 * answer (COM1 to COM4, COM7, COM9, COM11). Nothing here is remembered anywhere else: whoever claims a partition finds
 * all in the journal and the Store.
 */
import type { Clock } from '../../ports/clock.ts';
import type { Journal } from '../../ports/journal.ts';
import type { Claim, Ledger, ParcelData } from '../../ports/ledger.ts';
import type { Store, StoreWriter } from '../../ports/store.ts';
import { writeCheckpoint } from './checkpoint.ts';
import { follow } from './follow.ts';
import { Owner } from './owner.ts';
import type { LedgerPlant } from './plants.ts';
import type { RecordFormat } from './records.ts';
import { RECORD_FORMATS } from './records.ts';
import type { LedgerNotice, Surroundings } from './surroundings.ts';
import { untilAvailable } from './surroundings.ts';
import type { TakenOver } from './take-over.ts';
import { takeOver } from './take-over.ts';

export interface JournalLedgerOptions {
  readonly journal: Journal;
  readonly store: Store;
  readonly writer: StoreWriter;
  readonly clock: Clock;
  /** Stops everything: what is under way rejects with `unavailable` and stays unanswered. */
  readonly signal?: AbortSignal;
  /** Told what one who runs the server should know. */
  readonly notice?: (notice: LedgerNotice) => void;
  /** The formats each live worker reads (COM11); by default this one's alone. */
  readonly liveFormats?: () => readonly (readonly number[])[];
  /** The stamp up to which all followers of a partition have read: trimming waits for them, a day at most. By default there are none. */
  readonly followedTo?: (partition: number) => number;
  /** Unlike any other, also across processes. */
  readonly randomId?: () => string;
  /** Commits of one owner that may be under way at once. */
  readonly window?: number;
  readonly formats?: readonly [RecordFormat, ...RecordFormat[]];
  /** Faults planted to prove tests. */
  readonly plants?: ReadonlySet<LedgerPlant>;
}

/** A turn stops before this; a record then stays below a megabyte unless its parcels are full of quotes. */
const MAX_BATCH_BYTES = 700_000;
const WINDOW = 8;

const surroundingsOf = (options: JournalLedgerOptions): Surroundings => ({
  journal: options.journal,
  store: options.store,
  writer: options.writer,
  clock: options.clock,
  signal: options.signal ?? new AbortController().signal,
  randomId: options.randomId ?? ((): string => crypto.randomUUID()),
  notice: options.notice ?? ((): void => undefined),
  formats: options.formats ?? RECORD_FORMATS,
  liveFormats: options.liveFormats ?? ((): readonly (readonly number[])[] => []),
  followedTo: options.followedTo ?? ((): number => Number.POSITIVE_INFINITY),
  plants: options.plants ?? new Set(),
});

const claimOf = <P extends ParcelData>(partition: number, taken: TakenOver<P>): Claim<P> => ({
  partition,
  id: taken.claim,
  stamp: taken.place.stamp,
  unsettled: taken.batches
    .filter(({ record }) => record.parcels.length > 0)
    .map(({ record }) => ({ stamp: record.stamp, parcels: record.parcels })),
});

/** The journal-then-store ledger. */
export const createJournalLedger = <P extends ParcelData = ParcelData>(options: JournalLedgerOptions): Ledger<P> => {
  const around = surroundingsOf(options);
  const owners = new Map<number, Owner<P>>();
  const ownerBy = (partition: number, claim: string): Owner<P> | undefined => {
    const owner = owners.get(partition);
    return owner?.claim === claim ? owner : undefined;
  };
  return {
    window: options.window ?? WINDOW,
    maxBatchBytes: MAX_BATCH_BYTES,
    claim: async (partition) => {
      const taken = await takeOver<P>(around, partition);
      if (taken === undefined) return undefined;
      const owner = new Owner(around, partition, taken);
      // Of two claims by this process the one whose record is behind the other's holds, whichever finishes first.
      if ((owners.get(partition)?.stamp ?? 0) < owner.stamp) owners.set(partition, owner);
      around.notice({ partition, kind: 'claimed', text: `Claimed with ${taken.batches.length} batches to finish.` });
      return { ...claimOf(partition, taken), lost: owner.lost };
    },
    commit: async (batch) => (await ownerBy(batch.partition, batch.claim)?.commit(batch)) ?? 'fenced',
    settle: (partition, claim, stamp) => ownerBy(partition, claim)?.settle(stamp),
    release: async (partition, claim) => {
      const owner = ownerBy(partition, claim);
      if (owner === undefined) return;
      await owner.release();
      if (owners.get(partition) === owner) owners.delete(partition);
    },
    readiness: (partition) => owners.get(partition)?.readiness ?? 'ready',
    follow: (partition, after, signal) =>
      follow<P>(around, partition, after, signal, () => owners.get(partition)?.storedTo ?? 0),
  };
};

/**
 * Moves a partition to another stream: a journal that was made anew or moved elsewhere under a new name. For a cluster
 * that stands still. `unsettled`: the old journal holds batches whose parcels were not accepted; let it run first.
 */
export const moveToStream = async (
  options: JournalLedgerOptions,
  partition: number,
  to: Journal,
): Promise<'moved' | 'unsettled'> => {
  const around = surroundingsOf(options);
  // The claim fences every owner on the old stream, and proves its end.
  const taken = await takeOver(around, partition);
  if (taken === undefined || taken.batches.some(({ record }) => record.parcels.length > 0)) return 'unsettled';
  const { stream } = await untilAvailable(around, () => to.state(partition));
  await writeCheckpoint(around, partition, { stream, position: 0, stamp: taken.place.stamp + 1 });
  return 'moved';
};
