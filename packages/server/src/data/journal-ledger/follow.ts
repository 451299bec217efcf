/** Reading the digests of a partition's batches (COM7). */
import { KEYS, decodeJson, partitionKey } from '../../core/rows.ts';
import type { JournalRecord } from '../../ports/journal.ts';
import type { Followed, ParcelData } from '../../ports/ledger.ts';
import type { Checkpoint } from './checkpoint.ts';
import { decodeRecord } from './records.ts';
import type { Surroundings } from './surroundings.ts';
import { ifAvailable, wait } from './surroundings.ts';

const PAGE = 256;
/** How long to wait for news: of rows on their way, and of batches when hints of them get lost. */
const ROWS_POLL_MS = 50;
const JOURNAL_POLL_MS = 1_000;

interface Held {
  /** To be given once batches up to this stamp are readable. */
  readonly needs: number;
  readonly followed: Followed;
}

/** What a follower has read of the journal and not given on yet. */
class Following<P extends ParcelData> {
  readonly #around: Surroundings;
  readonly #partition: number;
  readonly #held: Held[] = [];
  #seenTo: number;
  #readableTo = 0;
  position = 0;

  constructor(around: Surroundings, partition: number, after: number) {
    this.#around = around;
    this.#partition = partition;
    this.#seenTo = after;
  }

  get waiting(): boolean {
    return this.#held.length > 0;
  }

  take({ position, bytes }: JournalRecord): void {
    const record = decodeRecord<P>(this.#around.formats, bytes);
    this.position = position;
    if (record.lastBatch > this.#seenTo) {
      this.#seenTo = record.lastBatch;
      this.#held.push({ needs: record.lastBatch, followed: { kind: 'reset' } });
    }
    if (record.kind === 'claim') return;
    this.readable(record.storedTo);
    if (record.stamp <= this.#seenTo) return;
    this.#seenTo = record.stamp;
    const digest = { partition: this.#partition, stamp: record.stamp, grown: record.grown };
    this.#held.push({ needs: record.stamp, followed: { kind: 'digest', digest } });
  }

  /** Batches up to this stamp have their rows stored. */
  readable(to: number): void {
    this.#readableTo = Math.max(this.#readableTo, to);
  }

  next(): Followed | undefined {
    const first = this.#held[0];
    if (first === undefined || first.needs > this.#readableTo) return undefined;
    this.#held.shift();
    return first.followed;
  }
}

/** A position below which all records are at or below this stamp: where to begin without reading everything that is kept. */
const positionBelow = async (around: Surroundings, partition: number, stamp: number): Promise<number> => {
  const state = await ifAvailable(around.journal.state(partition));
  let [low, high] = [0, state?.answer.last ?? 0];
  while (high - low > PAGE) {
    const middle = Math.floor((low + high) / 2);
    const found = (await ifAvailable(around.journal.read(partition, middle, 1)))?.answer[0];
    if (found === undefined) break;
    if (decodeRecord(around.formats, found.bytes).stamp <= stamp) low = found.position;
    else high = middle;
  }
  return low;
};

/**
 * Digests of the batches with a stamp above `after` whose rows are readable: a later record says so, or the checkpoint,
 * or `storedTo` (what an owner in this process knows).
 */
export async function* follow<P extends ParcelData>(
  around: Surroundings,
  partition: number,
  after: number,
  signal: AbortSignal,
  storedTo: () => number,
): AsyncGenerator<Followed> {
  const { journal, store, clock } = around;
  const following = new Following<P>(around, partition, after);
  following.position = await positionBelow(around, partition, after);
  const hint = { given: false, wake: (): void => undefined };
  const unwatch = journal.watch(partition, () => {
    hint.given = true;
    hint.wake();
  });
  try {
    while (!signal.aborted && !around.signal.aborted) {
      hint.given = false;
      const page = await ifAvailable(journal.read(partition, following.position, PAGE));
      for (const record of page?.answer ?? []) following.take(record);
      following.readable(storedTo());
      for (let next = following.next(); next !== undefined && !signal.aborted; next = following.next()) yield next;
      if (page !== undefined && page.answer.length > 0) continue;
      if (following.waiting) {
        const row = await ifAvailable(store.get(partitionKey(partition), KEYS.checkpoint));
        if (row?.answer !== undefined) following.readable(decodeJson<Checkpoint>(row.answer).stamp);
      }
      if (hint.given || signal.aborted) continue;
      const ms = following.waiting || page === undefined ? ROWS_POLL_MS : JOURNAL_POLL_MS;
      await wait(clock, ms, signal, (wake) => {
        hint.wake = wake;
      });
    }
  } finally {
    unwatch();
  }
}
