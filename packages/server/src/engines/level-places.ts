/**
 * Where rows of logs lie in the embedded database. LevelDB rewrites old rows again and again when new ones arrive among
 * them: with logs spread over the whole order of keys a message costs twice the CPU once there are some millions. So
 * rows of logs lie in areas that are filled one after another: each shelf (those rows of a log's bucket whose keys begin
 * with the same character) lies where it was begun, and a row names the area of each shelf. Full areas are never written
 * again, and LevelDB moves their tables without reading them.
 * Measured in docs/decisions/0002-leveldb-settings.md.
 */
import type { KeyValue, Row, RowRef } from '../ports/store.ts';
import type { Database } from './level-folder.ts';
import { gatherRuns } from './level-gather.ts';
import type { Bucket } from './level-gather.ts';
import {
  afterCharacter,
  areaKey,
  areaName,
  areaNumber,
  firstOfShelf,
  partitionBounds,
  rowKey,
  shelfKey,
  shelvedKey,
} from './level-keys.ts';
import { lastKeyOf, readRunAt, shelfIn } from './level-runs.ts';
import type { Shelf } from './level-runs.ts';
import type { WriteBatch } from './level-writer.ts';

/** A snapshot to read from. */
export type Snapshot = ReturnType<Database['snapshot']>;

export interface Places {
  readonly isLog: (partition: string) => boolean;
  /**
   * Adds rows to a batch, from `from` on, as far as nothing has to be read: returns where it stopped, and all is added when
   * that is their end. `load` reads what is missing there; then it goes on. For the writer alone, one batch after another.
   */
  put(batch: WriteBatch, rows: readonly Row[], from: number): number;
  /** Reads what adding these rows takes. */
  load(rows: readonly Row[]): Promise<void>;
  /** Adds the removal of a partition's rows to a batch; they are never written again. */
  drop(batch: WriteBatch, partition: string): Promise<void>;
  /** Where rows are if each has a place of its own (level-runs.ts), in a snapshot; undefined for those that are nowhere. */
  find(rows: readonly RowRef[], snapshot: Snapshot): Promise<readonly (string | undefined)[]>;
  /** First characters and areas of a bucket's shelves, in order; undefined if reading is needed to know. */
  shelves(partition: string): readonly (readonly [first: string, area: string])[] | undefined;
}

/** Nothing in memory tells where the row is. */
const UNREAD = Symbol('unread');

/**
 * So many buckets are remembered at least, at most twice as many. More than one batch can touch: a shelf that a batch begins must
 * not be forgotten before the batch is written. (A batch of 700 kB, or a frame of a backup, holds some 17,000 rows at most.)
 */
const REMEMBERED = 50_000;

/** What the writer knows of buckets it has written to: two generations, the older one forgotten as a whole. */
const rememberBuckets = (): {
  get(partition: string): Bucket | undefined;
  set(partition: string, bucket: Bucket): void;
  delete(partition: string): void;
} => {
  let young = new Map<string, Bucket>();
  let old = new Map<string, Bucket>();
  const set = (partition: string, bucket: Bucket): void => {
    if (young.size >= REMEMBERED) [old, young] = [young, new Map<string, Bucket>()];
    young.set(partition, bucket);
  };
  return {
    get: (partition) => {
      const found = young.get(partition);
      if (found !== undefined) return found;
      const older = old.get(partition);
      if (older !== undefined) set(partition, older);
      return older;
    },
    set,
    delete: (partition) => {
      young.delete(partition);
      old.delete(partition);
    },
  };
};

