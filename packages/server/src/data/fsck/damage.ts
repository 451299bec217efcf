/** Damage of files in words. */
import { PLACE_CHARS, numberOf } from '../../core/rows.ts';
import type { Damage, Unread } from '../../ports/damage.ts';
import type { RowRef } from '../../ports/store.ts';
import { isLog } from '../log-run.ts';

const PLACE = new RegExp(`^[0-9a-f]{1,${PLACE_CHARS}}\0?$`);

/** The number in a log that a span begins or ends with. */
const numberAt = (bucket: number, key: string, end: keyof Unread): number => {
  const n = numberOf(bucket, key.slice(0, PLACE_CHARS).replace('\0', '').padEnd(PLACE_CHARS, '0'));
  // Logs begin with number 1.
  if (end === 'from') return key.length > PLACE_CHARS ? n + 1 : Math.max(1, n);
  // A key that is cut short is below all that it begins.
  return key.length < PLACE_CHARS ? n - 1 : n;
};

/** Where a row is in the terms of this report: an entity, with a number of its log if there is one. */
const wordsOf = ({ partition, key }: RowRef, end: keyof Unread): string => {
  if (partition === '') return 'the records of the store';
  if (!isLog(partition)) return partition;
  const [kind, id, bucket] = partition.split('/');
  const entity = `${kind === 't' ? 'c' : kind}/${id}`;
  return PLACE.test(key) && bucket !== undefined ? `number ${numberAt(Number(bucket), key, end)} of ${entity}` : entity;
};

const spanOf = ({ from, to }: Unread): string => {
  const [first, last] = [wordsOf(from, 'from'), wordsOf(to, 'to')];
  return first === last ? `in ${first}` : `from ${first} to ${last}`;
};

/** So many spans are told of one file. */
const MAX_SPANS = 3;

/** A sentence without its end: what is damaged, and which rows cannot be read because of it. */
export const sentenceOf = ({ what, unread }: Damage): string => {
  if (unread.length === 0) return what;
  const spans = unread.slice(0, MAX_SPANS).map(spanOf);
  const rest = unread.length - spans.length;
  return `${what}: its rows ${spans.join(', ')}${rest === 0 ? '' : ` and in ${rest} more places`} cannot be read`;
};
