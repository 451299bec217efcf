/**
 * Takes the weight out of two things that LevelDB does while writes wait: flushing a table when all of it is written (25 MB, and
 * the log's flush waits for the same disk), and deleting files, where giving their pages and blocks back takes longer than a commit.
 * So a table is flushed while it grows, and files are held open: deleting takes only their name, the rest is done when they are let go.
 * Measured in docs/decisions/0013-files-are-flushed-while-they-grow.md.
 */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../ports/clock.ts';

/** What is needed of an open file. */
export interface HeldFile {
  stat(): Promise<{ readonly size: number }>;
  datasync(): Promise<void>;
  close(): Promise<void>;
}

export interface Ease {
  /** To be called after each write, and every now and then when there are none; returns at once, and looks no more often than it needs. */
  look(): void;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
  /** Waits for what is under way and lets go of all files. */
  close(): Promise<void>;
}

/** Looks are so far apart at least, ms: what a table grows by meanwhile is flushed in some ms. */
const EVERY_MS = 80;
/** For each file in the folder its names are read by so much more rarely, ms: reading one takes a µs of CPU, and there may be ten thousands. */
const EVERY_MS_A_NAME = 0.1;
/** Deleting files below this takes no time worth holding them, bytes. */
const LARGE = 4 * 1024 * 1024;
/** So many large tables are held at most, the newest: what was merged goes soon, what was only moved stays. */
const MOST_TABLES = 16;
const NAME = /^(\d+)\.(log|ldb)$/;

interface Held {
  readonly file: HeldFile;
  readonly number: number;
  readonly isTable: boolean;
  /** When last looked at; of tables. */
  size: number;
}

/** `location`: the database's folder. What fails here fails for LevelDB as well, which says so: here it is passed over. */
export const easeFiles = (
  location: string,
  clock: Clock,
  openFile: (path: string) => Promise<HeldFile> = (path) => open(path, 'r'),
): Ease => {
  const held = new Map<string, Held>();
  /** The highest number seen: tables that were there at the first look are left alone. */
  let newest: number | undefined;
  let lookAt = 0;
  let namesAt = 0;
  let looking: Promise<void> | undefined;
  let closed = false;

  const letGo = async (name: string, { file }: Held): Promise<void> => {
    held.delete(name);
    await file.close();
  };

  const hold = async (name: string, number: number, isTable: boolean): Promise<void> => {
    held.set(name, { file: await openFile(join(location, name)), number, isTable, size: 0 });
  };

  /** Holds files that are new, lets go of those that were deleted. */
  const readNames = async (): Promise<void> => {
    const startedAt = clock.monotonic();
    const names = new Set(await readdir(location));
    namesAt = startedAt + names.size * EVERY_MS_A_NAME;
    const before = newest ?? Infinity;
    newest ??= 0;
    for (const name of names) {
      const [, digits, ending] = NAME.exec(name) ?? [];
      const number = Number(digits ?? 0);
      newest = Math.max(newest, number);
      const isNew = number > before || (ending === 'log' && !held.has(name));
      // It may have been deleted since.
      if (isNew) await hold(name, number, ending === 'ldb').catch(() => undefined);
    }
    for (const [name, file] of held) if (!names.has(name)) await letGo(name, file);
  };

  /** One table grows at a time, that with the highest number: LevelDB has one thread for them. */
  const flushGrowing = async (): Promise<void> => {
    const tables = [...held].filter(([, { isTable }]) => isTable).toSorted(([, a], [, b]) => a.number - b.number);
    const growing = tables.pop();
    const kept = tables.filter(([, { size }]) => size >= LARGE).slice(-MOST_TABLES);
    for (const table of tables) if (!kept.includes(table)) await letGo(...table);
    if (growing === undefined) return;
    const [, table] = growing;
    const { size } = await table.file.stat();
    if (size > table.size) await table.file.datasync();
    table.size = size;
  };

  const lookNow = async (): Promise<void> => {
    if (clock.monotonic() >= namesAt) await readNames();
    await flushGrowing();
  };

  return {
    look: () => {
      if (closed || looking !== undefined || clock.monotonic() < lookAt) return;
      looking = lookNow()
        .catch(() => undefined)
        .finally(() => {
          looking = undefined;
          lookAt = clock.monotonic() + EVERY_MS;
        });
    },
    idle: async () => looking,
    close: async () => {
      closed = true;
      await looking;
      for (const [name, file] of held) await letGo(name, file).catch(() => undefined);
    },
  };
};
