/** The server under torture: a real process, started, killed and started again on the same folder. */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface ServerOptions {
  readonly port: number;
  readonly data: string;
  /** Gets what the server writes, life after life. */
  readonly log: string;
}

/** How a process ended. */
interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ServerProcess {
  readonly exited: Promise<Exit>;
  readonly hasExited: () => boolean;
  readonly kill: (signal: NodeJS.Signals) => void;
}

const root = join(import.meta.dirname, '..', '..');
const startLimitMs = 20_000;

/** Limits that a person needs and a load does not; the rest as shipped. */
const settings = (options: ServerOptions): Readonly<Record<string, string>> => ({
  DUOLOG_HOST: '127.0.0.1',
  DUOLOG_PORT: String(options.port),
  DUOLOG_DATA: options.data,
  DUOLOG_MESSAGES_PER_SECOND: '1000000',
  DUOLOG_SIGN_UPS_PER_HOUR: '1000000',
  DUOLOG_LOG_INS_PER_MINUTE: '1000000',
  DUOLOG_LOG_INS_PER_HANDLE_PER_MINUTE: '1000000',
  DUOLOG_RESERVE_MIB: '128',
  DUOLOG_LOG: 'warn',
});

/** Nothing of the surroundings may change the server. */
const surroundings = (): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DUOLOG_')));

/** A port that is free now. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });

const alive = new Set<ChildProcess>();

/** Ends every server that still runs; for the end of the run, however it comes. */
export const killServers = (): void => {
  for (const child of alive) child.kill('SIGKILL');
};

/** Starts a server; it may not serve yet. */
export const startServer = (options: ServerOptions, environment: Readonly<Record<string, string>>): ServerProcess => {
  const log = openSync(options.log, 'a');
  const child = spawn(process.execPath, [join(root, 'packages', 'server', 'src', 'main.ts'), 'serve'], {
    cwd: root,
    env: { ...surroundings(), ...settings(options), ...environment },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  alive.add(child);
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      alive.delete(child);
      resolve({ code, signal });
    });
  });
  return { exited, hasExited: () => !alive.has(child), kill: (signal) => void child.kill(signal) };
};

const isHealthy = async (port: number): Promise<boolean> => {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(1000) });
    return response.status === 200;
  } catch {
    // Not listening yet.
    return false;
  }
};

/** Waits until the server serves; false if it ended instead. Throws if it does neither in time. */
export const served = async (server: ServerProcess, port: number): Promise<boolean> => {
  for (const endMs = performance.now() + startLimitMs; performance.now() < endMs; await sleep(10)) {
    if (server.hasExited()) return false;
    if (await isHealthy(port)) return true;
  }
  throw new Error(`the server neither serves nor ends within ${startLimitMs / 1000} s`);
};
