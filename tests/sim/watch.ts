/** Invariants that hold after every single write of the store, whoever wrote it and whenever it landed. */
import { BUCKET_SIZE, decodeEntry, logRow, numberOf, unfoldRow } from '../../packages/server/src/core/rows.ts';
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

/** Whether the row above this one in its bucket holds its number as well. */
const isHeldTwice = (rows: MemoryRows, partition: string, key: string, n: number): boolean => {
  const [above] = rows.range(partition, { after: key, limit: 1 });
  const place = above === undefined ? undefined : placeOf(partition, above.key);
  return above !== undefined && place !== undefined && place.n - unfoldRow(above.value).length < n;
};

/**
 * Watches the rows: what a number of a log holds never changes, it is in one row, no number is readable before the one
 * below it, and what an entry points to is readable before the entry is (SYN1).
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
      const held = unfoldRow(value);
      const first = n - held.length + 1;
      if (first > 1 && first % BUCKET_SIZE !== 0 && !has(rows, entity, first - 1))
        violated('SYN1', `${entity} ${first} is readable and ${first - 1} is not`);
      for (let inside = first; inside < n; inside++)
        if (has(rows, entity, inside)) violated('COM1', `${entity} ${inside} is in two rows`);
      if (isHeldTwice(rows, partition, key, n)) violated('COM1', `${entity} ${n} is in two rows`);
      if (!entity.startsWith('u/')) continue;
      for (const [at, one] of held.entries()) {
        const entry = decodeEntry(one);
        if (entry.kind === 'pointer' && !has(rows, `c/${entry.conversation}`, entry.seq))
          violated(
            'SYN1',
            `entry ${first + at} of ${entity} points to ${entry.conversation} ${entry.seq}, which is not readable`,
          );
      }
    }
  };
};
