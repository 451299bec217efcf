/** Commands for the embedded store: backup, restore, check and new accounts, with the server that runs over it or without one. */
import { isAbsolute, resolve } from 'node:path';
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
import { askControl, listenForControl, otherVersion } from '../engines/level-control.ts';
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

/** What a running node does for commands of the same machine, besides what its store does. */
export interface NodeCommands {
  /** Makes an account; `account` as in `account.signUp`. */
  addUser(account: object): Promise<object>;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** The sentence in which every version refuses a command that it does not know; an asker knows the version by it. */
const unknownCommand = (command: string): string => `The running server knows no command ${JSON.stringify(command)}.`;

const wrongField = (field: string, what: string): DuologError =>
  new DuologError('invalid', `The field "${field}" must be ${what}.`, { field });

const fileOf = ({ file }: ControlRequest): string => {
  if (typeof file !== 'string' || !isAbsolute(file)) throw wrongField('file', 'an absolute path');
  return file;
};

const accountOf = ({ account }: ControlRequest): object => {
  if (!isObject(account)) throw wrongField('account', 'an object as account.signUp takes it');
  return account;
};

/** Answers commands that come from the same machine. Undefined if they cannot reach a server there. */
export const answerCommands = async <P extends ParcelData>(
  directory: string,
  level: Level<P>,
  node: NodeCommands,
  alarm: (message: string, cause?: unknown) => void,
): Promise<Control | undefined> => {
  const commands = new Map<string, (request: ControlRequest) => Promise<object>>([
    ['fsck', async () => checkAll(await level.check())],
    ['backup', (request) => level.backup(fileOf(request))],
    ['user add', (request) => node.addUser(accountOf(request))],
  ]);
  const answer = async (request: ControlRequest): Promise<object> => {
    const run = commands.get(request.command);
    if (run === undefined) throw new DuologError('invalid', unknownCommand(request.command));
    return run(request);
  };
  try {
    return await listenForControl(resolve(directory), answer);
  } catch (cause) {
    alarm('Commands such as "duolog backup" cannot reach this server.', cause);
    return undefined;
  }
};

/** Asks the server that runs over a data folder; undefined if none does. Rejects if it answers as this version does not. */
const askRunning = async <T>(
  directory: string,
  request: ControlRequest,
  isAnswer: (answer: unknown) => answer is T,
  withoutRight?: 'fails' | 'isNobody',
): Promise<T | undefined> => {
  let answer: unknown;
  try {
    answer = await askControl(resolve(directory), request, withoutRight);
  } catch (cause) {
    const isUnknown = cause instanceof DuologError && cause.message === unknownCommand(request.command);
    throw isUnknown ? otherVersion(directory) : cause;
  }
  if (answer === undefined || isAnswer(answer)) return answer;
  throw otherVersion(directory);
};

const hasNumbers = (value: unknown, names: readonly string[]): value is Readonly<Record<string, unknown>> =>
  isObject(value) && names.every((name) => typeof value[name] === 'number');
const isSummary = (value: unknown): value is BackupSummary => hasNumbers(value, ['rows', 'bytes']);
const isFault = (value: unknown): boolean =>
  isObject(value) && typeof value['entity'] === 'string' && typeof value['what'] === 'string';
const isReport = (value: unknown): value is FsckReport =>
  hasNumbers(value, ['messages', 'entries', 'outboxes', 'longTexts', 'faultCount']) &&
  typeof value['ok'] === 'boolean' &&
  ['conversations', 'users', 'names'].every((kind) => hasNumbers(value[kind], ['whole', 'damaged', 'unsure'])) &&
  hasNumbers(value['missing'], ['messages', 'entries']) &&
  Array.isArray(value['unsure']) &&
  value['unsure'].every((entity) => typeof entity === 'string') &&
  Array.isArray(value['faults']) &&
  value['faults'].every(isFault);
const isUser = (value: unknown): value is { readonly user: string } =>
  isObject(value) && typeof value['user'] === 'string';

/**
 * Makes an account at the server that runs over the data folder, also where sign-ups are closed. Returns the user's id;
 * undefined if none runs there, or the folder is another user's, whose server may be asked in another way.
 */
export const addUserAt = async (
  directory: string,
  account: { readonly handle: string; readonly password: string; readonly name?: string | undefined },
): Promise<string | undefined> =>
  (await askRunning(directory, { command: 'user add', account }, isUser, 'isNobody'))?.user;

/** Writes a backup of the data folder to a file that does not exist yet; a server that runs there writes it itself. */
export const backupStore = async (directory: string, file: string): Promise<BackupSummary> => {
  const target = resolve(file);
  const done = await askRunning(directory, { command: 'backup', file: target }, isSummary);
  if (done !== undefined) return done;
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
  const done = await askRunning(directory, { command: 'fsck' }, isReport);
  if (done !== undefined) return done;
  return checkAll(await openForCheck({ directory: resolve(directory), layout: LAYOUT, alsoOurs: ALSO_OURS }));
};
