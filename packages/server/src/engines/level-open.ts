/** Opening the embedded store: whose it is, which installation, whether it is whole. */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DuologError, randomId } from '@duolog/protocol';
import type { Clock } from '../ports/clock.ts';
import { faultsOfChain } from './level-chain.ts';
import type { ChainOptions, LevelLayout } from './level-chain.ts';
import type { Database } from './level-folder.ts';
import { withPatientMerges } from './level-priority.ts';
import { LEDGER_FOLDER, damaged, inspectFolder, openDatabase } from './level-folder.ts';
import { rowKey } from './level-keys.ts';
import { damageInLogs } from './level-log.ts';

/** What was fixed when the store was created. */
export interface Installation {
  /** New after a restore. */
  readonly epoch: string;
  readonly partitions: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** Format of rows and keys. */
  readonly format: number;
}

/** The format of rows and keys that this program writes. */
export const FORMAT = 4;
/** The oldest it reads: in format 2 each row of a log lies by itself, in format 3 each entry has a row, which is allowed in this one as well. Format 1 was never released. */
const OLDEST = 2;

/** Why a store or a backup of this format is of no use to this program; undefined: it is of use. */
export const formatRefusal = (format: number): string | undefined =>
  format >= OLDEST && format <= FORMAT
    ? undefined
    : `was written by ${format > FORMAT ? 'a newer' : 'an older'} duolog (format ${format}; this one reads ${OLDEST} to ${FORMAT}). Use ${format > FORMAT ? 'that version or a newer one' : 'that version'}.`;

export const encodeInstallation = (installation: Installation): string => `1${JSON.stringify(installation)}`;
const isInstallation = (value: unknown): value is Installation =>
  typeof value === 'object' &&
  value !== null &&
  'epoch' in value &&
  typeof value.epoch === 'string' &&
  'partitions' in value &&
  typeof value.partitions === 'number' &&
  'createdAt' in value &&
  typeof value.createdAt === 'number' &&
  'format' in value &&
  typeof value.format === 'number';

/** What an installation row says, or undefined if it is none. */
const decodeInstallation = (value: string): Installation | undefined => {
  try {
    const decoded: unknown = JSON.parse(value.slice(1));
    return value.startsWith('1') && isInstallation(decoded) ? decoded : undefined;
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
};

const newInstallation = (partitions: number, createdAt: number): Installation => ({
  epoch: randomId(16),
  partitions,
  createdAt: Math.floor(createdAt),
  format: FORMAT,
});

/** Flushes a file, or the names in a folder. */
export const flush = async (path: string): Promise<void> => {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** LevelDB does not flush the manifest it begins when it is opened, nor the name it gives to CURRENT. */
export const flushNames = async (location: string): Promise<void> => {
  const names = await readdir(location);
  for (const name of names.filter((file) => file === 'CURRENT' || file.startsWith('MANIFEST-')))
    await flush(join(location, name));
  await flush(location);
};

export interface OpenOptions {
  readonly directory: string;
  readonly partitions: number;
  readonly clock: Clock;
  readonly layout: LevelLayout;
  readonly writeBufferBytes: number;
  readonly alsoOurs?: readonly string[];
}

/** Before opening: that rewrites the logs and loses what cannot be read in them. */
const checkLogs = async (directory: string): Promise<void> => {
  const [damage] = await damageInLogs(join(directory, LEDGER_FOLDER));
  if (damage !== undefined) throw damaged(directory, damage);
};

/** The installation of an open database; undefined if it was never begun. Closes the database when it is not ours to use. */
export const readInstallation = async (
  db: Database,
  { directory, layout }: Pick<OpenOptions, 'directory' | 'layout'>,
): Promise<Installation | undefined> => {
  const refuse = async (error: DuologError): Promise<never> => {
    await db.close();
    throw error;
  };
  const { partition, key } = layout.installation;
  const value = await db.get(rowKey(partition, key));
  if (value === undefined) {
    const [any] = await db.keys({ limit: 1 }).all();
    if (any === undefined) return undefined;
    return refuse(
      new DuologError(
        'internal',
        `The database in ${join(directory, LEDGER_FOLDER)} is not duolog's. Choose another folder for the data.`,
      ),
    );
  }
  const installation = decodeInstallation(value);
  if (installation === undefined) return refuse(damaged(directory, 'the row of the installation cannot be read'));
  const refusal = formatRefusal(installation.format);
  if (refusal !== undefined) return refuse(new DuologError('internal', `The store in ${directory} ${refusal}`));
  return installation;
};

/** Opens the database of a data folder that must have one. Rejects if it is damaged. */
export const openExisting = async (
  options: Omit<OpenOptions, 'partitions' | 'clock'>,
): Promise<{ readonly db: Database; readonly installation: Installation }> => {
  const { directory, alsoOurs, writeBufferBytes } = options;
  const none = new DuologError('internal', `There is no store in ${directory}.`);
  if ((await inspectFolder(directory, alsoOurs)) === 'empty') throw none;
  await checkLogs(directory);
  const db = await openDatabase(join(directory, LEDGER_FOLDER), { create: false, writeBufferBytes });
  const installation = await readInstallation(db, options);
  if (installation !== undefined) return { db, installation };
  await db.close();
  throw none;
};

/** Opens the database of a data folder, or creates it with a new installation. */
export const openOrCreate = async (
  options: OpenOptions,
): Promise<{ readonly db: Database; readonly installation: Installation }> => {
  const { directory, partitions } = options;
  const location = join(directory, LEDGER_FOLDER);
  const used = (await inspectFolder(directory, options.alsoOurs)) === 'used';
  if (used) await checkLogs(directory);
  const { writeBufferBytes } = options;
  const db = await withPatientMerges(() => openDatabase(location, { create: true, writeBufferBytes }));
  await flushNames(location);
  const found = await readInstallation(db, options);
  if (found !== undefined) {
    if (found.partitions === partitions) return { db, installation: found };
    await db.close();
    throw new DuologError(
      'internal',
      `The store in ${directory} has ${found.partitions} partitions, not ${partitions}; that is fixed when it is created. Set the number to ${found.partitions}.`,
    );
  }
  const installation = newInstallation(partitions, options.clock.now());
  const { partition, key } = options.layout.installation;
  await db.put(rowKey(partition, key), encodeInstallation(installation), { sync: true });
  for (const folder of [directory, join(directory, '..')]) await flush(folder);
  return { db, installation };
};

/** Rejects if batches are missing among the newest. */
export const checkWhole = async (chain: ChainOptions, directory: string, tail: number): Promise<void> => {
  const faults = await faultsOfChain(chain, tail);
  if (faults.length === 0) return;
  throw damaged(directory, faults.length === 1 ? String(faults[0]) : `${faults[0]} (and ${faults.length - 1} more)`);
};

/** To be called before anything is written that older programs would take for something else: they refuse the store from then on. */
export const raiseFormat = async (
  db: Database,
  { installation: { partition, key } }: LevelLayout,
  found: Installation,
): Promise<Installation> => {
  if (found.format === FORMAT) return found;
  const installation = { ...found, format: FORMAT };
  await db.put(rowKey(partition, key), encodeInstallation(installation), { sync: true });
  return installation;
};
