/** Backup, restore and check of the embedded store: with the server that runs over it, or without one. */
import { resolve } from 'node:path';
import { DuologError } from '@duolog/protocol';
import type { ParcelData } from '../ports/ledger.ts';
import { fsck } from '../data/fsck/fsck.ts';
import { reportLines } from '../data/fsck/report.ts';
import type { FsckReport } from '../data/fsck/report.ts';
import { systemClock } from '../engines/clock-system.ts';
import type { Level } from '../engines/ledger-level.ts';
import { refuseDamaged, writeBackup } from '../engines/level-backup.ts';
import type { BackupSummary } from '../engines/level-backup.ts';
import { openForCheck } from '../engines/level-check.ts';
import type { Checked } from '../engines/level-check.ts';
import { askControl, listenForControl } from '../engines/level-control.ts';
import type { Control, ControlRequest } from '../engines/level-control.ts';
import { LEVEL_LIMITS } from '../engines/level-limits.ts';
import { openExisting } from '../engines/level-open.ts';
import { restoreBackup } from '../engines/level-restore.ts';
import type { RestoreSummary } from '../engines/level-restore.ts';
import { ALSO_OURS, LAYOUT } from './layout.ts';

export type { BackupSummary, FsckReport, RestoreSummary };
export { reportLines };

const checkAll = async (checked: Checked): Promise<FsckReport> => {
  try {
    return await fsck(checked.store, checked.damage, checked.doubt);
  } finally {
    await checked.close();
  }
};

/** Answers commands that come from the same machine. Undefined if they cannot reach a server there. */
export const answerCommands = async <P extends ParcelData>(
  directory: string,
  level: Level<P>,
  alarm: (message: string, cause?: unknown) => void,
): Promise<Control | undefined> => {
  const answer = async (request: ControlRequest): Promise<object> => {
    if (request.command === 'fsck') return checkAll(await level.check());
    const { file } = request;
    if (request.command === 'backup' && typeof file === 'string') return level.backup(file);
    throw new DuologError('invalid', `The running server knows no command ${JSON.stringify(request.command)}.`);
  };
  try {
    return await listenForControl(resolve(directory), answer);
  } catch (cause) {
    alarm('Commands such as "duolog backup" cannot reach this server.', cause);
    return undefined;
  }
};

/** Writes a backup of the data folder to a file that does not exist yet; a server that runs there writes it itself. */
export const backupStore = async (directory: string, file: string): Promise<BackupSummary> => {
  const target = resolve(file);
  const done = await askControl(resolve(directory), { command: 'backup', file: target });
  // The answer of this program's own server, in the form in which it sends it.
  if (done !== undefined) return done as BackupSummary;
  const { writeBufferBytes } = LEVEL_LIMITS;
  await refuseDamaged(directory, ALSO_OURS);
  const { db, installation } = await openExisting({ directory, layout: LAYOUT, writeBufferBytes, alsoOurs: ALSO_OURS });
  try {
    const now = systemClock.now();
    return await writeBackup({ db, installation, directory, alsoOurs: ALSO_OURS, file: target, now });
  } finally {
    await db.close();
  }
};

/** Makes a store of a backup in an empty data folder. */
export const restoreStore = (directory: string, file: string): Promise<RestoreSummary> =>
  restoreBackup({ file: resolve(file), directory: resolve(directory), layout: LAYOUT });

/** Checks the store of the data folder and changes nothing; a server that runs there does it itself. */
export const checkStore = async (directory: string): Promise<FsckReport> => {
  const done = await askControl(resolve(directory), { command: 'fsck' });
  if (done !== undefined) return done as FsckReport;
  return checkAll(await openForCheck({ directory: resolve(directory), layout: LAYOUT, alsoOurs: ALSO_OURS }));
};
