import { DuologError, randomId } from '@duolog/protocol';
import type { Clock, Timer } from '../ports/clock.ts';
import type {
  Batch,
  Claim,
  CommitOutcome,
  Followed,
  Ledger,
  ParcelData,
  PartitionParcels,
  Readiness,
} from '../ports/ledger.ts';
import { newestDigest, readDropped } from './level-chain.ts';
import type { Ease } from './level-ease.ts';
import type { DigestLog } from './level-follow.ts';
import { followDigests, trimDigests, wakeFollowers } from './level-follow.ts';
import type { Database } from './level-folder.ts';
import { LAST_STAMP, digestKey, encodeDigest, parcelsKey, stampOf } from './level-keys.ts';
import type { LevelLimits } from './level-limits.ts';
import { watchSpace } from './level-space.ts';
import type { FreeBytes, Space } from './level-space.ts';
import type { LevelWriter, WriteBatch } from './level-writer.ts';

/** One partition as its owners in this process leave it. */
interface Owned extends DigestLog {
  claim: string | undefined;
  /** Of the newest batch or claim that was given to the writer. */
  stamp: number;
  /** Characters of the parcels of batches that are not settled, by stamp, oldest first. */
  readonly unsettled: Map<number, number>;
  unsettledChars: number;
  /** Settled, their parcels still stored: they go with the next batch. */
  settled: number[];
}

export interface LevelLedgerOptions {
  readonly db: Database;
  readonly writer: LevelWriter;
  readonly ease: Ease;
  readonly directory: string;
  readonly clock: Clock;
  readonly limits: LevelLimits;
  readonly alarm: (message: string, cause?: unknown) => void;
  readonly freeBytes?: FreeBytes | undefined;
}

/** Removes the stored parcels of what was settled. */
const removeSettled = (batch: WriteBatch, state: Owned): void => {
  for (const stamp of state.settled) batch.del(parcelsKey(state.partition, stamp));
  state.settled = [];
};

/**
 * The ledger of the embedded store. Owners are of this process alone, so a claim fences the one before it by being
 * known; it is stored as well, in the chain of digests.
 */
export class LevelLedger<P extends ParcelData> implements Ledger<P> {
  readonly window: number;
  readonly maxBatchBytes: number;
  readonly #options: LevelLedgerOptions;
  readonly #space: Space;
  readonly #loads = new Map<number, Promise<Owned>>();
  readonly #owned = new Map<number, Owned>();
  #trimming: Timer;
  #ended = false;

  constructor(options: LevelLedgerOptions) {
    const { directory, clock, limits, alarm, freeBytes } = options;
    this.#options = options;
    this.window = limits.window;
    this.maxBatchBytes = limits.maxBatchBytes;
    const reserveBytes = Math.max(limits.reserveBytes, limits.reserveBytes === 0 ? 0 : 4 * limits.writeBufferBytes);
    this.#space = watchSpace({ directory, freeBytes, clock, reserveBytes, alarm });
    this.#trimming = this.#trimLater();
  }

  async claim(partition: number): Promise<Claim<P> | undefined> {
    const state = await this.#loaded(partition);
    const id = randomId(16);
    state.claim = id;
    const after = state.stamp;
    const stamp = Math.max(after + 1, Math.floor(this.#options.clock.now() * 1_000));
    state.stamp = stamp;
    await this.#options.writer.write({
      rows: [],
      drops: [],
      own: (batch) => {
        removeSettled(batch, state);
        batch.put(digestKey(partition, stamp), encodeDigest({ after, total: state.total, grown: [], claim: id }));
      },
    });
    const unsettled = await this.#readUnsettled(state);
    return state.claim === id ? { partition, id, stamp, unsettled } : undefined;
  }

  commit(batch: Batch<P>): Promise<CommitOutcome> {
    const { partition, stamp, rows, drops, parcels, grown } = batch;
    const state = this.#owned.get(partition);
    if (state === undefined || state.claim !== batch.claim) return Promise.resolve('fenced');
    const after = state.stamp;
    if (stamp <= after) return Promise.reject(new DuologError('internal', `Stamp ${stamp} is not above ${after}.`));
    state.stamp = stamp;
    const told = parcels.length === 0 ? undefined : `1${JSON.stringify(parcels)}`;
    if (told !== undefined) this.#keepUnsettled(state, stamp, told.length);
    const own = (written: WriteBatch, chars: number): void => {
      state.total += chars;
      removeSettled(written, state);
      if (told !== undefined) written.put(parcelsKey(partition, stamp), told);
      written.put(digestKey(partition, stamp), encodeDigest({ after, total: state.total, grown }));
    };
    const { writer, ease } = this.#options;
    return writer.write({ rows, drops, own }).then(() => {
      ease.look();
      wakeFollowers(state);
      return 'stored';
    });
  }

