/**
 * The one way into the embedded database: batches in call order, each fsynced, one under way at a time. After a failed
 * write LevelDB loses acknowledged batches (its log goes on behind bytes that were never written), so nothing is written
 * after one.
 */
import { DuologError } from '@duolog/protocol';
import type { Database } from './level-folder.ts';
import type { Row } from '../ports/store.ts';
import type { Places } from './level-places.ts';

/** Faults that a torture test plants, and must find: batches are not fsynced; a failed write is taken for a success. */
export type LevelPlant = 'no-sync' | 'write-on';

export type WriteBatch = ReturnType<Database['batch']>;

/** What one write of the database holds. */
interface Write {
  readonly rows: readonly Row[];
  /** Store partitions whose rows go. */
  readonly drops: readonly string[];
  /** Adds what the ledger keeps for itself. Called when everything before is written; `chars`: characters of the rows' values. */
  readonly own: (batch: WriteBatch, chars: number) => void;
}

export interface LevelWriter {
  /** Writes after everything given before. Rejects with `internal` after any failure. */
  write(write: Write): Promise<void>;
  /** Resolves when everything given so far was tried. */
  idle(): Promise<void>;
}

export interface LevelWriterOptions {
  readonly db: Database;
  readonly places: Places;
  /** Told once, after the first failed write: the process is to stop. */
  readonly onFatal: (error: DuologError) => void;
  readonly plant?: LevelPlant | undefined;
}

/** Names are left out: rows that lie together share them. */
const charsOf = (rows: readonly Row[]): number => {
  let chars = 0;
  for (const { value } of rows) chars += value.length;
  return chars;
};

export const levelWriter = ({ db, places, onFatal, plant }: LevelWriterOptions): LevelWriter => {
  const sync = plant !== 'no-sync';
  let failure: DuologError | undefined;
  let tail: Promise<void> = Promise.resolve();

  const fail = (cause: unknown): DuologError => {
    const error = new DuologError(
      'internal',
      'Writing to the store failed; the process stops and writes no more. Look at the disk, then start again.',
      { cause },
    );
    if (failure === undefined) onFatal(error);
    failure ??= error;
    return error;
  };

  const writeNow = async ({ rows, drops, own }: Write): Promise<void> => {
    if (failure !== undefined) throw failure;
    try {
      const batch = db.batch();
      for (let put = places.put(batch, rows, 0); put < rows.length; put = places.put(batch, rows, put))
        await places.load(rows.slice(put));
      own(batch, charsOf(rows));
      for (const partition of drops) await places.drop(batch, partition);
      await batch.write({ sync });
    } catch (cause) {
      // Planted: a failed write is taken for a success, and the next one follows.
      if (plant === 'write-on') return;
      throw fail(cause);
    }
  };

  return {
    write: (write) => {
      const written = tail.then(() => writeNow(write));
      // The caller is told of a failure; the queue goes on to the next, which is refused in turn.
      tail = written.catch(() => undefined);
      return written;
    },
    idle: () => tail,
  };
};
