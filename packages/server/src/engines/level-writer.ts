/**
 * The one way into the embedded database: batches in call order, each fsynced, one under way at a time. After a failed
 * write LevelDB loses acknowledged batches (its log goes on behind bytes that were never written), so nothing is written
 * after one.
 */
import { DuologError } from '@duolog/protocol';
import type { Database } from './level-folder.ts';
import { partitionBounds } from './level-keys.ts';

/** Faults that a torture test plants, and must find: batches are not fsynced; a failed write is taken for a success. */
export type LevelPlant = 'no-sync' | 'write-on';

export type WriteBatch = ReturnType<Database['batch']>;

export interface LevelWriter {
  /** A batch to be filled and given to `write` at once. */
  begin(): WriteBatch;
  /** Writes after everything given before; `drops` are Store partitions whose rows go with it. Rejects with `internal` after any failure. */
  write(batch: WriteBatch, drops?: readonly string[]): Promise<void>;
  /** Resolves when everything given so far was tried. */
  idle(): Promise<void>;
  /** Whether a write failed: nothing is written any more. */
  readonly broken: boolean;
}

export interface LevelWriterOptions {
  readonly db: Database;
  /** Told once, after the first failed write: the process is to stop. */
  readonly onFatal: (error: DuologError) => void;
  readonly plant?: LevelPlant | undefined;
}

export const levelWriter = ({ db, onFatal, plant }: LevelWriterOptions): LevelWriter => {
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

  const dropRows = async (batch: WriteBatch, drops: readonly string[]): Promise<void> => {
    for (const partition of drops) for await (const key of db.keys(partitionBounds(partition))) batch.del(key);
  };

  const writeNow = async (batch: WriteBatch, drops: readonly string[]): Promise<void> => {
    if (failure !== undefined) {
      await batch.close();
      throw failure;
    }
    try {
      if (drops.length > 0) await dropRows(batch, drops);
      await batch.write({ sync });
    } catch (cause) {
      if (plant === 'write-on') return;
      throw fail(cause);
    }
  };

  return {
    begin: () => db.batch(),
    write: (batch, drops = []) => {
      const written = tail.then(() => writeNow(batch, drops));
      // The caller is told of a failure; the queue goes on to the next, which is refused in turn.
      tail = written.catch(() => undefined);
      return written;
    },
    idle: () => tail,
    get broken() {
      return failure !== undefined;
    },
  };
};
