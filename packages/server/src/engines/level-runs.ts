/**
 * Runs: rows of a log that came in one batch lie together in one row of the database, under the key of the last of them. A row of
 * the database costs as much as a few hundred bytes, and those who talk fast have several in each batch.
 * Measured in docs/decisions/0009-rows-of-a-batch-lie-together.md.
 */
import type { KeyValue, Range, Row, RowRef } from '../ports/store.ts';
import type { Database } from './level-folder.ts';
import { FIRST_ROW, afterCharacter, isShelved, shelvedKey, splitPlace } from './level-keys.ts';
import type { Snapshot } from './level-places.ts';

/** A run takes no further row that would make its values longer than this: who wants one row of it reads them all. */
export const RUN_CHARS = 4_096;

/** No value of the Store begins with it: formats are printable. */
const SEVERAL = '\u0001';

/** What is stored of rows, in order of key: a value alone as it is; several behind a line of their keys and lengths. */
export const encodeRun = (rows: readonly KeyValue[]): string => {
  const [first] = rows;
  if (rows.length === 1 && first !== undefined) return first.value;
  let [names, values] = ['', ''];
  for (const { key, value } of rows) {
    names += ` ${key} ${value.length}`;
    values += value;
  }
  return `${SEVERAL}${names.slice(1)}\n${values}`;
};

/** The rows of a run by what is stored under `key`, that of the last. Throws if it is nothing that {@link encodeRun} makes. */
export const decodeRun = (key: string, stored: string): readonly KeyValue[] => {
  if (!stored.startsWith(SEVERAL)) return [{ key, value: stored }];
  let start = stored.indexOf('\n') + 1;
  const names = stored.slice(1, start - 1).split(' ');
  const rows: KeyValue[] = [];
  for (let i = 0; i < names.length; i += 2) {
    const end = start + Number(names[i + 1]);
    rows.push({ key: names[i] ?? '', value: stored.slice(start, end) });
    start = end;
  }
  if (start !== stored.length || rows.at(-1)?.key !== key) throw new Error(`rows before ${key} do not fit together`);
  return rows;
};

/** What is stored under a key as the rows it holds. */
export type Decode = typeof decodeRun;

/** For a check, which has to read on: a run that cannot be told apart is one row with a value that none has, and the others are missing. */
export const decodeAnything: Decode = (key, stored) => {
  try {
    return decodeRun(key, stored);
  } catch {
    return [{ key, value: stored }];
  }
};

/** A shelf of a log's bucket: what the places of its rows begin with, and the first character of their keys. */
export interface Shelf {
  readonly prefix: string;
  readonly first: string;
}

/** The shelf of a key, or of those that begin with this character, in an area. */
export const shelfIn = (area: string, partition: string, key: string): Shelf => ({
  prefix: shelvedKey(area, partition, ''),
  first: key.charAt(0),
});

const endOf = ({ prefix, first }: Shelf): string => prefix + afterCharacter(first);

interface Bounds {
  readonly gt?: string;
  readonly gte?: string;
  readonly lt: string;
  readonly reverse?: boolean;
}

/** Reads runs, so many at once, until `take` says that there are enough. */
const readRuns = async (
  db: Database,
  { prefix }: Shelf,
  bounds: Bounds,
  atOnce: number,
  snapshot: Snapshot | undefined,
  decode: Decode,
  take: (key: string, rows: readonly KeyValue[]) => boolean,
): Promise<void> => {
  const runs = db.iterator({ ...bounds, snapshot });
  try {
    for (let page = await runs.nextv(atOnce); page.length > 0; page = await runs.nextv(atOnce)) {
      for (const [place, stored] of page) {
        const key = place.slice(prefix.length);
        if (take(key, decode(key, stored))) return;
      }
    }
  } finally {
    await runs.close();
  }
};

/** The rows of the run in which a key would lie: the first that does not end before it. */
export const readRunAt = async (
  db: Database,
  shelf: Shelf,
  key: string,
  snapshot?: Snapshot,
  decode: Decode = decodeRun,
): Promise<readonly KeyValue[]> => {
  let found: readonly KeyValue[] = [];
  const bounds = { gte: shelf.prefix + key, lt: endOf(shelf) };
  await readRuns(db, shelf, bounds, 1, snapshot, decode, (_, rows) => {
    found = rows;
    return true;
  });
  return found;
};

/** The highest key of a shelf; undefined if nothing is on it. */
export const lastKeyOf = async (db: Database, shelf: Shelf): Promise<string | undefined> => {
  const bounds = { gte: shelf.prefix + shelf.first, lt: endOf(shelf), reverse: true, limit: 1 };
  const [place] = await db.keys(bounds).all();
  return place?.slice(shelf.prefix.length);
};

