/** Reading a database in which some keys are missing: rows whose place is not named, rows that may be missing or old. */
import type { Doubt } from '../ports/damage.ts';
import type { Database } from './level-folder.ts';
import { isInGap } from './level-gaps.ts';
import type { Gap } from './level-gaps.ts';
import {
  afterCharacter,
  areaBounds,
  areaOfPlace,
  firstOfShelf,
  keysOf,
  otherBounds,
  partitionBounds,
  rowKey,
  shelfKey,
  shelvedKey,
} from './level-keys.ts';

const PAGE = 1_000;

/**
 * Names the shelves again whose names cannot be read: rows of logs say themselves where they lie. For a copy alone, which
 * has one writer.
 */
export const nameShelves = async (db: Database, gaps: readonly Gap[]): Promise<void> => {
  if (!isInGap(gaps, otherBounds.gte, otherBounds.lt)) return;
  let last = '';
  const keys = db.keys(areaBounds);
  try {
    for (let page = await keys.nextv(PAGE); page.length > 0; page = await keys.nextv(PAGE)) {
      for (const place of page) {
        const [partition, key] = keysOf(place);
        const shelf = shelfKey(partition, key);
        if (shelf === last) continue;
        last = shelf;
        if (isInGap(gaps, shelf, `${shelf}\0`) && (await db.get(shelf)) === undefined)
          await db.put(shelf, areaOfPlace(place));
      }
    }
  } finally {
    await keys.close();
  }
};

/** The doubt that these gaps throw on rows. */
export const doubtOf = (db: Database, gaps: readonly Gap[], isLog: (partition: string) => boolean): Doubt => {
  const rowsOfLogsMiss = isInGap(gaps, areaBounds.gte, areaBounds.lt);
  return async (partition, after) => {
    if (gaps.length === 0) return false;
    const { gte, lt } = partitionBounds(partition);
    if (!isLog(partition)) return isInGap(gaps, after === undefined ? gte : rowKey(partition, `${after}\0`), lt);
    if (!rowsOfLogsMiss) return false;
    // A shelf whose name and rows are both missing.
    if (isInGap(gaps, after === undefined ? gte : shelfKey(partition, after), lt)) return true;
    for (const [name, area] of await db.iterator(partitionBounds(partition)).all()) {
      const first = firstOfShelf(name);
      if (after !== undefined && first < after.charAt(0)) continue;
      const start = after !== undefined && first === after.charAt(0) ? `${after}\0` : first;
      const end = shelvedKey(area, partition, afterCharacter(first));
      if (isInGap(gaps, shelvedKey(area, partition, start), end)) return true;
    }
    return false;
  };
};
