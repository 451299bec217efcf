/** Checks that no batch is missing in the middle: each digest names the stamp before it, and what it says has grown is there. */
import type { RowRef, Store } from '../ports/store.ts';
import type { Database } from './level-folder.ts';
import type { Places, Snapshot } from './level-places.ts';
import type { DigestRow } from './level-keys.ts';
import { LAST_STAMP, decodeDigest, digestKey, droppedKey, endOfShelf, shelfOfPlace, stampOf } from './level-keys.ts';

/** Where the core puts things; the engine knows no more of it. */
export interface LevelLayout {
  /** The row of the installation. */
  readonly installation: RowRef;
  /** The row that holds number `n` of an entity's log. */
  readonly logRow: (entity: string, n: number) => RowRef;
  /** Whether a Store partition is a part of a log: its rows are written once, in order of key. */
  readonly isLog: (partition: string) => boolean;
  /** So many numbers of a log are in one row, at most. */
  readonly maxNumbersOfRow: number;
}

export interface ChainOptions {
  readonly db: Database;
  readonly store: Store;
  readonly places: Places;
  readonly layout: LevelLayout;
}

const from = (snapshot: Snapshot | undefined): { snapshot?: Snapshot } => (snapshot === undefined ? {} : { snapshot });

const PAGE = 512;
const MAX_FAULTS = 20;

/** The partitions that have digests. */
export const digestPartitions = async (db: Database, snapshot?: Snapshot): Promise<readonly number[]> => {
  const partitions: number[] = [];
  for (let next = 0; ;) {
    const [key] = await db
      .keys({ gt: digestKey(next, 0), lt: digestKey(99_999, LAST_STAMP), limit: 1, ...from(snapshot) })
      .all();
    if (key === undefined) return partitions;
    const partition = Number(key.slice(-22, -17));
    partitions.push(partition);
    next = partition + 1;
  }
};

/** The newest digest of a partition. */
export const newestDigest = async (
  db: Database,
  partition: number,
  snapshot?: Snapshot,
): Promise<{ readonly stamp: number; readonly row: DigestRow } | undefined> => {
  const [found] = await db
    .iterator({
      gt: digestKey(partition, 0),
      lte: digestKey(partition, LAST_STAMP),
      reverse: true,
      limit: 1,
      ...from(snapshot),
    })
    .all();
  return found === undefined ? undefined : { stamp: stampOf(found[0]), row: decodeDigest(found[1]) };
};

export const readDropped = async (db: Database, partition: number): Promise<number> =>
  Number((await db.get(droppedKey(partition))) ?? 0);

/** Walks one partition's digests back from the newest; notes where the logs named end. */
const walkChain = async (
  db: Database,
  partition: number,
  tail: number,
  ends: Map<string, number>,
): Promise<string | undefined> => {
  const dropped = await readDropped(db, partition);
  let before = LAST_STAMP + 1;
  let expected: number | undefined;
  let newestTotal = 0;
  for (;;) {
    const page = await db
      .iterator({ gt: digestKey(partition, 0), lt: digestKey(partition, before), reverse: true, limit: PAGE })
      .all();
    for (const [key, value] of page) {
      const stamp = stampOf(key);
      const row = decodeDigest(value);
      if (expected === undefined) newestTotal = row.total;
      else if (stamp !== expected)
        return `a batch of partition ${partition} is missing (stamp ${expected}; the one before is ${stamp})`;
      for (const [entity, , to] of row.grown) if (!ends.has(entity)) ends.set(entity, to);
      expected = row.after;
      before = stamp;
      if (newestTotal - row.total > tail || expected <= dropped) return undefined;
    }
    if (page.length < PAGE)
      return expected === undefined ? undefined : `a batch of partition ${partition} is missing (stamp ${expected})`;
  }
};

type End = readonly [entity: string, to: number];

/** Whether there is a row on the shelf of this place, there or above it. */
const isAnyFrom = async (db: Database, place: string, snapshot: Snapshot): Promise<boolean> => {
  const bounds = { gte: place, lt: endOfShelf(place), limit: 1, snapshot };
  return (await db.keys(bounds).all()).length > 0;
};

/** Which of the logs go on beyond their ends: not always at the next number, since a row may hold several. */
const goingOn = async (
  { db, places, layout }: ChainOptions,
  ends: readonly End[],
  snapshot: Snapshot,
): Promise<readonly boolean[]> => {
  const rows = ends.flatMap(([entity, to]) => [
    layout.logRow(entity, to + 1),
    layout.logRow(entity, to + layout.maxNumbersOfRow),
  ]);
  const found = await places.find(rows, snapshot);
  return Promise.all(
    ends.map(async (_, i) => {
      const [next, farthest] = [found[2 * i], found[2 * i + 1]];
      if (next !== undefined && (await isAnyFrom(db, next, snapshot))) return true;
      return farthest !== undefined && isAnyFrom(db, shelfOfPlace(farthest), snapshot);
    }),
  );
};

/** Which of the logs do not end where the digests say. */
const checkEnds = async (options: ChainOptions, ends: ReadonlyMap<string, number>): Promise<readonly string[]> => {
  const { db, store, layout } = options;
  const faults: string[] = [];
  const all = [...ends];
  const snapshot = db.snapshot();
  try {
    for (let i = 0; i < all.length && faults.length < MAX_FAULTS; i += PAGE) {
      const some = all.slice(i, i + PAGE);
      const found = await store.getMany(some.map(([entity, to]) => layout.logRow(entity, to)));
      const beyond = await goingOn(options, some, snapshot);
      for (const [j, [entity, to]] of some.entries()) {
        if (found[j] === undefined) faults.push(`number ${to} of ${entity} is missing`);
        if (beyond[j] === true) faults.push(`${entity} goes on beyond number ${to}, where it should end`);
      }
    }
  } finally {
    await snapshot.close();
  }
  return faults;
};

/**
 * What is wrong with the newest batches, as sentences; empty if nothing is. `tail`: so many characters of batches are
 * looked at, counted back from the newest of each partition.
 */
export const faultsOfChain = async (options: ChainOptions, tail: number): Promise<readonly string[]> => {
  const { db } = options;
  const ends = new Map<string, number>();
  const faults: string[] = [];
  for (const partition of await digestPartitions(db)) {
    const fault = await walkChain(db, partition, tail, ends).catch(
      (cause: unknown) =>
        `the digests of partition ${partition} cannot be read (${cause instanceof Error ? cause.message : String(cause)})`,
    );
    if (fault !== undefined) faults.push(fault);
  }
  return faults.length > 0 ? faults : checkEnds(options, ends);
};
