/**
 * Where rows of logs lie in the embedded database. LevelDB rewrites old rows again and again when new ones arrive among
 * them: with logs spread over the whole order of keys a message costs twice the CPU once there are some millions. So
 * rows of logs lie in areas that are filled one after another: each shelf (those rows of a log's bucket whose keys begin
 * with the same character) lies where it was begun, and a row names the area of each shelf. Full areas are never written
 * again, and LevelDB moves their tables without reading them.
 * Measured in docs/decisions/0002-leveldb-settings.md.
 */
import type { Row, RowRef } from '../ports/store.ts';
import type { Database } from './level-folder.ts';
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
import type { WriteBatch } from './level-writer.ts';

/** A snapshot to read from. */
export type Snapshot = ReturnType<Database['snapshot']>;

/** The areas of all shelves of one bucket, by first character of their keys. */
type Shelves = (string | undefined)[];

export interface Places {
  readonly isLog: (partition: string) => boolean;
  /**
   * Adds rows to a batch, from `from` on, as far as nothing has to be read: returns where it stopped. `load` reads what is
   * missing there; then it goes on. For the writer alone, one batch after another.
   */
  put(batch: WriteBatch, rows: readonly Row[], from: number): number;
  /** Reads what adding these rows takes. */
  load(rows: readonly Row[]): Promise<void>;
  /** Adds the removal of a partition's rows to a batch; they are never written again. */
  drop(batch: WriteBatch, partition: string): Promise<void>;
  /** Where rows are, in a snapshot; undefined for those that are nowhere. */
  find(rows: readonly RowRef[], snapshot: Snapshot): Promise<readonly (string | undefined)[]>;
  /** The same as far as no reading is needed: `unread` for those where it is. */
  known(partition: string, key: string): string | undefined | typeof UNREAD;
  /** First characters and areas of a bucket's shelves, in order; undefined if reading is needed to know. */
  shelves(partition: string): readonly (readonly [first: string, area: string])[] | undefined;
}

/** Nothing in memory tells where the row is. */
export const UNREAD = Symbol('unread');

/**
 * So many buckets are remembered at least, at most twice as many. More than one batch can touch: a shelf that a batch begins must
 * not be forgotten before the batch is written. (A batch of 700 kB, or a frame of a backup, holds some 17,000 rows at most.)
 */
const REMEMBERED = 50_000;

/** What the writer knows of buckets it has written to: two generations, the older one forgotten as a whole. */
const rememberShelves = (): {
  get(partition: string): Shelves | undefined;
  set(partition: string, shelves: Shelves): void;
  delete(partition: string): void;
} => {
  let young = new Map<string, Shelves>();
  let old = new Map<string, Shelves>();
  const set = (partition: string, shelves: Shelves): void => {
    if (young.size >= REMEMBERED) [old, young] = [young, new Map<string, Shelves>()];
    young.set(partition, shelves);
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
  const remembered = rememberShelves();
  // Every opening begins an area: how full the last one is need not be known.
  let number = areaNumber(await db.get(areaKey)) + 1;
  let [area, chars, named] = [areaName(number), 0, false];

  /** Only the writer begins shelves, so what it reads here stays true while it is remembered. */
  const read = async (partition: string): Promise<void> => {
    const shelves: Shelves = [];
    for (const [name, found] of await db.iterator(partitionBounds(partition)).all())
      shelves[firstOfShelf(name).charCodeAt(0)] = found;
    remembered.set(partition, shelves);
  };

  const begin = (batch: WriteBatch, partition: string, key: string, shelves: Shelves): string => {
    if (chars >= areaChars) {
      number += 1;
      [area, chars, named] = [areaName(number), 0, false];
    }
    if (!named) batch.put(areaKey, area);
    named = true;
    batch.put(shelfKey(partition, key), area);
    shelves[key.charCodeAt(0)] = area;
    return area;
  };

  const putShelved = (batch: WriteBatch, { partition, key, value }: Row, shelves: Shelves): void => {
    const place = shelves[key.charCodeAt(0)] ?? begin(batch, partition, key, shelves);
    chars += partition.length + key.length + value.length;
    batch.put(shelvedKey(place, partition, key), value);
  };

  const known: Places['known'] = (partition, key) => {
    if (!isLog(partition)) return rowKey(partition, key);
    const shelves = remembered.get(partition);
    if (shelves === undefined) return UNREAD;
    const place = shelves[key.charCodeAt(0)];
    return place === undefined ? undefined : shelvedKey(place, partition, key);
  };

  return {
    isLog,
    known,
    shelves: (partition) =>
      remembered
        .get(partition)
        ?.flatMap((place, first) => (place === undefined ? [] : [[String.fromCharCode(first), place] as const])),
    put: (batch, rows, from) => {
      for (let i = from; i < rows.length; i++) {
        const row = rows[i];
        if (row === undefined) break;
        const shelves = remembered.get(row.partition);
        if (shelves !== undefined) putShelved(batch, row, shelves);
        else if (isLog(row.partition)) return i;
        else batch.put(rowKey(row.partition, row.key), row.value);
      }
      return rows.length;
    },
    load: async (rows) => {
      const missing = new Set<string>();
      for (const { partition } of rows)
        if (remembered.get(partition) === undefined && isLog(partition)) missing.add(partition);
      await Promise.all([...missing].map(read));
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
