/** Invariants that hold after every single write of the store, whoever wrote it and whenever it landed. */
import { BUCKET_SIZE, decodeEntry, logRow, numberOf } from '../../packages/server/src/core/rows.ts';
import type { MemoryRows } from '../../packages/server/src/engines/store-memory.ts';
import type { KeyValue } from '../../packages/server/src/ports/store.ts';

export type Violated = (rule: string, detail: string) => void;

/** The entity and number of a log row, or undefined for any other row. */
const placeOf = (partition: string, key: string): { readonly entity: string; readonly n: number } | undefined => {
  const [kind, id, bucket] = partition.split('/');
  if ((kind !== 'c' && kind !== 'u') || bucket === undefined) return undefined;
  return { entity: `${kind}/${id}`, n: numberOf(Number(bucket), key) };
};

const has = (rows: MemoryRows, entity: string, n: number): boolean => {
  const { partition, key } = logRow(entity, n);
  return rows.get(partition, key) !== undefined;
};

/**
 * Watches the rows: what a number of a log holds never changes, no number is readable before the one below it, and what
 * an entry points to is readable before the entry is (SYN1).
 */
export const watchRows = (rows: MemoryRows, violated: Violated): void => {
  const write = rows.write.bind(rows);
  rows.write = (partition: string, changes: readonly KeyValue[], stamp: number): void => {
    const before = changes.map(({ key }) => rows.get(partition, key));
    write(partition, changes, stamp);
    for (const [i, { key }] of changes.entries()) {
      const value = rows.get(partition, key);
      if (value === before[i] || value === undefined) continue;
      const place = placeOf(partition, key);
      if (place === undefined) continue;
      const { entity, n } = place;
      if (before[i] !== undefined) violated('COM1', `${entity} ${n} was ${before[i]} and is now ${value}`);
      if (n > 1 && n % BUCKET_SIZE !== 0 && !has(rows, entity, n - 1))
        violated('SYN1', `${entity} ${n} is readable and ${n - 1} is not`);
      const entry = entity.startsWith('u/') ? decodeEntry(value) : undefined;
      if (entry?.kind === 'pointer' && !has(rows, `c/${entry.conversation}`, entry.seq)) {
        violated('SYN1', `entry ${n} of ${entity} points to ${entry.conversation} ${entry.seq}, which is not readable`);
      }
    }
  };
};
