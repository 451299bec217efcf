/** The embedded database as a Store. */
import { DuologError } from '@duolog/protocol';
import type { KeyValue, Range, Row, RowRef, Store } from '../ports/store.ts';
import type { Database } from './level-folder.ts';
import { firstOfShelf, partitionBounds, rowKey } from './level-keys.ts';
import type { Places, Snapshot } from './level-places.ts';
import { decodeRun, pagesAbove, rangeOfShelf, shelfIn, valuesAt } from './level-runs.ts';
import type { Decode } from './level-runs.ts';

export interface LevelStoreOptions {
  readonly db: Database;
  readonly places: Places;
  /** A read failed: disk or database are damaged. */
  readonly alarm: (message: string, cause: unknown) => void;
  /** Everything is read from it; without one each read sees the newest. */
  readonly snapshot?: Snapshot | undefined;
  /** How stored runs are read; without it as what they have to be. */
  readonly decode?: Decode;
}

const readShelves = async (
  db: Database,
  partition: string,
  snapshot: Snapshot,
): Promise<readonly (readonly [first: string, area: string])[]> =>
  (await db.iterator({ ...partitionBounds(partition), snapshot }).all()).map(([name, area]) => [
    firstOfShelf(name),
    area,
  ]);

/** Rows of a log: shelves are in order of their first character, so one after another they give the rows in order. */
const rangeOfLog = async (
  db: Database,
  places: Places,
  partition: string,
  range: Range,
  snapshot: Snapshot,
  decode: Decode,
): Promise<readonly KeyValue[]> => {
  const { limit, reverse = false, after, before } = range;
  const shelves = places.shelves(partition) ?? (await readShelves(db, partition, snapshot));
  const rows: KeyValue[] = [];
  for (const [first, area] of reverse ? shelves.toReversed() : shelves) {
    if (rows.length === limit) break;
    if ((after !== undefined && first < after.charAt(0)) || (before !== undefined && first > before.charAt(0)))
      continue;
    rows.push(
      ...(await rangeOfShelf(
        db,
        shelfIn(area, partition, first),
        { ...range, limit: limit - rows.length },
        snapshot,
        decode,
      )),
    );
  }
  return rows;
};

/** A page of everything. `after` and `next` are places that rows have by themselves, so a page may end inside of a run. */
const scanFrom = async (
  db: Database,
  after: string | undefined,
  limit: number,
  snapshot: Snapshot | undefined,
  decode: Decode,
): ReturnType<Store['scan']> => {
  const found: (readonly [place: string, row: Row])[] = [];
  for await (const page of pagesAbove(db, after, limit, snapshot, decode)) {
    found.push(...page);
    if (found.length > limit) break;
  }
  const rows = found.slice(0, limit);
  return { rows: rows.map(([, row]) => row), next: found.length > limit ? rows.at(-1)?.[0] : undefined };
};

/** Reads of the database. One that fails tells `alarm` and rejects with `internal`. */
export const levelStore = ({ db, places, alarm, snapshot: pinned, decode = decodeRun }: LevelStoreOptions): Store => {
  const from = pinned === undefined ? {} : { snapshot: pinned };

  const reading = async <T>(read: () => Promise<T>): Promise<T> => {
    try {
      return await read();
    } catch (cause) {
      if (db.status !== 'open') throw new DuologError('unavailable', 'The store is closed.', { cause });
      alarm('Reading the store failed.', cause);
      throw new DuologError('internal', 'Reading the store failed.', { cause });
    }
  };

  /** Reads that belong together: where a log's rows are, and the rows. */
  const together = async <T>(read: (snapshot: Snapshot) => Promise<T>): Promise<T> => {
    if (pinned !== undefined) return read(pinned);
    const snapshot = db.snapshot();
    try {
      return await read(snapshot);
    } finally {
      await snapshot.close();
    }
  };

  const getMany = (rows: readonly RowRef[]): Promise<readonly (string | undefined)[]> => {
    if (rows.some(({ partition }) => places.isLog(partition)))
      return together(async (snapshot) => valuesAt(db, rows, await places.find(rows, snapshot), snapshot, decode));
    return db.getMany(
      rows.map(({ partition, key }) => rowKey(partition, key)),
      from,
    );
  };

  const rangeOfRows = async (
    partition: string,
    { after, before, limit, reverse = false }: Range,
  ): Promise<readonly KeyValue[]> => {
    const { gte, lt } = partitionBounds(partition);
    const low = after === undefined ? { gte } : { gt: rowKey(partition, after) };
    const high = before === undefined ? lt : rowKey(partition, before);
    const found = await db.iterator({ ...low, lt: high, limit, reverse, ...from }).all();
    return found.map(([place, value]) => ({ key: place.slice(partition.length + 1), value }));
  };

  return {
    get: (partition, key) => reading(async () => (await getMany([{ partition, key }]))[0]),
    getMany: (rows) => reading(() => getMany(rows)),
    range: (partition, range) =>
      reading(() =>
        places.isLog(partition)
          ? together((snapshot) => rangeOfLog(db, places, partition, range, snapshot, decode))
          : rangeOfRows(partition, range),
      ),
    scan: (after, limit) => reading(() => scanFrom(db, after, limit, pinned, decode)),
  };
};
