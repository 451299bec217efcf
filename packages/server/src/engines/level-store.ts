/** The embedded database as a Store. */
import { DuologError } from '@duolog/protocol';
import type { KeyValue, Range, Row, Store } from '../ports/store.ts';
import type { Database } from './level-folder.ts';
import { FIRST_ROW, partitionBounds, rowKey, splitRowKey } from './level-keys.ts';

/**
 * Reads of the database. A read that fails means that the disk or the database is damaged; `alarm` is told, and the
 * read rejects with `internal`.
 */
export const levelStore = (db: Database, alarm: (message: string, cause: unknown) => void): Store => {
  const failed = (cause: unknown): DuologError => {
    if (db.status !== 'open') return new DuologError('unavailable', 'The store is closed.', { cause });
    alarm('reading the store failed', cause);
    return new DuologError('internal', 'Reading the store failed.', { cause });
  };

  const bounds = (partition: string, range: Range): { gt?: string; gte?: string; lt: string } => {
    const { gte, lt } = partitionBounds(partition);
    const from = range.after === undefined ? { gte } : { gt: rowKey(partition, range.after) };
    return { ...from, lt: range.before === undefined ? lt : rowKey(partition, range.before) };
  };

  return {
    get: async (partition, key) => {
      try {
        return await db.get(rowKey(partition, key));
      } catch (cause) {
        throw failed(cause);
      }
    },
    getMany: async (rows) => {
      try {
        return await db.getMany(rows.map(({ partition, key }) => rowKey(partition, key)));
      } catch (cause) {
        throw failed(cause);
      }
    },
    range: async (partition, range) => {
      try {
        const { limit, reverse = false } = range;
        const found = await db.iterator({ ...bounds(partition, range), limit, reverse }).all();
        return found.map(([place, value]): KeyValue => ({ key: place.slice(partition.length + 1), value }));
      } catch (cause) {
        throw failed(cause);
      }
    },
    scan: async (after, limit) => {
      try {
        const from = after === undefined ? { gte: FIRST_ROW } : { gt: after };
        const found = await db.iterator({ ...from, limit }).all();
        const rows = found.map(([place, value]): Row => {
          const [partition, key] = splitRowKey(place);
          return { partition, key, value };
        });
        return { rows, next: found.length < limit ? undefined : found.at(-1)?.[0] };
      } catch (cause) {
        throw failed(cause);
      }
    },
  };
};
