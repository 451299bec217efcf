/** Looking at a store without touching it, and around what is damaged in it. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DuologError, randomId } from '@duolog/protocol';
import type { Damage, Doubt } from '../ports/damage.ts';
import type { Store } from '../ports/store.ts';
import { faultsOfChain } from './level-chain.ts';
import type { LevelLayout } from './level-chain.ts';
import { copyDatabase, copyUnlisted } from './level-copy.ts';
import { doubtOf, nameShelves } from './level-doubt.ts';
import { LEDGER_FOLDER, inspectFolder, listTablesAnew, messageOf, openDatabase } from './level-folder.ts';
import type { Database } from './level-folder.ts';
import { damageOf, gapsOfTable, isInGap, joined } from './level-gaps.ts';
import type { Gap } from './level-gaps.ts';
import { rowKey } from './level-keys.ts';
import { LEVEL_LIMITS } from './level-limits.ts';
import { damageInLogs } from './level-log.ts';
import { readManifest } from './level-manifest.ts';
import { readInstallation } from './level-open.ts';
import { createPlaces } from './level-places.ts';
import type { Places } from './level-places.ts';
import { decodeAnything } from './level-runs.ts';
import { levelStore } from './level-store.ts';
import { ANY, damagedTables, sentenceOf } from './level-tables.ts';

export interface CheckOptions {
  readonly directory: string;
  readonly layout: LevelLayout;
  readonly alsoOurs?: readonly string[];
}

/** A store opened for a check. */
export interface Checked {
  /** Everything that can be read. */
  readonly store: Store;
  /** What is damaged in its files and in the chain of its newest batches. */
  readonly damage: readonly Damage[];
  readonly doubt: Doubt;
  close(): Promise<void>;
}

const COPY = 'check-';

/** Copies of checks that were cut short keep tables that the database has left. */
const removeCopies = async (location: string): Promise<void> => {
  for (const name of await readdir(location))
    if (name.startsWith(COPY)) await rm(join(location, name), { recursive: true, force: true });
};

/** Rejects if the store is not ours to look at. Returns what is damaged. */
const checkInstallation = async (
  db: Database,
  { directory, layout }: CheckOptions,
  gaps: readonly Gap[],
): Promise<readonly string[]> => {
  const { partition, key } = layout.installation;
  const place = rowKey(partition, key);
  if (!isInGap(gaps, place, `${place}\0`)) {
    await readInstallation(db, { directory, layout });
    return [];
  }
  return (await db.get(place)) === undefined ? ['the row of the installation cannot be read'] : [];
};

const sentence = (what: string): Damage => ({ what, unread: [] });

/** What is damaged in the list of tables, if anything is. */
const damageOfList = async (location: string): Promise<string | undefined> => {
  try {
    await readManifest(location);
    return undefined;
  } catch (cause) {
    if (!(cause instanceof DuologError)) throw cause;
    return `${cause.message}: all tables that are there were read, and whether one is missing is not known`;
  }
};

/** Opens a copy in which there is all that can be read. It goes with `close`; tables are shared, so it takes little space. */
const openCopy = async (options: CheckOptions): Promise<Checked> => {
  const { directory, layout } = options;
  const location = join(directory, LEDGER_FOLDER);
  const copy = join(location, `${COPY}${randomId(8)}`);
  let known: readonly string[] = [];
  let db: Database | undefined;
  try {
    const list = await damageOfList(location);
    const tables = await (list === undefined ? copyDatabase : copyUnlisted)(location, copy);
    const gaps = list === undefined ? joined(tables.flatMap(gapsOfTable)) : [ANY];
    const inLogs = await damageInLogs(copy);
    const inFiles = list === undefined ? inLogs : [list, ...inLogs];
    known = [...inFiles, ...tables.map(sentenceOf)];
    if (list !== undefined) await listTablesAnew(copy);
    db = await openDatabase(copy, { create: false, writeBufferBytes: LEVEL_LIMITS.writeBufferBytes });
    const found = await checkInstallation(db, options, gaps);
    await nameShelves(db, gaps);
    const places = await createPlaces(db, layout.isLog, LEVEL_LIMITS.areaChars);
    const store = levelStore({ db, places, alarm: () => undefined, decode: decodeAnything });
    const inChain = await faultsOfChain({ db, store, places, layout }, Infinity);
    // Batches are lost with a log, and nothing says whose rows were in them. A table may have held what the chain lacks.
    const lost = inLogs.length > 0 || (inChain.length > 0 && tables.length === 0);
    const damage = inFiles.map(sentence);
    // Which keys a table held is in the list.
    for (const table of tables)
      damage.push(list === undefined ? await damageOf(db, table) : sentence(sentenceOf(table)));
    const opened = db;
    return {
      store,
      damage: [...damage, ...[...found, ...inChain].map(sentence)],
      doubt: doubtOf(db, lost ? [ANY] : gaps, layout.isLog),
      close: async () => {
        await opened.close();
        await rm(copy, { recursive: true, force: true });
      },
    };
  } catch (cause) {
    await db?.close();
    await rm(copy, { recursive: true, force: true });
    const first = known.length === 0 ? '' : `. What is damaged: ${known.join('; ')}.`;
    throw new DuologError(
      'internal',
      `The store in ${directory} cannot be opened for a check: ${messageOf(cause)}${first}`,
      { cause },
    );
  }
};

/**
 * Opens a store that no server runs on. The store itself is left alone: opening it would rewrite its logs, and with them
 * what is damaged in them.
 */
export const openForCheck = async (options: CheckOptions): Promise<Checked> => {
  const { directory, alsoOurs } = options;
  if ((await inspectFolder(directory, alsoOurs)) === 'empty')
    throw new DuologError('internal', `There is no store in ${directory}.`);
  await removeCopies(join(directory, LEDGER_FOLDER));
  return openCopy(options);
};

/** A running store as it is at this moment: itself, or if tables are damaged a copy, which can be read to its end. */
export const checkRunning = async (
  options: CheckOptions & { readonly db: Database; readonly places: Places },
): Promise<Checked> => {
  const { db, places, directory } = options;
  // A list of tables that cannot be read is in memory: the rows are as whole as they were.
  const tables = await damagedTables(join(directory, LEDGER_FOLDER)).catch((cause: unknown) => {
    if (cause instanceof DuologError) return cause;
    throw cause;
  });
  if (!(tables instanceof DuologError) && tables.length > 0) return openCopy(options);
  const snapshot = db.snapshot();
  return {
    store: levelStore({ db, places, alarm: () => undefined, snapshot, decode: decodeAnything }),
    damage: tables instanceof DuologError ? [sentence(tables.message)] : [],
    doubt: () => Promise.resolve(false),
    close: () => snapshot.close(),
  };
};
