/** A second database over the same tables, in which what is damaged is left out: it can be read to its end. */
import { copyFile, link, mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuologError } from '@duolog/protocol';
import { codeOf } from './level-folder.ts';
import { readManifest } from './level-manifest.ts';
import type { Manifest, TableFile } from './level-manifest.ts';
import { FOOTER_BYTES, endOfTable } from './level-table.ts';
import type { IndexEntry, TableState } from './level-table.ts';
import { damagedAmong, damagedTables, namesOf, tablesIn } from './level-tables.ts';
import type { DamagedTable } from './level-tables.ts';

/** A running database changes its list of tables once every some seconds, copying takes a fraction of one. */
const TRIES = 100;

const vanished = (cause: unknown): undefined => {
  if (codeOf(cause) === 'ENOENT') return undefined;
  throw cause;
};

/** Tables, which LevelDB never changes, are shared between a database and its copy; one that is missing is left out. */
const shareTables = async (location: string, to: string, tables: readonly TableFile[]): Promise<void> => {
  for (const table of tables)
    for (const name of namesOf(table)) await link(join(location, name), join(to, name)).catch(vanished);
};

const copyLogs = async (location: string, to: string, firstLog: number): Promise<void> => {
  // Oldest first: when a younger one is there, nothing is written to an older one any more.
  const logs = (await readdir(location)).filter((name) => /^\d+\.log$/.test(name)).toSorted();
  for (const name of logs.filter((log) => Number.parseInt(log, 10) >= firstLog))
    await copyFile(join(location, name), join(to, name)).catch(vanished);
};

/** Copies the files as they are now. */
const copyFiles = async (location: string, to: string, manifest: Manifest): Promise<void> => {
  await mkdir(to, { mode: 0o700 });
  await writeFile(join(to, 'CURRENT'), `${manifest.name}\n`, { mode: 0o600 });
  await writeFile(join(to, manifest.name), manifest.content, { mode: 0o600 });
  await shareTables(location, to, manifest.tables);
  await copyLogs(location, to, manifest.firstLog);
};

const readableOf = (state: TableState): readonly IndexEntry[] =>
  state.kind === 'blocks' ? state.entries.filter((entry) => !state.bad.has(entry)) : [];

/** Puts a file in the place of a table which says that there is nothing but its whole blocks. */
const replaceTable = async (to: string, { table, name, state }: DamagedTable): Promise<void> => {
  const path = join(to, name);
  const readable = readableOf(state);
  const content = readable.length === 0 ? undefined : await readFile(path);
  // The file itself belongs to the store as well.
  await rm(path, { force: true });
  const handle = await open(path, 'wx', 0o600);
  try {
    const start = table.bytes - FOOTER_BYTES;
    if (content !== undefined) await handle.write(content, 0, start, 0);
    const end = endOfTable(table.bytes, readable);
    await handle.write(end, 0, end.length, start);
  } finally {
    await handle.close();
  }
};

/**
 * Copies a database to a folder that does not exist, also while it runs: as it would be after a crash now. Tells which of
 * its tables are damaged; in the copy those hold what can be read of them. Rejects with `internal` if it is not known
 * which tables there are, or if a running database gives no moment to copy it.
 */
export const copyDatabase = async (location: string, to: string): Promise<readonly DamagedTable[]> => {
  for (let tries = 1; ; tries++) {
    const manifest = await readManifest(location);
    await copyFiles(location, to, manifest);
    const now = await readManifest(location);
    if (now.name === manifest.name && now.content.length === manifest.content.length) break;
    await rm(to, { recursive: true, force: true });
    if (tries === TRIES)
      throw new DuologError('unavailable', 'The store changes too fast to be looked at. Try again later.');
  }
  const damaged = await damagedTables(to);
  for (const table of damaged) await replaceTable(to, table);
  return damaged;
};

/**
 * The same of a database that nobody runs and whose list of tables is damaged: the copy has all the tables there are, and a
 * list has yet to be made of them.
 */
export const copyUnlisted = async (location: string, to: string): Promise<readonly DamagedTable[]> => {
  const tables = await tablesIn(location);
  await mkdir(to, { mode: 0o700 });
  await shareTables(location, to, tables);
  await copyLogs(location, to, 0);
  const damaged = await damagedAmong(to, tables);
  for (const table of damaged) {
    // A list names no table without a key.
    if (readableOf(table.state).length === 0) await rm(join(to, table.name));
    else await replaceTable(to, table);
  }
  return damaged;
};