/** `areaChars`: when an area holds so many characters, the next shelf begins another. */
export const createPlaces = async (
  db: Database,
  isLog: (partition: string) => boolean,
  areaChars: number,
): Promise<Places> => {
  const remembered = rememberBuckets();
  const runs = gatherRuns();
  // Every opening begins an area: how full the last one is need not be known.
  let number = areaNumber(await db.get(areaKey)) + 1;
  let [area, chars, named] = [areaName(number), 0, false];
  /** What `load` has read for a row that is to be written again. */
  let loaded: { readonly row: Row; readonly run: readonly KeyValue[] } | undefined;

  /** Only the writer writes, so what it reads here stays true while it is remembered. */
  const readBucket = async (partition: string): Promise<void> => {
    const bucket: Bucket = { areas: [], last: '', run: undefined };
    const noted = await db.iterator(partitionBounds(partition)).all();
    for (const [name, found] of noted) bucket.areas[firstOfShelf(name).charCodeAt(0)] = found;
    // The highest shelf has a row, unless it is damaged.
    for (const [name, found] of noted.toReversed()) {
      const last = await lastKeyOf(db, shelfIn(found, partition, firstOfShelf(name)));
      if (last === undefined) continue;
      bucket.last = last;
      break;
    }
    remembered.set(partition, bucket);
  };

  /** The stored run in which a row has its place; empty if there is none. */
  const readRun = async ({ partition, key }: Row): Promise<readonly KeyValue[]> => {
    const place = remembered.get(partition)?.areas[key.charCodeAt(0)];
    if (place === undefined) return [];
    const run = await readRunAt(db, shelfIn(place, partition, key), key);
    return (run[0]?.key ?? '') > key ? [] : run;
  };

  const begin = (batch: WriteBatch, { partition, key }: Row, { areas }: Bucket): string => {
    if (chars >= areaChars) {
      number += 1;
      [area, chars, named] = [areaName(number), 0, false];
    }
    if (!named) batch.put(areaKey, area);
    named = true;
    batch.put(shelfKey(partition, key), area);
    areas[key.charCodeAt(0)] = area;
    return area;
  };

  const shelfOf = (batch: WriteBatch, row: Row, bucket: Bucket): Shelf =>
    shelfIn(bucket.areas[row.key.charCodeAt(0)] ?? begin(batch, row, bucket), row.partition, row.key);

  /** Whether the row could be added without reading. */
  const add = (batch: WriteBatch, row: Row, bucket: Bucket): boolean => {
    if (row.key <= bucket.last)
      return runs.rewrite(row, bucket, shelfOf(batch, row, bucket), loaded?.row === row ? loaded.run : undefined);
    if (!runs.append(row, bucket)) runs.begin(row, bucket, shelfOf(batch, row, bucket));
    chars += row.partition.length + row.key.length + row.value.length;
    return true;
  };

  const known = (partition: string, key: string): string | undefined | typeof UNREAD => {
    if (!isLog(partition)) return rowKey(partition, key);
    const bucket = remembered.get(partition);
    if (bucket === undefined) return UNREAD;
    const place = bucket.areas[key.charCodeAt(0)];
    return place === undefined ? undefined : shelvedKey(place, partition, key);
  };

  return {
    isLog,
    shelves: (partition) =>
      remembered
        .get(partition)
        ?.areas.flatMap((place, first) => (place === undefined ? [] : [[String.fromCharCode(first), place] as const])),
    put: (batch, rows, from) => {
      for (let i = from; i < rows.length; i++) {
        const row = rows[i];
        if (row === undefined) break;
        const bucket = remembered.get(row.partition);
        if (bucket === undefined) {
          if (isLog(row.partition)) return i;
          batch.put(rowKey(row.partition, row.key), row.value);
        } else if (!add(batch, row, bucket)) return i;
      }
      runs.end(batch);
      // The batch may have changed it.
      loaded = undefined;
      return rows.length;
    },
    load: async (rows) => {
      const missing = new Set<string>();
      for (const { partition } of rows)
        if (remembered.get(partition) === undefined && isLog(partition)) missing.add(partition);
      await Promise.all([...missing].map(readBucket));
      const [row] = rows;
      if (missing.size === 0 && row !== undefined) loaded = { row, run: await readRun(row) };
    },
    drop: async (batch, partition) => {
      const noted = await db.iterator(partitionBounds(partition)).all();
      for (const [name, place] of noted) {
        batch.del(name);
        if (!isLog(partition)) continue;
        const first = firstOfShelf(name);
        const bounds = {
          gte: shelvedKey(place, partition, first),
          lt: shelvedKey(place, partition, afterCharacter(first)),
        };
        for await (const key of db.keys(bounds)) batch.del(key);
      }
      remembered.delete(partition);
    },
    find: async (rows, snapshot) => {
      const places = rows.map(({ partition, key }) => known(partition, key));
      const unread = rows.filter((_, i) => places[i] === UNREAD);
      const areas =
        unread.length === 0
          ? []
          : await db.getMany(
              unread.map(({ partition, key }) => shelfKey(partition, key)),
              { snapshot },
            );
      let next = 0;
      return rows.map(({ partition, key }, i) => {
        const place = places[i];
        if (place !== UNREAD) return place;
        const found = areas[next++];
        return found === undefined ? undefined : shelvedKey(found, partition, key);
      });
    },
  };
};