/** Rows of a shelf in order of key (or the reverse). The range's bounds may lie on other shelves. */
export const rangeOfShelf = async (
  db: Database,
  shelf: Shelf,
  { after = '', before, reverse = false, limit }: Range,
  snapshot: Snapshot,
  decode: Decode,
): Promise<readonly KeyValue[]> => {
  const { prefix, first } = shelf;
  const found: KeyValue[] = [];
  const take = (key: string, rows: readonly KeyValue[]): boolean => {
    for (const row of reverse ? rows.toReversed() : rows)
      if (found.length < limit && row.key > after && (before === undefined || row.key < before)) found.push(row);
    return found.length === limit || (!reverse && before !== undefined && key >= before);
  };
  const low = after < first ? { gte: prefix + first } : { gt: prefix + after };
  const end = endOf(shelf);
  if (!reverse) {
    await readRuns(db, shelf, { ...low, lt: end }, limit, snapshot, decode, take);
    return found;
  }
  const high = before === undefined || before > afterCharacter(first) ? end : prefix + before;
  // The run across the upper bound has its place behind it.
  if (before !== undefined && high !== end) take(before, await readRunAt(db, shelf, before, snapshot, decode));
  if (found.length < limit) await readRuns(db, shelf, { ...low, lt: high, reverse }, limit, snapshot, decode, take);
  return found;
};

type Wanted = readonly { readonly key: string; readonly at: number }[];

/** Reads rows of a shelf that are inside of runs: those that end with another row. */
const readInside = async (
  db: Database,
  shelf: Shelf,
  wanted: Wanted,
  snapshot: Snapshot,
  decode: Decode,
  values: (string | undefined)[],
): Promise<void> => {
  const missing = wanted.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  let looked = 0;
  const take = (end: string, rows: readonly KeyValue[]): boolean => {
    const found = new Map(rows.map(({ key, value }) => [key, value]));
    const before = looked;
    for (let row = missing[looked]; row !== undefined && row.key <= end; row = missing[++looked])
      values[row.at] = found.get(row.key);
    // What is wanted next may be far from a run of which nothing was.
    return looked === before || looked === missing.length;
  };
  for (let row = missing[0]; row !== undefined;) {
    const bounds = { gt: shelf.prefix + row.key, lt: endOf(shelf) };
    await readRuns(db, shelf, bounds, missing.length - looked, snapshot, decode, take);
    // Nothing is above it.
    if (missing[looked] === row) return;
    row = missing[looked];
  }
};

/** More at once gain nothing: they take memory, and keep all others waiting until each has begun. */
const SHELVES_AT_ONCE = 64;

/** Values of rows, undefined where there is none. `places`: where each is if it ends a run or is in no log. */
export const valuesAt = async (
  db: Database,
  rows: readonly RowRef[],
  places: readonly (string | undefined)[],
  snapshot: Snapshot,
  decode: Decode,
): Promise<readonly (string | undefined)[]> => {
  const stored = await db.getMany(
    places.filter((place) => place !== undefined),
    { snapshot },
  );
  const inside = new Map<string, Shelf & { readonly wanted: { readonly key: string; readonly at: number }[] }>();
  let next = 0;
  const values = rows.map(({ key }, at) => {
    const place = places[at];
    const value = place === undefined ? undefined : stored[next++];
    if (place === undefined || !isShelved(place)) return value;
    if (value !== undefined) return decode(key, value).at(-1)?.value;
    const [prefix, first] = [place.slice(0, -key.length), key.charAt(0)];
    const shelf = inside.get(prefix + first) ?? { prefix, first, wanted: [] };
    shelf.wanted.push({ key, at });
    inside.set(prefix + first, shelf);
    return undefined;
  });
  const shelves = [...inside.values()];
  for (let i = 0; i < shelves.length; i += SHELVES_AT_ONCE)
    await Promise.all(
      shelves
        .slice(i, i + SHELVES_AT_ONCE)
        .map((shelf) => readInside(db, shelf, shelf.wanted, snapshot, decode, values)),
    );
  return values;
};

/** The rows at a place, each with the place it would have by itself; none if what is stored there is no row of the Store. */
const rowsAt = (place: string, stored: string, decode: Decode): readonly (readonly [place: string, row: Row])[] => {
  const [partition, last] = splitPlace(place) ?? [];
  if (partition === undefined || last === undefined) return [];
  if (!isShelved(place)) return [[place, { partition, key: last, value: stored }]];
  const prefix = place.slice(0, -last.length);
  return decode(last, stored).map(({ key, value }) => [prefix + key, { partition, key, value }]);
};

/** Pages of all rows of the Store above a place (from the lowest, if none is given), in order of the places each has by itself. */
export async function* pagesAbove(
  db: Database,
  place: string | undefined,
  atOnce: number,
  snapshot: Snapshot | undefined,
  decode: Decode = decodeRun,
): AsyncGenerator<readonly (readonly [place: string, row: Row])[]> {
  const runs = db.iterator({ ...(place === undefined ? { gte: FIRST_ROW } : { gt: place }), snapshot });
  try {
    for (let page = await runs.nextv(atOnce); page.length > 0; page = await runs.nextv(atOnce)) {
      const rows = page.flatMap(([at, stored]) => rowsAt(at, stored, decode));
      // The place may be inside of the first run.
      yield place === undefined ? rows : rows.filter(([own]) => own > place);
    }
  } finally {
    await runs.close();
  }
}
