/** Looking at a store without touching it. */
import { copyFile, link, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DuologError, randomId } from '@duolog/protocol';
import type { Store } from '../ports/store.ts';
import { faultsOfChain } from './level-chain.ts';
import type { LevelLayout } from './level-chain.ts';
import { LEDGER_FOLDER, inspectFolder, messageOf, openDatabase } from './level-folder.ts';
import type { Database } from './level-folder.ts';
import { LEVEL_LIMITS } from './level-limits.ts';
import { damageInLogs } from './level-log.ts';
import { readInstallation } from './level-open.ts';
import { createPlaces } from './level-places.ts';
import type { Places } from './level-places.ts';
import { levelStore } from './level-store.ts';
import { damageInTables } from './level-table.ts';

export interface CheckOptions {
  readonly directory: string;
  readonly layout: LevelLayout;
  readonly alsoOurs?: readonly string[];
}

/** A store opened for a check. */
export interface Checked {
  readonly store: Store;
  /** What is damaged in its files and in the chain of its newest batches, as sentences. */
  readonly damage: readonly string[];
  close(): Promise<void>;
}

const COPY = 'check-';
const IMMUTABLE = /\.(?:ldb|sst)$/;
const NEEDED = /^(?:CURRENT|MANIFEST-\d+|\d+\.log)$/;

/** A second database over the same tables, which LevelDB never changes; opening rewrites logs and manifest, so those are copied. */
const duplicate = async (location: string, to: string): Promise<void> => {
  await mkdir(to, { mode: 0o700 });
  for (const name of await readdir(location)) {
    if (IMMUTABLE.test(name)) await link(join(location, name), join(to, name));
    else if (NEEDED.test(name)) await copyFile(join(location, name), join(to, name));
  }
};

/** A running store as it is at this moment. Its logs are being written and are not looked at. */
export const checkSnapshot = async ({
  db,
  places,
  directory,
}: {
  readonly db: Database;
  readonly places: Places;
  readonly directory: string;
}): Promise<Checked> => {
  const snapshot = db.snapshot();
  try {
    return {
      store: levelStore({ db, places, alarm: () => undefined, snapshot }),
      damage: await damageInTables(join(directory, LEDGER_FOLDER)),
      close: () => snapshot.close(),
    };
  } catch (cause) {
    await snapshot.close();
    throw cause;
  }
};

/** Copies of checks that were cut short keep tables that the database has left. */
const removeCopies = async (location: string): Promise<void> => {
  for (const name of await readdir(location))
    if (name.startsWith(COPY)) await rm(join(location, name), { recursive: true, force: true });
};

/**
 * Opens a copy of a store that no server runs on: opening the store itself would rewrite its logs, and with them what is
 * damaged in them. The copy goes with `close`; tables are shared, so it takes little space.
 */
export const openForCheck = async ({ directory, layout, alsoOurs }: CheckOptions): Promise<Checked> => {
  if ((await inspectFolder(directory, alsoOurs)) === 'empty')
    throw new DuologError('internal', `There is no store in ${directory}.`);
  const location = join(directory, LEDGER_FOLDER);
  const copy = join(location, `${COPY}${randomId(8)}`);
  await removeCopies(location);
  const damage = [...(await damageInLogs(location)), ...(await damageInTables(location))];
  try {
    await duplicate(location, copy);
    const db = await openDatabase(copy, { create: false, writeBufferBytes: LEVEL_LIMITS.writeBufferBytes });
    await readInstallation(db, { directory, layout });
    const places = await createPlaces(db, layout.isLog, LEVEL_LIMITS.areaChars);
    const store = levelStore({ db, places, alarm: () => undefined });
    damage.push(...(await faultsOfChain(db, store, layout, Infinity)));
    return {
      store,
      damage,
      close: async () => {
        await db.close();
        await rm(copy, { recursive: true, force: true });
      },
    };
  } catch (cause) {
    await rm(copy, { recursive: true, force: true });
    const first = damage[0] === undefined ? '' : `. What is damaged: ${damage.join('; ')}.`;
    throw new DuologError(
      'internal',
      `The store in ${directory} cannot be opened for a check: ${messageOf(cause)}${first}`,
      { cause },
    );
  }
};
