/** The client process, as the run sees it. */
import { spawn, type StdioOptions } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ClientRun } from './client/main.ts';

export interface ClientProcess {
  /** Everything is set up and the load goes on. */
  readonly ready: Promise<void>;
  /** The history is complete. */
  readonly done: Promise<void>;
  /** Ends the load: reads everything there is, or, when no server comes back, takes down that nothing can be read. */
  readonly end: (how: 'finish' | 'lost') => void;
  readonly kill: () => void;
}

/** Starts the client. `ready` and `done` reject if it ends before. */
export const startClient = (run: ClientRun, logFile: string): ClientProcess => {
  const log = openSync(logFile, 'a');
  const stdio: StdioOptions = ['pipe', 'pipe', log];
  const child = spawn(process.execPath, [join(import.meta.dirname, 'client', 'main.ts'), JSON.stringify(run)], {
    stdio,
  });
  closeSync(log);
  const ready = Promise.withResolvers<undefined>();
  const done = Promise.withResolvers<undefined>();
  if (child.stdout === null) throw new Error('the client has no output');
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line === 'ready') ready.resolve(undefined);
    if (line === 'done') done.resolve(undefined);
  });
  child.once('exit', (code, signal) => {
    const early = new Error(`the client ended before its time (${signal ?? code})`);
    ready.reject(early);
    done.reject(early);
  });
  // Whoever waits for them is told; until somebody does, nothing is lost.
  ready.promise.catch(() => undefined);
  done.promise.catch(() => undefined);
  return {
    ready: ready.promise,
    done: done.promise,
    end: (how) =>
      void child.stdin?.write(`${how}
`),
    kill: () => void child.kill('SIGKILL'),
  };
};
