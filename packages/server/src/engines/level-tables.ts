/** The tables of a database folder, and which of them are damaged. */
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from './level-folder.ts';
import { readManifest } from './level-manifest.ts';
import type { TableFile } from './level-manifest.ts';
import { inspectTable } from './level-table.ts';
import type { TableState } from './level-table.ts';

/** Bounds of all keys there may be. */
export const ANY = { from: '', to: '\u{10ffff}' } as const;

/** A table that is damaged. */
export interface DamagedTable {
  readonly table: TableFile;
  /** Name of its file. */
  readonly name: string;
  readonly state: TableState;
}

/** Names that the file of a table may have; LevelDB writes the first. */
export const namesOf = ({ number }: TableFile): readonly [string, string] => {
  const digits = String(number).padStart(6, '0');
  return [`${digits}.ldb`, `${digits}.sst`];
};

/** A table's file, undefined if there is none. */
const readTable = async (
  location: string,
  table: TableFile,
): Promise<{ readonly name: string; readonly content: Uint8Array } | undefined> => {
  for (const name of namesOf(table)) {
    try {
      return { name, content: await readFile(join(location, name)) };
    } catch (cause) {
      if (codeOf(cause) !== 'ENOENT') throw cause;
    }
  }
  return undefined;
};

const TABLE = /^(\d+)\.(?:ldb|sst)$/;

/** All tables of a folder, whether the database reads them or not. Which keys they hold is not known: any. */
export const tablesIn = async (location: string): Promise<readonly TableFile[]> => {
  const tables: TableFile[] = [];
  for (const name of await readdir(location)) {
    const [, number] = TABLE.exec(name) ?? [];
    if (number === undefined) continue;
    const { size: bytes } = await stat(join(location, name));
    tables.push({ number: Number(number), bytes, smallest: ANY.from, largest: ANY.to });
  }
  return tables.toSorted((a, b) => a.number - b.number);
};

/** The table's state, and its name; undefined if it is whole. */
const damagedTable = async (location: string, table: TableFile): Promise<DamagedTable | undefined> => {
  const file = await readTable(location, table);
  if (file === undefined) return { table, name: namesOf(table)[0], state: { kind: 'unreadable', what: 'is missing' } };
  const { name, content } = file;
  if (content.length < table.bytes) {
    const what = `is cut short: ${content.length} of ${table.bytes} bytes are there`;
    return { table, name, state: { kind: 'unreadable', what } };
  }
  const state = await inspectTable(content.subarray(0, table.bytes));
  return state.kind === 'whole' ? undefined : { table, name, state };
};

/** Which of these tables are damaged; one at a time is in memory. */
export const damagedAmong = async (
  location: string,
  tables: readonly TableFile[],
): Promise<readonly DamagedTable[]> => {
  const found: DamagedTable[] = [];
  for (const table of tables) {
    const damaged = await damagedTable(location, table);
    if (damaged !== undefined) found.push(damaged);
  }
  return found;
};

/**
 * Which of the tables that the database reads are damaged. A database may be running:
 * tables that it has left meanwhile are none of it any more. Rejects with `internal` if it cannot be told which there are.
 */
export const damagedTables = async (location: string): Promise<readonly DamagedTable[]> => {
  const found = await damagedAmong(location, (await readManifest(location)).tables);
  if (found.length === 0) return found;
  const now = new Set((await readManifest(location)).tables.map(({ number }) => number));
  return found.filter(({ table }) => now.has(table.number));
};

/** A sentence without its end. */
export const sentenceOf = ({ name, state }: DamagedTable): string =>
  `the table ${name} ${state.kind === 'whole' ? 'is whole' : state.what}`;
