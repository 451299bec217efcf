/** Reading rows for a check: in pages, and taking nothing for granted that a row should be. */
import { BUCKET_SIZE, bucketKey, numberOf, unfoldRow } from '../../core/rows.ts';
import type { KeyValue, RowRef, Store } from '../../ports/store.ts';
import type { Findings } from './report.ts';

const PAGE = 1_000;

/** All rows of a partition, in order of key. */
export async function* rowsOf(store: Store, partition: string): AsyncGenerator<KeyValue> {
  for (let after: string | undefined; ;) {
    const page = await store.range(partition, after === undefined ? { limit: PAGE } : { after, limit: PAGE });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = last.key;
  }
}

/** Values of any number of rows, in the order asked for. */
export const valuesOf = async (store: Store, rows: readonly RowRef[]): Promise<readonly (string | undefined)[]> => {
  const values: (string | undefined)[] = [];
  for (let i = 0; i < rows.length; i += PAGE) values.push(...(await store.getMany(rows.slice(i, i + PAGE))));
  return values;
};

/** A JSON row, or a fault and undefined. The caller names the type of the row that this key holds. */
export const decoded = <T extends object>(
  found: Findings,
  entity: string,
  key: string,
  value: string,
): T | undefined => {
  const row = value.startsWith('1') ? parsed(value.slice(1)) : undefined;
  if (row === undefined) found.fault(entity, `the row "${key}" cannot be read`);
  return row as T | undefined;
};

/** An object of JSON; undefined if this is none. */
export const parsed = (json: string): object | undefined => {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
};

/** A number of a log with its value. */
export interface Numbered {
  readonly n: number;
  readonly value: string;
}

/** The numbers a row of a log holds; none, and a fault, if it cannot be told. */
const numbersOf = (found: Findings, entity: string, bucket: number, { key, value }: KeyValue): readonly Numbered[] => {
  const n = numberOf(bucket, key);
  try {
    const values = unfoldRow(value);
    return values.map((one, i) => ({ n: n - values.length + 1 + i, value: one }));
  } catch (cause) {
    found.fault(
      entity,
      `the row of number ${n} cannot be read (${cause instanceof Error ? cause.message : String(cause)})`,
    );
    return [];
  }
};

/**
 * Walks buckets `from` to `newest` of a log in pages, in order, and tells of numbers that are missing: the first is that
 * of the first bucket (1 in bucket 0), and none is left out. Yields what is there.
 */
export async function* walkLog(
  store: Store,
  found: Findings,
  entity: string,
  from: number,
  newest: number,
): AsyncGenerator<readonly Numbered[]> {
  let expected = Math.max(1, from * BUCKET_SIZE);
  for (let bucket = from; bucket <= newest; bucket++) {
    let after: string | undefined;
    for (;;) {
      const page = await store.range(
        bucketKey(entity, bucket),
        after === undefined ? { limit: PAGE } : { after, limit: PAGE },
      );
      found.logRows += page.length;
      const numbered = page.flatMap((row) => numbersOf(found, entity, bucket, row));
      for (const { n } of numbered) {
        if (n > expected) found.missing(entity, expected, n - 1);
        else if (n < expected) found.fault(entity, `number ${n} is there twice`);
        expected = n + 1;
      }
      yield numbered;
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE) break;
      after = last.key;
    }
    const end = (bucket + 1) * BUCKET_SIZE;
    if (bucket < newest && expected < end) {
      found.missing(entity, expected, end - 1);
      expected = end;
    }
  }
  const [beyond] = await store.range(bucketKey(entity, newest + 1), { limit: 1 });
  if (beyond !== undefined) found.fault(entity, `bucket ${newest + 1} is used but not named`);
}
