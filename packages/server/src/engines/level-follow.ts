/** Digests of one partition for followers (COM7), and how old ones go. */
import type { Followed } from '../ports/ledger.ts';
import type { Database } from './level-folder.ts';
import { LAST_STAMP, decodeDigest, digestKey, droppedKey, stampOf, totalOfDigest } from './level-keys.ts';
import type { LevelWriter } from './level-writer.ts';

/** What followers and the trimming of one partition share with its commits. */
export interface DigestLog {
  readonly partition: number;
  /** Stamp up to which digests were dropped. */
  dropped: number;
  /** Characters of all batches so far. */
  total: number;
  /** Called back, once, after the next batch was stored or the ledger was closed. */
  readonly waiting: Set<() => void>;
  closed: boolean;
}

const PAGE = 256;
const TRIM_PAGE = 1_024;

/** Tells everybody who waits for the next batch. */
export const wakeFollowers = (log: DigestLog): void => {
  if (log.waiting.size === 0) return;
  const waiting = [...log.waiting];
  log.waiting.clear();
  for (const wake of waiting) wake();
};

/** A promise of the next batch, made before reading so that none is missed; `forget` when it is not waited for any more. */
const nextBatch = (log: DigestLog, signal: AbortSignal): { readonly arrived: Promise<void>; forget(): void } => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const arrive = (): void => resolve();
  log.waiting.add(arrive);
  signal.addEventListener('abort', arrive);
  if (signal.aborted || log.closed) arrive();
  return {
    arrived: promise,
    forget: () => {
      log.waiting.delete(arrive);
      signal.removeEventListener('abort', arrive);
    },
  };
};

export async function* followDigests(
  db: Database,
  log: DigestLog,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<Followed> {
  let position = after;
  while (!signal.aborted && !log.closed) {
    const next = nextBatch(log, signal);
    const page = await db
      .iterator({ gt: digestKey(log.partition, position), lte: digestKey(log.partition, LAST_STAMP), limit: PAGE })
      .all();
    if (position < log.dropped) {
      next.forget();
      position = log.dropped;
      yield { kind: 'reset' };
      continue;
    }
    if (page.length === 0) await next.arrived;
    next.forget();
    for (const [key, value] of page) {
      if (signal.aborted) return;
      position = stampOf(key);
      const { grown, claim } = decodeDigest(value);
      if (claim === undefined) yield { kind: 'digest', digest: { partition: log.partition, stamp: position, grown } };
    }
  }
}

/** The oldest digests of those given that more than `tail` characters of batches follow. */
const beforeTail = async (
  db: Database,
  log: DigestLog,
  keys: readonly string[],
  tail: number,
): Promise<readonly string[]> => {
  let some = keys;
  while (some.length > 0) {
    const value = await db.get(some.at(-1) ?? '');
    if (value !== undefined && log.total - totalOfDigest(value) > tail) return some;
    some = some.slice(0, some.length >> 1);
  }
  return some;
};

/**
 * Drops digests that are older than `before` (a stamp) as long as more than `tail` characters of batches follow them:
 * those are looked at when the store is opened. At most one page; true if there may be more.
 */
export const trimDigests = async (
  db: Database,
  writer: LevelWriter,
  log: DigestLog,
  before: number,
  tail: number,
): Promise<boolean> => {
  const bounds = { gt: digestKey(log.partition, log.dropped), lt: digestKey(log.partition, Math.max(before, 1)) };
  const keys = await db.keys({ ...bounds, limit: TRIM_PAGE }).all();
  const old = await beforeTail(db, log, keys, tail);
  const last = old.at(-1);
  if (last === undefined || log.closed) return false;
  log.dropped = stampOf(last);
  await writer.write({
    rows: [],
    drops: [],
    own: (batch) => {
      for (const key of old) batch.del(key);
      batch.put(droppedKey(log.partition), String(stampOf(last)));
    },
  });
  return old.length === TRIM_PAGE;
};
