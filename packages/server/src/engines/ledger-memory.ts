import { DuologError } from '@duolog/protocol';
import type { Batch, Claim, CommitOutcome, Digest, Followed, Ledger, ParcelData } from '../ports/ledger.ts';
import type { Clock } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';
import type { Conduct } from './faults.ts';
import { MemoryRows, openMemoryStore } from './store-memory.ts';

interface Held<P extends ParcelData> {
  claim: string;
  stamp: number;
  unsettled: Claim<P>['unsettled'][number][];
  digests: Digest[];
  /** Digests up to this stamp are not kept any more. */
  forgottenTo: number;
  readonly waiting: Set<() => void>;
}

/** What memory ledgers of one world share: rows, claims, parcels and digests. */
export class MemoryLedgerWorld<P extends ParcelData = ParcelData> {
  readonly rows = new MemoryRows();
  readonly #held = new Map<number, Held<P>>();

  held(partition: number): Held<P> {
    let held = this.#held.get(partition);
    if (held === undefined) {
      held = { claim: '', stamp: 0, unsettled: [], digests: [], forgottenTo: 0, waiting: new Set() };
      this.#held.set(partition, held);
    }
    return held;
  }

  /** Forgets the digests so far. */
  forgetDigests(partition: number): void {
    const held = this.held(partition);
    held.forgottenTo = held.digests.at(-1)?.stamp ?? held.forgottenTo;
    held.digests = [];
  }
}

const take = <P extends ParcelData>(rows: MemoryRows, held: Held<P>, batch: Batch<P>): CommitOutcome => {
  if (held.claim !== batch.claim) return 'fenced';
  if (batch.stamp <= held.stamp) throw new DuologError('internal', 'The stamp of a batch does not rise.');
  for (const { partition, key, value } of batch.rows) rows.write(partition, [{ key, value }], batch.stamp);
  for (const partition of batch.drops) rows.drop(partition, batch.stamp);
  held.stamp = batch.stamp;
  if (batch.parcels.length > 0) {
    // Parcels survive JSON by contract; passing them through it shows at once if some do not.
    held.unsettled.push({
      stamp: batch.stamp,
      parcels: JSON.parse(JSON.stringify(batch.parcels)) as typeof batch.parcels,
    });
  }
  held.digests.push({ partition: batch.partition, stamp: batch.stamp, grown: batch.grown });
  for (const wake of held.waiting) wake();
  return 'stored';
};

async function* followHeld<P extends ParcelData>(
  held: Held<P>,
  from: number,
  signal: AbortSignal,
): AsyncGenerator<Followed> {
  let after = from;
  while (!signal.aborted) {
    if (held.forgottenTo > after) {
      after = held.forgottenTo;
      yield { kind: 'reset' };
      continue;
    }
    const digest = held.digests.find(({ stamp }) => stamp > after);
    if (digest === undefined) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          held.waiting.delete(wake);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        held.waiting.add(wake);
        signal.addEventListener('abort', wake);
      });
      continue;
    }
    after = digest.stamp;
    yield { kind: 'digest', digest };
  }
}

/** Planted: a ledger whose write failed goes on with the next one. */
export type MemoryLedgerPlant = 'write-on';

const FAILED = Symbol('failed');

/** A write to a disk that may fail it, before it takes effect or after. */
const onDisk = <T>({ faults }: Conduct, effect: () => T): T | typeof FAILED => {
  if (faults.strikes(faults.rates.failedLost)) return FAILED;
  const outcome = effect();
  return faults.strikes(faults.rates.failedDone) ? FAILED : outcome;
};

/**
 * The atomic ledger in memory, with the store it writes, as one node sees them. Under a conduct writes take their time, a
 * dead node never learns of their outcome, the disk may be full, and after a write that failed nothing more is taken.
 */
export const openMemoryLedger = <P extends ParcelData = ParcelData>(
  world: MemoryLedgerWorld<P>,
  options: {
    readonly clock: Clock;
    readonly conduct?: Conduct;
    readonly window?: number;
    readonly randomId?: () => string;
    /** A write failed: the process is to stop. Called once. */
    readonly onFatal?: (error: DuologError) => void;
    readonly plants?: ReadonlySet<MemoryLedgerPlant>;
  },
): { readonly ledger: Ledger<P>; readonly store: Store } => {
  const { clock, conduct } = options;
  const randomId = options.randomId ?? ((): string => crypto.randomUUID());
  let failure: DuologError | undefined;
  const write = async <T>(effect: () => T): Promise<T> => {
    if (failure !== undefined && options.plants?.has('write-on') !== true) throw failure;
    if (conduct === undefined) return effect();
    const outcome = await once(conduct, () => onDisk(conduct, effect));
    if (outcome !== FAILED) return outcome;
    const error = new DuologError('internal', 'A write failed; the ledger takes nothing more.');
    if (failure === undefined) options.onFatal?.(error);
    failure ??= error;
    throw error;
  };
  /** Writes go one behind the other. */
  let last: Promise<unknown> = Promise.resolve();
  const inOrder = <T>(effect: () => T): Promise<T> => {
    const mine = last.then(() => write(effect));
    last = mine.catch(() => undefined);
    return mine;
  };
  const ledger: Ledger<P> = {
    window: options.window ?? 1,
    maxBatchBytes: 700_000,
    claim: (partition) =>
      inOrder(() => {
        const held = world.held(partition);
        held.claim = randomId();
        held.stamp = Math.max(held.stamp + 1, Math.floor(clock.now() * 1_000));
        return { partition, id: held.claim, stamp: held.stamp, unsettled: [...held.unsettled] };
      }),
    commit: (batch) => inOrder(() => take(world.rows, world.held(batch.partition), batch)),
    settle: (partition, claim, stamp) => {
      const held = world.held(partition);
      if (held.claim === claim) held.unsettled = held.unsettled.filter((batch) => batch.stamp > stamp);
    },
    release: (partition, claim) =>
      inOrder(() => {
        const held = world.held(partition);
        if (held.claim === claim) held.claim = '';
      }),
    readiness: () => (conduct?.faults.storageFull === true ? 'storageFull' : 'ready'),
    follow: (partition, after, signal) => followHeld(world.held(partition), after, signal),
  };
  return { ledger, store: openMemoryStore(world.rows, conduct) };
};

/** An effect that happens exactly once, some time from now. */
const once = async <T>(conduct: Conduct, effect: () => T): Promise<T> => {
  const { clock, world, faults } = conduct;
  return new Promise((resolve, reject) => {
    world.after(faults.within(faults.rates.delayMs), () => {
      const done = Promise.try(effect);
      clock.after(faults.within(faults.rates.delayMs), () => void done.then(resolve, reject));
    });
  });
};
