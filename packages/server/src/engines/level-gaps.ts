/** Which keys of the database cannot be read, because blocks or whole tables are damaged. */
import type { Damage, Unread } from '../ports/damage.ts';
import type { RowRef } from '../ports/store.ts';
import type { Database } from './level-folder.ts';
import { isShelved, keysOf, shelfOfPlace } from './level-keys.ts';
import { sentenceOf } from './level-tables.ts';
import type { DamagedTable } from './level-tables.ts';
import { keyOf } from './level-varint.ts';

/** Keys from one to another, both included. Those that can be read may be older than what was last written. */
export interface Gap {
  readonly from: string;
  readonly to: string;
}

/** The lowest key above another. */
const next = (key: string): string => `${key}\0`;

/** What cannot be read of a damaged table, in order. */
export const gapsOfTable = ({ table, state }: DamagedTable): readonly Gap[] => {
  if (state.kind === 'whole') return [];
  if (state.kind === 'unreadable') return [{ from: table.smallest, to: table.largest }];
  const gaps: Gap[] = [];
  let from = table.smallest;
  for (const entry of state.entries) {
    const key = keyOf(entry.key);
    const to = key < table.largest ? key : table.largest;
    if (state.bad.has(entry)) gaps.push({ from, to });
    from = next(key);
  }
  return joined(gaps);
};

/** In order, with those that touch or overlap made one. */
export const joined = (gaps: readonly Gap[]): readonly Gap[] => {
  const apart: Gap[] = [];
  for (const gap of gaps.toSorted((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0))) {
    const last = apart.at(-1);
    if (last !== undefined && gap.from <= next(last.to))
      apart[apart.length - 1] = { from: last.from, to: last.to > gap.to ? last.to : gap.to };
    else apart.push(gap);
  }
  return apart;
};

/** Whether a key from `gte` to below `lt` is in one of the gaps, which are in order and apart. */
export const isInGap = (gaps: readonly Gap[], gte: string, lt: string): boolean => {
  let [low, high] = [0, gaps.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((gaps[middle]?.to ?? '') < gte) low = middle + 1;
    else high = middle;
  }
  const gap = gaps[low];
  return gap !== undefined && gap.from < lt;
};

const refOf = (place: string): RowRef => {
  const [partition, key] = keysOf(place);
  return { partition, key };
};

/** The first row that cannot be read where keys from this one on are missing: a run lies at the key of its last row. */
const firstUnread = async (db: Database, from: string): Promise<RowRef> => {
  const ref = refOf(from);
  if (!isShelved(from)) return ref;
  const [below] = await db.keys({ gte: shelfOfPlace(from), lt: from, reverse: true, limit: 1 }).all();
  return below === undefined ? { partition: ref.partition, key: ref.key.charAt(0) } : refOf(next(below));
};

/** A table's damage, with the rows that cannot be read because of it: those that `db`, a copy without them, has not. */
export const damageOf = async (db: Database, damaged: DamagedTable): Promise<Damage> => {
  const unread: Unread[] = [];
  for (const { from, to } of gapsOfTable(damaged)) unread.push({ from: await firstUnread(db, from), to: refOf(to) });
  return { what: sentenceOf(damaged), unread };
};
