/** The SDK's cache in one file: a line of JSON for each write, all of it in memory while it is open. */
import { appendFile, mkdir, readFile, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { memoryCache } from '@duolog/sdk';
import type { Cache, CacheChange } from '@duolog/sdk';

/** A file with more lines than this and four times as many as keys is written anew when it is opened. */
const MIN_COMPACT_LINES = 1_000;
/** Above every key: those are ASCII. */
const LAST_KEY = '\x7f';

const codeOf = (cause: unknown): string | undefined =>
  cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;

const readLines = async (file: string): Promise<readonly string[]> => {
  try {
    const lines = (await readFile(file, 'utf8')).split('\n');
    // What follows the last line end was cut off while it was written, and so was never answered.
    return lines.slice(0, -1);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return [];
    throw cause;
  }
};

/** Writes the file anew with what is in memory. */
const compact = async (file: string, memory: Cache): Promise<void> => {
  const rows = await memory.list('', LAST_KEY);
  const changes = rows.map(([put, value]): CacheChange => ({ put, value }));
  await writeFile(`${file}.new`, `${JSON.stringify(changes)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
};

/** The file as it stands: whole lines only. */
interface Log {
  readonly file: string;
  bytes: number;
}

/** Adds a line; if that fails, none of it stays. */
const append = async (log: Log, line: string): Promise<void> => {
  try {
    await appendFile(log.file, line);
  } catch (cause) {
    await truncate(log.file, log.bytes);
    throw cause;
  }
  log.bytes += Buffer.byteLength(line);
};

/** Whether nothing is kept. */
export const isEmpty = async (cache: Cache): Promise<boolean> =>
  (await cache.list('', LAST_KEY, { limit: 1 })).length === 0;

/** Opens the cache, or begins one. Only its owner may read the file. One program uses it at a time. */
export const fileCache = async (file: string): Promise<Cache> => {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const memory = memoryCache();
  const lines = await readLines(file);
  for (const line of lines) await memory.write(JSON.parse(line) as CacheChange[]);
  const keys = (await memory.list('', LAST_KEY)).length;
  if (lines.length === 0 || lines.length > Math.max(MIN_COMPACT_LINES, 4 * keys)) await compact(file, memory);
  // A line that was cut off goes, so that the next one does not join it.
  else
    await truncate(
      file,
      lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0),
    );
  const log: Log = { file, bytes: (await stat(file)).size };
  let last: Promise<void> = Promise.resolve();
  return {
    get: (key) => memory.get(key),
    list: (from, to, options) => memory.list(from, to, options),
    write: async (changes) => {
      // What is no JSON throws here, before anything is changed.
      const line = `${JSON.stringify(changes)}\n`;
      const written = last.then(() => append(log, line)).then(() => memory.write(JSON.parse(line) as CacheChange[]));
      last = written.catch(() => undefined);
      await written;
    },
    close: () => last,
  };
};
