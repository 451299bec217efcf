/** The embedded database as a Store. */
import { DuologError } from '@duolog/protocol';
import type { KeyValue, Range, Row, RowRef, Store } from '../ports/store.ts';
import type { Database } from './level-folder.ts';
import {
  FIRST_ROW,
  afterCharacter,
  firstOfShelf,
  partitionBounds,
  rowKey,
  shelvedKey,
  splitPlace,
} from './level-keys.ts';
import { UNREAD } from './level-places.ts';
import type { Places, Snapshot } from './level-places.ts';

export interface LevelStoreOptions {
  readonly db: Database;
  readonly places: Places;
  /** A read failed: disk or database are damaged. */
  readonly alarm: (message: string, cause: unknown) => void;
  /** Everything is read from it; without one each read sees the newest. */
  readonly snapshot?: Snapshot | undefined;
}

interface Bounds {
  gt?: string;
  gte?: string;
  lt: string;
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
): Promise<readonly KeyValue[]> => {
  const { limit, reverse = false, after, before } = range;
  const shelves = places.shelves(partition) ?? (await readShelves(db, partition, snapshot));
  const rows: KeyValue[] = [];
  for (const [first, area] of reverse ? shelves.toReversed() : shelves) {
    if (rows.length === limit) break;
    if ((after !== undefined && first < after.charAt(0)) || (before !== undefined && first > before.charAt(0)))
      continue;
    const bounds: Bounds = {
      lt: shelvedKey(area, partition, first === before?.charAt(0) ? before : afterCharacter(first)),
    };
    if (after !== undefined && first === after.charAt(0)) bounds.gt = shelvedKey(area, partition, after);
    else bounds.gte = shelvedKey(area, partition, first);
    const found = await db.iterator({ ...bounds, limit: limit - rows.length, reverse, snapshot }).all();
    const keyAt = shelvedKey(area, partition, '').length;
    for (const [place, value] of found) rows.push({ key: place.slice(keyAt), value });
  }
  return rows;
};

/** Reads of the database. One that fails tells `alarm` and rejects with `internal`. */
export const levelStore = ({ db, places, alarm, snapshot: pinned }: LevelStoreOptions): Store => {
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

  const getAt = async (
    asked: readonly (string | undefined)[],
    snapshot = pinned,
  ): Promise<readonly (string | undefined)[]> => {
    const keys = asked.filter((place) => place !== undefined);
    const found = await db.getMany(keys, snapshot === undefined ? {} : { snapshot });
    if (keys.length === asked.length) return found;
    let next = 0;
    return asked.map((place) => (place === undefined ? undefined : found[next++]));
  };

  const getMany = (rows: readonly RowRef[]): Promise<readonly (string | undefined)[]> => {
    const known: (string | undefined)[] = [];
    for (const { partition, key } of rows) {
      const place = places.known(partition, key);
      if (place === UNREAD) return together(async (snapshot) => getAt(await places.find(rows, snapshot), snapshot));
      known.push(place);
    }
    return getAt(known);
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
    get: (partition, key) =>
      reading(async () => {
        const place = places.known(partition, key);
        if (place === UNREAD) return (await getMany([{ partition, key }]))[0];
        return place === undefined ? undefined : db.get(place, from);
      }),
    getMany: (rows) => reading(() => getMany(rows)),
    range: (partition, range) =>
      reading(() =>
        places.isLog(partition)
          ? together((snapshot) => rangeOfLog(db, places, partition, range, snapshot))
          : rangeOfRows(partition, range),
      ),
    scan: (after, limit) =>
      reading(async () => {
        const start = after === undefined ? { gte: FIRST_ROW } : { gt: after };
        const found = await db.iterator({ ...start, limit, ...from }).all();
        const rows = found.flatMap(([place, value]): readonly Row[] => {
          const names = splitPlace(place);
          return names === undefined ? [] : [{ partition: names[0], key: names[1], value }];
        });
        return { rows, next: found.length < limit ? undefined : found.at(-1)?.[0] };
      }),
  };
};
