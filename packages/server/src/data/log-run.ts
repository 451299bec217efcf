/** Reading what is in a log: conversations and users are cut into buckets alike. */
import { DuologError } from '@duolog/protocol';
import { BUCKET_SIZE, bucketKey, bucketOf, numberOf, placeInBucket, unfoldRow } from '../core/rows.ts';
import type { Store } from '../ports/store.ts';

/** Whether a Store partition is a bucket of a log (`c/…/0`, `u/…/0`, `t/…/0`): its rows come in order of their keys. */
export const isLog = (partition: string): boolean => partition.includes('/', 2);

/** Tells the operator that the store is damaged, and makes the error that says so to whoever asked. */
export type Damaged = (what: string) => DuologError;

export const alarmed =
  (alarm: (message: string) => void): Damaged =>
  (what) => {
    alarm(`The store is damaged: ${what}. "duolog fsck" tells what else is.`);
    return new DuologError('internal', 'What was asked for is damaged in the store.');
  };

/**
 * The values of the numbers after `after`, at most `limit`: a contiguous run that ends with the log. Empty as well if
 * the bucket of the next number is not there (any more). A hole is damage.
 */
export const readRun = async (
  store: Store,
  entity: string,
  after: number,
  limit: number,
  damaged: Damaged,
): Promise<readonly string[]> => {
  const values: string[] = [];
  while (values.length < limit) {
    const next = after + values.length + 1;
    const bucket = bucketOf(next);
    const from = next % BUCKET_SIZE === 0 ? {} : { after: placeInBucket(next - 1) };
    const rows = await store.range(bucketKey(entity, bucket), { ...from, limit: limit - values.length });
    for (const { key, value } of rows) {
      // So many rows may hold more numbers than were asked for.
      if (values.length >= limit) break;
      const expected = after + values.length + 1;
      const held = unfoldRow(value);
      const before = expected - (numberOf(bucket, key) - held.length + 1);
      // The first row may hold numbers from before those asked for.
      if (before < 0 || (before > 0 && values.length > 0)) throw damaged(`number ${expected} of ${entity} is missing`);
      values.push(...(before === 0 ? held : held.slice(before)));
    }
    if (bucketOf(after + values.length + 1) === bucket) break;
  }
  return values.length > limit ? values.slice(0, limit) : values;
};

/** The values of the numbers `from` to `to`, both included, all of which exist. */
export const readSpan = async (
  store: Store,
  entity: string,
  from: number,
  to: number,
  damaged: Damaged,
): Promise<readonly string[]> => {
  const values = await readRun(store, entity, from - 1, to - from + 1, damaged);
  if (values.length < to - from + 1) throw damaged(`number ${from + values.length} of ${entity} is missing`);
  return values;
};
