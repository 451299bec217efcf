/** The data folder of the embedded store: what may be in it, and opening the database inside. */
import { mkdir, readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { DuologError } from '@duolog/protocol';

export type Database = ClassicLevel<string, string>;

/** Folder of the database inside the data folder. */
export const LEDGER_FOLDER = 'ledger';
/** The same while a backup is being restored into it. */
export const RESTORING_FOLDER = `${LEDGER_FOLDER}.restoring`;
/** Where a running server listens for `duolog backup` and `duolog fsck`. */
export const CONTROL_SOCKET = 'control.sock';
const OURS = new Set([LEDGER_FOLDER, CONTROL_SOCKET]);
/** What file systems and desktops leave in empty folders. */
const IGNORED = new Set(['lost+found', '.DS_Store']);

export const codeOf = (cause: unknown): string | undefined =>
  cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined;

export const messageOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? cause.cause.message : cause.message;
};

const names = async (directory: string): Promise<readonly string[]> => {
  try {
    return (await readdir(directory)).filter((name) => !IGNORED.has(name));
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return [];
    throw new DuologError('internal', `The data folder ${directory} cannot be read: ${messageOf(cause)}`, { cause });
  }
};

/**
 * Whether the folder holds a database of ours (`used`) or none yet (`empty`). `alsoOurs` names other files that this
 * program puts there. Rejects when something else is in it: nothing there is touched.
 */
export const inspectFolder = async (directory: string, alsoOurs: readonly string[] = []): Promise<'used' | 'empty'> => {
  const found = await names(directory);
  if (found.includes(LEDGER_FOLDER)) return 'used';
  if (found.includes(RESTORING_FOLDER)) {
    throw new DuologError('internal', `Restoring a backup into ${directory} was cut short. Restore it again.`);
  }
  const foreign = found.filter((name) => !OURS.has(name) && !alsoOurs.includes(name));
  if (foreign.length === 0) return 'empty';
  const shown = foreign.slice(0, 3).join(', ');
  throw new DuologError(
    'internal',
    `The folder ${directory} holds files that are not duolog's (${shown}${foreign.length > 3 ? ', …' : ''}). Choose an empty folder for the data.`,
  );
};

/** Opens the database in a folder. Its parent is what people know as the data folder. */
export const openDatabase = async (
  location: string,
  options: { readonly create: boolean; readonly writeBufferBytes: number },
): Promise<Database> => {
  try {
    // Before there is a database: it begins to open by itself, and would make a folder that everybody may read.
    if (options.create) await mkdir(location, { recursive: true, mode: 0o700 });
    const db: Database = new ClassicLevel(location, {
      keyEncoding: 'utf8',
      valueEncoding: 'utf8',
      createIfMissing: options.create,
      // Chosen by measurement: docs/decisions/0002-leveldb-settings.md.
      writeBufferSize: options.writeBufferBytes,
      cacheSize: 32 * 1024 * 1024,
      compression: true,
    });
    await db.open();
    return db;
  } catch (cause) {
    throw openingFailed(dirname(location), cause);
  }
};

/** Makes the list of tables anew, of all that lie in a folder. For a copy alone. */
export const listTablesAnew = (location: string): Promise<void> => ClassicLevel.repair(location);

/** Whether the database says that it read something else than it wrote. */
const isCorruption = (cause: unknown): boolean =>
  codeOf(cause instanceof Error ? (cause.cause ?? cause) : cause) === 'LEVEL_CORRUPTION' ||
  /corrupt/i.test(messageOf(cause));

/**
 * Does the first reads of a data folder's database; what the database finds corrupt there rejects as damage of the store,
 * files of another user as what to do about them.
 */
export const readingFirst = async <T>(directory: string, read: () => Promise<T>): Promise<T> => {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof DuologError) throw cause;
    if (codeOf(cause) === 'EACCES' || codeOf(cause) === 'EPERM') throw forbidden(directory, cause);
    throw isCorruption(cause) ? damaged(directory, messageOf(cause), cause) : cause;
  }
};

const forbidden = (directory: string, cause: unknown): DuologError =>
  new DuologError(
    'internal',
    `The store in ${directory} has files that this user may not use (${messageOf(cause)}). Give them to the user who runs duolog: chown -R USER ${directory}`,
    { cause },
  );

const openingFailed = (directory: string, cause: unknown): DuologError => {
  const inner = cause instanceof Error ? (cause.cause ?? cause) : cause;
  if (codeOf(inner) === 'LEVEL_LOCKED') {
    return new DuologError(
      'internal',
      `Another process uses the store in ${directory}. Stop it first, or choose another folder.`,
      { cause },
    );
  }
  const what = messageOf(cause);
  if (isCorruption(cause)) return damaged(directory, what, cause);
  return new DuologError(
    'internal',
    `The store in ${directory} cannot be opened: ${what}. Opening needs the right to write there and free space.`,
    { cause },
  );
};

/** The error of a store that must not be served as it is. */
export const damaged = (directory: string, what: string, cause?: unknown): DuologError =>
  new DuologError(
    'internal',
    `The store in ${directory} is damaged: ${what}. Nothing is served from it. "duolog fsck" tells what is damaged and what is whole; "duolog restore" makes a store of a backup.`,
    { cause },
  );
