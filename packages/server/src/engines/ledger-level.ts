/**
 * The embedded store: one LevelDB that is Ledger and Store at once. A batch of the ledger is one batch of the database,
 * fsynced before it is answered.
 */
import { DuologError, randomId } from '@duolog/protocol';
import type { Clock, Timer } from '../ports/clock.ts';
import type { Batch, Claim, CommitOutcome, Ledger, ParcelData, PartitionParcels, Readiness } from '../ports/ledger.ts';
import type { Store } from '../ports/store.ts';
import { newestDigest, readDropped } from './level-chain.ts';
import type { LevelLayout } from './level-chain.ts';
import type { DigestLog } from './level-follow.ts';
import { followDigests, trimDigests, wakeFollowers } from './level-follow.ts';
import type { Database } from './level-folder.ts';
import { LAST_STAMP, digestKey, encodeDigest, parcelsKey, rowKey, stampOf } from './level-keys.ts';
import { checkWhole, openOrCreate } from './level-open.ts';
import type { Installation } from './level-open.ts';
import { watchSpace } from './level-space.ts';
import { levelStore } from './level-store.ts';
import type { LevelPlant, LevelWriter, WriteBatch } from './level-writer.ts';
import { levelWriter } from './level-writer.ts';

/** Sizes and times of the embedded store; tests make them small. */
export interface LevelLimits {
  /** LevelDB's write buffer. It keeps at most two of them that are in no table yet. */
  readonly writeBufferBytes: number;
  /** With less free space than this, nothing new is welcome. */
  readonly reserveBytes: number;
  /** Digests are kept this long at least. */
  readonly digestLifeMs: number;
  /** This many characters of the newest batches are looked at when the store is opened; their digests are kept for it. */
  readonly checkedTail: number;
  /** How often old digests go. */
  readonly trimEveryMs: number;
  /** Batches, and characters of parcels, that may wait for their settlement before commands are refused (COM4). */
  readonly maxUnsettled: number;
  readonly maxUnsettledChars: number;
  readonly maxBatchBytes: number;
}
const MIB = 1024 * 1024;
export const LEVEL_LIMITS: LevelLimits = {
  writeBufferBytes: 32 * MIB,
  reserveBytes: 1024 * MIB,
  digestLifeMs: 7 * 24 * 3600 * 1000,
  checkedTail: 72 * MIB,
  trimEveryMs: 10_000,
  maxUnsettled: 64,
  maxUnsettledChars: 8 * MIB,
  maxBatchBytes: 700_000,
};

export interface LevelOptions {
  /** The data folder; made if it is not there. */
  readonly directory: string;
  /** How many partitions the installation has: fixed when it is created. */
  readonly partitions: number;
  readonly clock: Clock;
  readonly layout: LevelLayout;
  /** Something is wrong that an operator must know of. */
  readonly alarm: (message: string, cause?: unknown) => void;
  /** A write failed: the process is to stop. Called once. */
  readonly onFatal: (error: DuologError) => void;
  readonly limits?: Partial<LevelLimits>;
  /** Other files this program keeps in the data folder. */
  readonly alsoOurs?: readonly string[];
  readonly plant?: LevelPlant;
}

export interface Level<P extends ParcelData> {
  readonly ledger: Ledger<P>;
  readonly store: Store;
  readonly installation: Installation;
  /** For backup and fsck. */
  readonly db: Database;
  /** Waits for what is under way and closes the database. */
  close(): Promise<void>;
}

/** One partition as its owner in this process leaves it. */
interface Owned extends DigestLog {
  claim: string | undefined;
  stamp: number;
  /** Characters of the parcels of batches that are not settled, by stamp, oldest first. */
  readonly unsettled: Map<number, number>;
  unsettledChars: number;
  /** Settled, their parcels still stored: they go with the next batch. */
  settled: number[];
}

/** Opens the embedded store, or creates it in an empty folder. Rejects with what is to be done if it cannot be served. */
export const openLevel = async <P extends ParcelData>(options: LevelOptions): Promise<Level<P>> => {
  const limits = { ...LEVEL_LIMITS, ...options.limits };
  const { db, installation } = await openOrCreate({ ...options, writeBufferBytes: limits.writeBufferBytes });
  try {
    await checkWhole(db, options.directory, options.layout, limits.checkedTail);
  } catch (cause) {
    await db.close();
    throw cause;
  }
  const writer = levelWriter({ db, onFatal: options.onFatal, plant: options.plant });
  const { ledger, end } = createLedger<P>(db, writer, options, limits);
  return {
    ledger,
    store: levelStore(db, options.alarm),
    installation,
    db,
    close: async () => {
      end();
      await writer.idle();
      await db.close();
    },
  };
};