  settle(partition: number, claim: string, stamp: number): void {
    const state = this.#owned.get(partition);
    if (state === undefined || state.claim !== claim) return;
    for (const [unsettled, chars] of state.unsettled) {
      if (unsettled > stamp) break;
      state.unsettled.delete(unsettled);
      state.unsettledChars -= chars;
      state.settled.push(unsettled);
    }
  }

  async release(partition: number, claim: string): Promise<void> {
    const state = this.#owned.get(partition);
    if (state === undefined || state.claim !== claim) return;
    state.claim = undefined;
    await this.#options.writer.write({ rows: [], drops: [], own: (batch) => removeSettled(batch, state) });
  }

  readiness(partition: number): Readiness {
    if (this.#space.full()) return 'storageFull';
    const state = this.#owned.get(partition);
    if (state === undefined) return 'ready';
    const { maxUnsettled, maxUnsettledChars } = this.#options.limits;
    return state.unsettled.size >= maxUnsettled || state.unsettledChars >= maxUnsettledChars ? 'overloaded' : 'ready';
  }

  async *follow(partition: number, after: number, signal: AbortSignal): AsyncGenerator<Followed> {
    yield* followDigests(this.#options.db, await this.#loaded(partition), after, signal);
  }

  /** Ends followers and timers. */
  end(): void {
    this.#ended = true;
    this.#trimming.cancel();
    for (const state of this.#owned.values()) {
      state.closed = true;
      wakeFollowers(state);
    }
  }

  #loaded(partition: number): Promise<Owned> {
    let loading = this.#loads.get(partition);
    if (loading === undefined) {
      loading = this.#load(partition);
      this.#loads.set(partition, loading);
    }
    return loading;
  }

  async #load(partition: number): Promise<Owned> {
    const { db } = this.#options;
    const newest = await newestDigest(db, partition);
    const state: Owned = {
      partition,
      claim: undefined,
      stamp: newest?.stamp ?? 0,
      total: newest?.row.total ?? 0,
      dropped: await readDropped(db, partition),
      unsettled: new Map(),
      unsettledChars: 0,
      settled: [],
      waiting: new Set(),
      closed: this.#ended,
    };
    this.#owned.set(partition, state);
    return state;
  }

  async #readUnsettled(state: Owned): Promise<Claim<P>['unsettled']> {
    const bounds = { gt: parcelsKey(state.partition, 0), lte: parcelsKey(state.partition, LAST_STAMP) };
    const found = await this.#options.db.iterator(bounds).all();
    state.unsettled.clear();
    state.unsettledChars = 0;
    for (const [key, value] of found) this.#keepUnsettled(state, stampOf(key), value.length);
    return found.map(([key, value]) => ({
      stamp: stampOf(key),
      parcels: JSON.parse(value.slice(1)) as PartitionParcels<P>[],
    }));
  }

  #keepUnsettled(state: Owned, stamp: number, chars: number): void {
    state.unsettled.set(stamp, chars);
    state.unsettledChars += chars;
  }

  #trimLater(): Timer {
    const { clock, limits, ease, alarm } = this.#options;
    return clock.after(limits.trimEveryMs, () => {
      // What LevelDB deleted when nobody wrote any more goes now.
      ease.look();
      this.#trim()
        .catch((cause: unknown) => alarm('Old digests could not be dropped.', cause))
        .finally(() => {
          if (!this.#ended) this.#trimming = this.#trimLater();
        });
    });
  }

  async #trim(): Promise<void> {
    const { db, writer, clock, limits } = this.#options;
    const before = Math.floor((clock.now() - limits.digestLifeMs) * 1_000);
    for (const state of this.#owned.values()) while (await trimDigests(db, writer, state, before, limits.checkedTail));
  }
}
