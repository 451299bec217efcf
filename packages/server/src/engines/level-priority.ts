/**
 * LevelDB merges tables in a thread of its own, for a second or so at a time. With one core it would take half of it from those
 * who wait for an answer; at a lower priority it takes what they leave, and a sixth at least.
 * Measured in docs/decisions/0002-leveldb-settings.md.
 */
import { readFile, readdir } from 'node:fs/promises';
import { getPriority, setPriority } from 'node:os';
import type { Database } from './level-folder.ts';

const THREADS = '/proc/self/task';
/** So much nicer than the rest of the process: a fifth of its weight (sched(7)). */
export const BACKGROUND_NICE = 7;
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

/** Threads of the runtime's pool; each has a number. */
const POOL = /^Bun Pool \d/;

/** New threads that are called like another of the pool: one that starts a thread gives it its name, and LevelDB's keeps it. */
export const newTwins = (
  before: ReadonlyMap<number, string>,
  after: ReadonlyMap<number, string>,
): ReadonlySet<number> => {
  const all = [...after];
  const twins = all.filter(
    ([id, name]) => !before.has(id) && POOL.test(name) && all.some(([other, same]) => other !== id && same === name),
  );
  return new Set(twins.map(([id]) => id));
};

/** LevelDB's thread, if it has begun since `before` and can be told from others. */
const findThread = async (before: ReadonlyMap<number, string>): Promise<number | undefined> => {
  const twins = newTwins(before, await readThreads());
  // One of the pool that has only just begun has no name of its own yet.
  const still = twins.size === 0 ? twins : newTwins(before, await readThreads());
  const [id, another] = [...twins].filter((twin) => still.has(twin));
  return another === undefined ? id : undefined;
};

/** Opens a database. LevelDB's thread, which the process's first database starts, gets a lower priority if it can be told from others. */
export const withPatientMerges = async (open: () => Promise<Database>): Promise<Database> => {
  const before = await readThreads();
  const db = await open();
  let id = await findThread(before);
  if (id === undefined) {
    // It starts with the first table there is to write. Nothing lies in this range, and no merge is under way that this would wait for.
    await db.compactRange('', '');
    id = await findThread(before);
  }
  if (id === undefined) return db;
  try {
    setPriority(id, Math.min(NICEST, getPriority() + BACKGROUND_NICE));
  } catch {
    // A sandbox may forbid it: answers then wait longer while tables are merged, and all else is the same.
  }
  return db;
};
