/**
 * LevelDB merges tables in a thread of its own, for a second or so at a time. With one core it would take half of it from those
 * who wait for an answer; at a lower priority it takes what they leave, and a quarter at least.
 * Measured in docs/decisions/0002-leveldb-settings.md.
 */
import { readFile, readdir } from 'node:fs/promises';
import { getPriority, setPriority } from 'node:os';
import type { Database } from './level-folder.ts';

const THREADS = '/proc/self/task';
/** So much nicer than the rest of the process: a third of its weight (sched(7)). */
export const BACKGROUND_NICE = 5;
const NICEST = 19;

/** Names of this process's threads by id; none where the system does not tell. */
export const readThreads = async (): Promise<ReadonlyMap<number, string>> => {
  const names = new Map<number, string>();
  // No Linux, or no /proc; and a thread may end before its name is read.
  for (const id of await readdir(THREADS).catch(() => [])) {
    const name = await readFile(`${THREADS}/${id}/comm`, 'utf8').catch(() => undefined);
    if (name !== undefined) names.set(Number(id), name);
  }
  return names;
};

/** Opens a database. LevelDB's thread, which the process's first database starts, gets a lower priority if it can be told from others. */
export const withPatientMerges = async (open: () => Promise<Database>): Promise<Database> => {
  const before = await readThreads();
  const db = await open();
  // It starts with the first table there is to write. Nothing lies in this range.
  await db.compactRange('', '');
  const after = [...(await readThreads())];
  // It is called like the thread that started it, one of a pool; new ones of the pool have each a name of their own.
  const [id, another] = after.flatMap(([thread, name]) =>
    !before.has(thread) && after.some(([other, same]) => other !== thread && same === name) ? [thread] : [],
  );
  if (id === undefined || another !== undefined) return db;
  try {
    setPriority(id, Math.min(NICEST, getPriority() + BACKGROUND_NICE));
  } catch {
    // A sandbox may forbid it: answers then wait longer while tables are merged, and all else is the same.
  }
  return db;
};
