/**
 * LevelDB's list of its tables. The file CURRENT names it; it is a log (level-log.ts) whose records say what changed: tags
 * (varints) with what belongs to them. Tables that it does not name are left over and nobody reads them.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DuologError } from '@duolog/protocol';
import { codeOf } from './level-folder.ts';
import { damageInLog, writtenIn } from './level-log.ts';
import { Cursor, keyOf } from './level-varint.ts';

/** A table that the database reads. */
export interface TableFile {
  readonly number: number;
  readonly bytes: number;
  /** Its first and its last key. */
  readonly smallest: string;
  readonly largest: string;
}

export interface Manifest {
  /** Name of its file. */
  readonly name: string;
  /** What it holds. */
  readonly content: Uint8Array;
  readonly tables: readonly TableFile[];
  /** Logs with lower numbers are in tables already. */
  readonly firstLog: number;
}

const TAG = { comparator: 1, log: 2, next: 3, sequence: 4, pointer: 5, deleted: 6, table: 7, previousLog: 9 } as const;

interface Known {
  readonly tables: Map<number, TableFile>;
  log: number;
  previousLog: number;
}

const tableAt = (cursor: Cursor): TableFile => ({
  number: cursor.varint(),
  bytes: cursor.varint(),
  smallest: keyOf(cursor.bytes(cursor.varint())),
  largest: keyOf(cursor.bytes(cursor.varint())),
});

/** Takes one record. */
const apply = (known: Known, edit: Uint8Array): void => {
  const added: TableFile[] = [];
  for (const cursor = new Cursor(edit); cursor.at < edit.length;) {
    const tag = cursor.varint();
    if (tag === TAG.comparator) cursor.bytes(cursor.varint());
    else if (tag === TAG.log) known.log = cursor.varint();
    else if (tag === TAG.previousLog) known.previousLog = cursor.varint();
    else if (tag === TAG.next || tag === TAG.sequence) cursor.varint();
    else {
      // What is left is about a level, which makes no difference here.
      cursor.varint();
      if (tag === TAG.pointer) cursor.bytes(cursor.varint());
      else if (tag === TAG.deleted) known.tables.delete(cursor.varint());
      else if (tag === TAG.table) added.push(tableAt(cursor));
      else throw new RangeError(`it has a tag ${tag}`);
    }
  }
  // A table that moves to another level is removed and added in one record.
  for (const table of added) known.tables.set(table.number, table);
};

/** Reads a file; rejects with what it means that it is missing. */
const read = (location: string, name: string): Promise<Buffer> =>
  readFile(join(location, name)).catch((cause: unknown) => {
    if (codeOf(cause) !== 'ENOENT') throw cause;
    throw new DuologError('internal', `the file ${name} of the database is missing`, { cause });
  });

/** Rejects with `internal` and what is damaged if it cannot be read. */
export const readManifest = async (location: string): Promise<Manifest> => {
  const name = (await read(location, 'CURRENT')).toString('latin1').trimEnd();
  if (!/^MANIFEST-\d+$/.test(name)) throw new DuologError('internal', 'the file CURRENT of the database is damaged');
  const content = await read(location, name);
  const damage = damageInLog(content);
  if (damage !== undefined)
    throw new DuologError('internal', `the list of tables ${name} is damaged at byte ${damage.at}`);
  const known: Known = { tables: new Map(), log: 0, previousLog: 0 };
  try {
    for (const edit of writtenIn(content)) apply(known, edit);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new DuologError('internal', `the list of tables ${name} cannot be read (${cause.message})`, { cause });
  }
  const firstLog = known.previousLog === 0 ? known.log : Math.min(known.log, known.previousLog);
  return { name, content, tables: [...known.tables.values()].toSorted((a, b) => a.number - b.number), firstLog };
};
