/** Damage of files in words. */
import { BUCKET_SIZE, numberOf } from '../../core/rows.ts';
import type { Damage, Unread } from '../../ports/damage.ts';
import type { RowRef } from '../../ports/store.ts';
import { isLog } from '../log-run.ts';

const PLACE = /^[0-9a-f]{1,3}$/;

/** Where a row is in the terms of this report: an entity, with a number of its log if there is one. */
const wordsOf = ({ partition, key }: RowRef): string => {
  if (partition === '') return 'the records of the store';
  if (!isLog(partition)) return partition;
  const [kind, id, bucket] = partition.split('/');
  const entity = `${kind === 't' ? 'c' : kind}/${id}`;
  // Where a span ends a key may be cut short.
  if (!PLACE.test(key) || !Number.isSafeInteger(Number(bucket))) return entity;
  const n = numberOf(Number(bucket), key.padEnd(3, '0').slice(0, 3));
  return n < BUCKET_SIZE * (Number(bucket) + 1) ? `number ${n} of ${entity}` : entity;
};

const spanOf = ({ from, to }: Unread): string => {
  const [first, last] = [wordsOf(from), wordsOf(to)];
  return first === last ? `in ${first}` : `from ${first} to ${last}`;
};

/** So many spans are told of one file. */
const MAX_SPANS = 3;

/** A sentence without its end: what is damaged, and which rows cannot be read because of it. */
export const sentenceOf = ({ what, unread }: Damage): string => {
  if (unread.length === 0) return what;
  const spans = unread.slice(0, MAX_SPANS).map(spanOf);
  const rest = unread.length - spans.length;
  return `${what}; what it has ${spans.join(', ')}${rest === 0 ? '' : ` and in ${rest} more places`} cannot be read`;
};
