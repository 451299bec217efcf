/**
 * Where things are in the embedded database, in its order of keys:
 * what the ledger keeps for itself, behind the byte 1;
 * rows that are in no log: `<partition> NUL <key>`; and for each shelf of a log's bucket its area: `<partition> NUL`, the byte
 * 1, first character of the keys;
 * rows of logs, in areas (level-places.ts): the byte 127, area, `/`, `<partition> NUL <key>`.
 * Partitions and keys are printable ASCII, so rows of a partition lie together, in order of key.
 */
import type { Grown } from '../ports/ledger.ts';

const SEPARATOR = '\0';
const OWN = '\u0001';
const SHELVED = '\u007f';
/** Below every row of the Store, above the ledger's own. */
export const FIRST_ROW = '\u0002';
/** Bounds of all rows that are in no log, and of what is noted of shelves. */
export const otherBounds = { gte: FIRST_ROW, lt: SHELVED } as const;

export const rowKey = (partition: string, key: string): string => partition + SEPARATOR + key;
/** Bounds of all rows of a partition that is no log, or of what is noted of one that is. */
export const partitionBounds = (partition: string): { readonly gte: string; readonly lt: string } => ({
  gte: partition + SEPARATOR,
  lt: partition + OWN,
});
/** Names the area of a shelf. */
export const shelfKey = (partition: string, key: string): string => partition + SEPARATOR + OWN + key.charAt(0);
/** The first character of the keys on a shelf, by what names its area. */
export const firstOfShelf = (place: string): string => place.slice(-1);
export const shelvedKey = (area: string, partition: string, key: string): string =>
  `${SHELVED}${area}/${partition}${SEPARATOR}${key}`;

export const isShelved = (place: string): boolean => place.startsWith(SHELVED);

/** Above every key on the shelf of this character, below the next shelf. */
export const afterCharacter = (first: string): string => String.fromCharCode(first.charCodeAt(0) + 1);

/** The row at a place: the names of its partition and key; undefined for what is no row of the Store. */
export const splitPlace = (place: string): readonly [partition: string, key: string] | undefined => {
  const start = place.startsWith(SHELVED) ? place.indexOf('/') + 1 : 0;
  const cut = place.indexOf(SEPARATOR, start);
  if (cut < 0 || place.startsWith(OWN) || place.startsWith(OWN, cut + 1)) return undefined;
  return [place.slice(start, cut), place.slice(cut + 1)];
};

/** What a place is about, also if it is cut short or no row of the Store: names of partition and key, as far as there are any. */
export const keysOf = (place: string): readonly [partition: string, key: string] => {
  if (place.startsWith(OWN)) return ['', ''];
  const start = place.startsWith(SHELVED) ? place.indexOf('/') + 1 : 0;
  const cut = place.indexOf(SEPARATOR, start);
  if (cut < 0) return [place.slice(start), ''];
  const key = place.slice(cut + 1);
  return [place.slice(start, cut), key.startsWith(OWN) ? '' : key];
};

/** The area of a row of a log, by its place. */
export const areaOfPlace = (place: string): string => place.slice(SHELVED.length, place.indexOf('/'));

/** Below every row of the same shelf, by the place of one of them, which may be cut short. */
export const shelfOfPlace = (place: string): string => {
  const cut = place.indexOf(SEPARATOR);
  return cut < 0 ? place : place.slice(0, cut + 2);
};

/** Above every row of the same shelf, by the place of one of them. */
export const endOfShelf = (place: string): string => {
  const shelf = shelfOfPlace(place);
  return shelf.slice(0, -1) + afterCharacter(shelf.slice(-1));
};

/** Bounds of all areas. */
export const areaBounds = { gte: SHELVED, lt: afterCharacter(SHELVED) } as const;

/** Names the newest area. */
export const areaKey = `${OWN}area`;
export const areaName = (number: number): string => String(number).padStart(8, '0');
export const areaNumber = (name: string | undefined): number => Number(name ?? 0);

const numbered = (kind: string, partition: number): string => `${OWN}${kind}/${String(partition).padStart(5, '0')}`;
const stamped = (prefix: string, stamp: number): string => `${prefix}/${String(stamp).padStart(16, '0')}`;

/** The digest of the batch with this stamp (COM7). */
export const digestKey = (partition: number, stamp: number): string => stamped(numbered('digest', partition), stamp);
/** Parcels of the batch with this stamp, until they are settled (COM4). */
export const parcelsKey = (partition: number, stamp: number): string => stamped(numbered('parcels', partition), stamp);
/** Bounds of the parcels of all partitions. */
export const parcelsBounds = { gte: `${OWN}parcels/`, lt: `${OWN}parcels0` } as const;
/** Stamp up to which digests were dropped. */
export const droppedKey = (partition: number): string => numbered('dropped', partition);
/** At least every stamp. */
export const LAST_STAMP = Number.MAX_SAFE_INTEGER;
export const stampOf = (key: string): number => Number(key.slice(-16));

/** What a digest row says of its batch. */
export interface DigestRow {
  /** Stamp of the batch or claim before it in its partition; 0 for the first. */
  readonly after: number;
  /** Characters of the values in all batches of the partition up to and including this one: at most as many as their bytes in the log. */
  readonly total: number;
  readonly grown: Grown;
  /** It is no batch but a claim. */
  readonly claim?: string;
}

/** `1<after> <total> <claim>|<grown as JSON>`: what is needed often stands in front and takes no parsing of the rest. */
export const encodeDigest = (row: DigestRow): string =>
  `1${row.after} ${row.total} ${row.claim ?? ''}|${JSON.stringify(row.grown)}`;
const split = (value: string): { readonly head: readonly string[]; readonly grown: string } => {
  const bar = value.indexOf('|');
  const head = value.slice(1, bar).split(' ');
  if (value[0] !== '1' || bar < 0 || head.length !== 3)
    throw new Error(`digest of unknown format ${JSON.stringify(value.slice(0, 20))}`);
  return { head, grown: value.slice(bar + 1) };
};
export const decodeDigest = (value: string): DigestRow => {
  const { head, grown } = split(value);
  const [after, total, claim = ''] = head;
  const row = { after: Number(after), total: Number(total), grown: JSON.parse(grown) as Grown };
  return claim === '' ? row : { ...row, claim };
};
export const totalOfDigest = (value: string): number => Number(split(value).head[1]);
