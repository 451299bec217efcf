/**
 * What keeps the rows of open runs (level-gather.ts): with each batch a row of those that they took, as `1` and JSON
 * `[partition, key, value, partition, key, value, …]`; a key '' says that the partition was removed. Until a run is closed nothing else holds
 * them, so they are put at their places before anything else is done with a database.
 */
import type { Row } from '../ports/store.ts';
import type { Database } from './level-folder.ts';
import { keptBounds } from './level-keys.ts';

export const encodeKept = (kept: readonly string[]): string => `1${JSON.stringify(kept)}`;

/** What keeps rows is none of what {@link encodeKept} makes. */
export class UnreadableKept extends Error {}

const parse = (value: string): unknown => {
  try {
    return value.startsWith('1') ? JSON.parse(value.slice(1)) : undefined;
  } catch {
    return undefined;
  }
};

const decodeKept = (value: string): readonly string[] => {
  const decoded = parse(value);
  if (Array.isArray(decoded) && decoded.length % 3 === 0 && decoded.every((part) => typeof part === 'string'))
    return decoded;
  throw new UnreadableKept(`kept rows of unknown format ${JSON.stringify(value.slice(0, 20))}`);
};

/** Rows that are kept, by partition, in order of key; some may be at their places already. And the keys of what keeps them. */
export const readKept = async (
  db: Database,
): Promise<{ readonly rows: ReadonlyMap<string, readonly Row[]>; readonly keys: readonly string[] }> => {
  const rows = new Map<string, Row[]>();
  const found = await db.iterator(keptBounds).all();
  for (const [, kept] of found) {
    const parts = decodeKept(kept);
    for (let i = 0; i < parts.length; i += 3) {
      const [partition = '', key = '', value = ''] = parts.slice(i, i + 3);
      if (key === '') rows.delete(partition);
      else if (!rows.get(partition)?.push({ partition, key, value })) rows.set(partition, [{ partition, key, value }]);
    }
  }
  return { rows, keys: found.map(([key]) => key) };
};
