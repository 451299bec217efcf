/**
 * The embedded store: one LevelDB that is Ledger and Store at once. A batch of the ledger is one batch of the database,
 * fsynced before it is answered.
 */
import { join } from 'node:path';
import type { DuologError } from '@duolog/protocol';
import type { Clock } from '../ports/clock.ts';
import type { Ledger, ParcelData } from '../ports/ledger.ts';
import type { Store } from '../ports/store.ts';
import { refuseDamaged, writeBackup } from './level-backup.ts';
import type { BackupSummary } from './level-backup.ts';
import type { LevelLayout } from './level-chain.ts';
import { checkRunning } from './level-check.ts';
import type { Checked } from './level-check.ts';
import { easeFiles } from './level-ease.ts';
import { LEDGER_FOLDER, readingFirst } from './level-folder.ts';
import type { Database } from './level-folder.ts';
import { LevelLedger } from './level-ledger.ts';
import { LEVEL_LIMITS } from './level-limits.ts';
import type { LevelLimits } from './level-limits.ts';
import { checkWhole, openOrCreate, raiseFormat } from './level-open.ts';
import type { Installation } from './level-open.ts';
import { createPlaces } from './level-places.ts';
import type { FreeBytes } from './level-space.ts';
import { levelStore } from './level-store.ts';
import type { LevelPlant } from './level-writer.ts';
import { levelWriter } from './level-writer.ts';

export interface LevelOptions {
  /** The data folder; made if it is not there. */
  readonly directory: string;
  /** How many partitions the installation has: fixed when it is created. */
  readonly partitions: number;
  readonly clock: Clock;
  readonly layout: LevelLayout;
  /** Something is wrong that an operator must know of. */
  readonly alarm: (message: string, cause?: unknown) => void;
  /** A write failed: the process is to stop. Called once. */
  readonly onFatal: (error: DuologError) => void;
  readonly limits?: Partial<LevelLimits>;
  /** Other files this program keeps in the data folder. */
  readonly alsoOurs?: readonly string[];
  readonly plant?: LevelPlant;
  /** What is free on the disk; tests say otherwise. */
  readonly freeBytes?: FreeBytes;
}

export interface Level<P extends ParcelData> {
  readonly ledger: Ledger<P>;
  readonly store: Store;
  readonly installation: Installation;
  readonly db: Database;
  /** Writes a backup of this moment to a file that does not exist yet. */
  backup(file: string): Promise<BackupSummary>;
  /** The store as it is at this moment, and what is damaged in its tables; to be closed. */
  check(): Promise<Checked>;
  /** Waits for what is under way and closes the database. */
  close(): Promise<void>;
}

/** Opens the embedded store, or creates it in an empty folder. Rejects with what is to be done if it cannot be served. */
export const openLevel = <P extends ParcelData>(options: LevelOptions): Promise<Level<P>> =>
  readingFirst(options.directory, () => openWhole<P>(options));

const openWhole = async <P extends ParcelData>(options: LevelOptions): Promise<Level<P>> => {
  const { directory, clock, layout, alarm, onFatal, alsoOurs, plant, freeBytes } = options;
  const limits = { ...LEVEL_LIMITS, ...options.limits };
  const { db, installation: found } = await openOrCreate({ ...options, writeBufferBytes: limits.writeBufferBytes });
  try {
    const places = await createPlaces(db, layout.isLog, limits.areaChars);
    const store = levelStore({ db, places, alarm });
    await checkWhole({ db, store, places, layout }, directory, limits.checkedTail);
    const installation = await raiseFormat(db, layout, found);
    const ease = easeFiles(join(directory, LEDGER_FOLDER), clock);
    const writer = levelWriter({ db, places, onFatal, plant });
    const ledger = new LevelLedger<P>({ db, writer, ease, directory, clock, limits, alarm, freeBytes });
    const close = async (): Promise<void> => {
      ledger.end();
      await writer.idle();
      await ease.close();
      await db.close();
    };
    return {
      ledger,
      store,
      installation,
      db,
      backup: async (file) => {
        await refuseDamaged(directory, alsoOurs);
        const also = alsoOurs === undefined ? {} : { alsoOurs };
        return writeBackup({ db, installation, directory, ...also, file, now: clock.now() });
      },
      check: () => checkRunning({ db, places, directory, layout }),
      close,
    };
  } catch (cause) {
    await db.close();
    throw cause;
  }
};
