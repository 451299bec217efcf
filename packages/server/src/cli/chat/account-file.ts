/** Where a terminal keeps an account: one folder per server, one file per handle, one program at a time. */
import { closeSync, openSync, readFileSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError } from '../command.ts';

const codeOf = (cause: unknown): string | undefined =>
  cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;

/** Folder of a server's accounts within the folder of all. */
export const serverFolder = (folder: string, url: string): string =>
  join(folder, new URL(url).host.replaceAll(/[^A-Za-z0-9.-]/g, '_'));

const SUFFIX = '.account';

/** Handles that have an account file. */
export const knownHandles = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(SUFFIX))
      .map((name) => name.slice(0, -SUFFIX.length));
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return [];
    throw cause;
  }
};

export const accountFile = (folder: string, handle: string): string => join(folder, `${handle}${SUFFIX}`);

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return codeOf(cause) === 'EPERM';
  }
};

/** Takes the account for this program; two would be one device twice. Returns what gives it back. */
export const lockAccount = async (folder: string, handle: string): Promise<() => void> => {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `${handle}.lock`);
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const lock = openSync(file, 'wx', 0o600);
      writeSync(lock, String(process.pid));
      closeSync(lock);
      return () => rmSync(file, { force: true });
    } catch (cause) {
      if (codeOf(cause) !== 'EEXIST') throw cause;
      const pid = Number(readFileSync(file, 'utf8'));
      if (pid > 0 && isRunning(pid))
        throw new CommandError(`${handle} is open already in another terminal (process ${pid})`);
      rmSync(file, { force: true });
    }
  }
  throw new CommandError(`${file} cannot be taken; remove it if no other duolog chat runs`);
};