const createLedger = <P extends ParcelData>(
  db: Database,
  writer: LevelWriter,
  options: LevelOptions,
  limits: LevelLimits,
): { ledger: Ledger<P>; end: () => void } => {
  const { clock } = options;
  const loads = new Map<number, Promise<Owned>>();
  const owned = new Map<number, Owned>();
  const reserveBytes = Math.max(limits.reserveBytes, 4 * limits.writeBufferBytes);
  const space = watchSpace({ directory: options.directory, clock, reserveBytes, alarm: options.alarm });
  let ended = false;

  const load = async (partition: number): Promise<Owned> => {
    const newest = await newestDigest(db, partition);
    const state: Owned = {
      partition,
      claim: undefined,
      stamp: newest?.stamp ?? 0,
      total: newest?.row.total ?? 0,
      dropped: await readDropped(db, partition),
      unsettled: new Map(),
      unsettledChars: 0,
      settled: [],
      waiting: new Set(),
      closed: ended,
    };
    owned.set(partition, state);
    return state;
  };
  const loaded = (partition: number): Promise<Owned> => {
    let loading = loads.get(partition);
    if (loading === undefined) {
      loading = load(partition);
      loads.set(partition, loading);
    }
    return loading;
  };

  /** Adds what the ledger itself keeps of a batch or claim; everything later in the partition follows it. */
  const addOwn = (
    batch: WriteBatch,
    state: Owned,
    stamp: number,
    chars: number,
    digest: { grown: Batch['grown']; claim?: string },
  ): void => {
    for (const settled of state.settled) batch.del(parcelsKey(state.partition, settled));
    state.settled = [];
    state.total += chars;
    batch.put(digestKey(state.partition, stamp), encodeDigest({ after: state.stamp, total: state.total, ...digest }));
    state.stamp = stamp;
  };

  const readUnsettled = async (state: Owned): Promise<Claim<P>['unsettled']> => {
    const found = await db
      .iterator({ gt: parcelsKey(state.partition, 0), lte: parcelsKey(state.partition, LAST_STAMP) })
      .all();
    state.unsettled.clear();
    state.unsettledChars = 0;
    for (const [key, value] of found) keepUnsettled(state, stampOf(key), value.length);
    return found.map(([key, value]) => ({
      stamp: stampOf(key),
      parcels: JSON.parse(value.slice(1)) as PartitionParcels<P>[],
    }));
  };

  const keepUnsettled = (state: Owned, stamp: number, chars: number): void => {
    state.unsettled.set(stamp, chars);
    state.unsettledChars += chars;
  };

  const claim = async (partition: number): Promise<Claim<P> | undefined> => {
    const state = await loaded(partition);
    const id = randomId(16);
    state.claim = id;
    const stamp = Math.max(state.stamp + 1, Math.floor(clock.now() * 1_000));
    const batch = writer.begin();
    addOwn(batch, state, stamp, 0, { grown: {}, claim: id });
    await writer.write(batch);
    const unsettled = await readUnsettled(state);
    return state.claim === id ? { partition, id, stamp, unsettled } : undefined;
  };

  const trim = async (): Promise<void> => {
    const before = Math.floor((clock.now() - limits.digestLifeMs) * 1_000);
    for (const state of owned.values()) while (await trimDigests(db, writer, state, before, limits.checkedTail));
  };
  const trimLater = (): Timer =>
    clock.after(limits.trimEveryMs, () => {
      trim()
        .catch((cause: unknown) => options.alarm('Old digests could not be dropped.', cause))
        .finally(() => {
          if (!ended) trimming = trimLater();
        });
    });
  let trimming = trimLater();

  const commit = (batch: Batch<P>): Promise<CommitOutcome> => {
    const state = owned.get(batch.partition);
    if (state === undefined || state.claim !== batch.claim) return Promise.resolve('fenced');
    const { partition, stamp, rows, parcels } = batch;
    if (stamp <= state.stamp)
      return Promise.reject(new DuologError('internal', `stamp ${stamp} is not above ${state.stamp}`));
    const written = writer.begin();
    let chars = 0;
    for (const row of rows) {
      written.put(rowKey(row.partition, row.key), row.value);
      chars += row.partition.length + row.key.length + row.value.length;
    }
    if (parcels.length > 0) {
      const value = `1${JSON.stringify(parcels)}`;
      written.put(parcelsKey(partition, stamp), value);
      keepUnsettled(state, stamp, value.length);
    }
    addOwn(written, state, stamp, chars, { grown: batch.grown });
    return writer.write(written, batch.drops).then(() => {
      wakeFollowers(state);
      return 'stored';
    });
  };

  const release = async (partition: number, id: string): Promise<void> => {
    const state = owned.get(partition);
    if (state === undefined || state.claim !== id) return;
    state.claim = undefined;
    const batch = writer.begin();
    for (const settled of state.settled) batch.del(parcelsKey(partition, settled));
    state.settled = [];
    await writer.write(batch);
  };

  const readiness = (partition: number): Readiness => {
    if (space.full()) return 'storageFull';
    const state = owned.get(partition);
    const behind =
      state !== undefined &&
      (state.unsettled.size >= limits.maxUnsettled || state.unsettledChars >= limits.maxUnsettledChars);
    return behind ? 'overloaded' : 'ready';
  };

  const ledger: Ledger<P> = {
    window: 2,
    maxBatchBytes: limits.maxBatchBytes,
    claim,
    commit,
    settle: (partition, id, stamp) => {
      const state = owned.get(partition);
      if (state === undefined || state.claim !== id) return;
      for (const [unsettled, chars] of state.unsettled) {
        if (unsettled > stamp) break;
        state.unsettled.delete(unsettled);
        state.unsettledChars -= chars;
        state.settled.push(unsettled);
      }
    },
    release,
    readiness,
    follow: async function* (partition, after, signal) {
      yield* followDigests(db, await loaded(partition), after, signal);
    },
  };
  const end = (): void => {
    ended = true;
    trimming.cancel();
    for (const state of owned.values()) {
      state.closed = true;
      wakeFollowers(state);
    }
  };
  return { ledger, end };
};
