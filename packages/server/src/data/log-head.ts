/** The end of an entity's log. There are no head rows: a log's head is its last row. */
import { KEYS, bucketKey, decodeJson, numberOf } from '../core/rows.ts';
import type { LogState } from '../core/rows.ts';
import type { KeyValue, Store } from '../ports/store.ts';

export interface LogHead {
  readonly log: LogState;
  /** The newest number, 0 for an empty log. */
  readonly head: number;
  /** The row it is in; undefined for an empty log, or when the newest bucket is named but not used yet. */
  readonly last: KeyValue | undefined;
}

/** Reads where a log ends: its newest bucket's name, then that bucket's last row. */
export const readLogHead = async (store: Store, entity: string): Promise<LogHead> =>
  endOf(store, entity, await store.get(entity, KEYS.log));

/** So many at once are found no slower than all. */
const ENDS_AT_ONCE = 16;

/** The same of several logs, in their order. */
export const readLogHeads = async (store: Store, entities: readonly string[]): Promise<readonly LogHead[]> => {
  const named = await store.getMany(entities.map((partition) => ({ partition, key: KEYS.log })));
  const heads: LogHead[] = [];
  for (let i = 0; i < entities.length; i += ENDS_AT_ONCE) {
    const some = entities.slice(i, i + ENDS_AT_ONCE);
    heads.push(...(await Promise.all(some.map((entity, at) => endOf(store, entity, named[i + at])))));
  }
  return heads;
};

const endOf = async (store: Store, entity: string, named: string | undefined): Promise<LogHead> => {
  const log = named === undefined ? { bucket: 0 } : decodeJson<LogState>(named);
  const [last] = await store.range(bucketKey(entity, log.bucket), { reverse: true, limit: 1 });
  if (last !== undefined) return { log, head: numberOf(log.bucket, last.key), last };
  // A bucket is named before it is used (COM1): the log ends with the bucket before.
  return { log, head: Math.max(0, numberOf(log.bucket, '0') - 1), last: undefined };
};
