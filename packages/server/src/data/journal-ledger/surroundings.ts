/** What every part of the journal-then-store ledger works with. */
import { DuologError } from '@duolog/protocol';
import type { Clock } from '../../ports/clock.ts';
import type { Journal } from '../../ports/journal.ts';
import type { Store, StoreWriter } from '../../ports/store.ts';
import type { LedgerPlant } from './plants.ts';
import type { RecordFormat } from './records.ts';

/** What one who runs the ledger should know. */
export interface LedgerNotice {
  readonly partition: number;
  /** `alarm`: the partition stands still until a person looks. */
  readonly kind: 'alarm' | 'lost' | 'claimed' | 'journalFull' | 'trimFailed';
  readonly text: string;
  readonly cause?: unknown;
}

export interface Surroundings {
  readonly journal: Journal;
  readonly store: Store;
  readonly writer: StoreWriter;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly randomId: () => string;
  readonly notice: (notice: LedgerNotice) => void;
  readonly formats: readonly [RecordFormat, ...RecordFormat[]];
  readonly liveFormats: () => readonly (readonly number[])[];
  readonly followedTo: (partition: number) => number;
  readonly plants: ReadonlySet<LedgerPlant>;
}

const FIRST_WAIT_MS = 5;
const LONGEST_WAIT_MS = 500;

/** Waits; ends early when `wake` is called with its argument, or a signal aborts. */
export const wait = (
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  wakeBy?: (wake: () => void) => void,
): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = clock.after(ms, done);
    signal.addEventListener('abort', done);
    wakeBy?.(done);
    if (signal.aborted) done();
  });

/** Waits before the n-th repeat of something, longer each time. Rejects when the ledger is stopped. */
export const waitToRepeat = async (around: Surroundings, n: number): Promise<void> => {
  await wait(around.clock, Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(n, 10)), around.signal);
  if (around.signal.aborted) throw new DuologError('unavailable', 'The ledger was stopped.');
};

/** The answer, or undefined if there is none to be had now; other failures go on. */
export const ifAvailable = async <T>(asked: Promise<T>): Promise<{ readonly answer: T } | undefined> => {
  try {
    return { answer: await asked };
  } catch (error) {
    if (error instanceof DuologError && error.code === 'unavailable') return undefined;
    throw error;
  }
};

/** Asks until there is an answer. */
export const untilAvailable = async <T>(around: Surroundings, ask: () => Promise<T>): Promise<T> => {
  for (let n = 0; ; n++) {
    const found = await ifAvailable(ask());
    if (found !== undefined) return found.answer;
    await waitToRepeat(around, n);
  }
};

/** Repeats a write unchanged until it is known to be stored (COM9). */
export const untilStored = async (around: Surroundings, write: () => Promise<'stored' | 'unknown'>): Promise<void> => {
  for (let n = 0; ; n++) {
    const written = await ifAvailable(write());
    if (written?.answer === 'stored') return;
    await waitToRepeat(around, n);
  }
};
