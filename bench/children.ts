/** Child processes: pinned, with their output kept, ended by their id. */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const living = new Set<ChildProcess>();

const keptOutputChars = 4_000;

export interface ChildOptions {
  readonly command: readonly string[];
  readonly core?: number | undefined;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Written to standard input, which is closed afterwards; without it the input stays open as long as the bench lives. */
  readonly input?: string;
}

export interface Child {
  readonly pid: number;
  /** The end of what it wrote to standard error. */
  errors(): string;
  /** Resolves with exit code and standard output when it has ended by itself; rejects when it takes longer. */
  finished(timeoutMs: number): Promise<{ readonly code: number; readonly output: string }>;
  /** True while it runs. */
  running(): boolean;
  /** SIGTERM, after 10 s SIGKILL; resolves when it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export const hasCommand = (name: string): boolean => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;

const canPin = hasCommand('taskset');

/** Says why figures are not comparable on this machine; nothing when they are. */
export const pinningLack = (): string | undefined =>
  canPin ? undefined : 'taskset is missing (Debian: apt-get install util-linux): server and load are not pinned';

const pinned = (command: readonly string[], core: number | undefined): readonly string[] =>
  core === undefined || !canPin ? command : ['taskset', '-c', String(core), ...command];

const ended = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

const exitOf = (child: ChildProcess): Promise<number> =>
  ended(child)
    ? Promise.resolve(child.exitCode ?? -1)
    : new Promise((resolve) => child.once('close', (code: number | null) => resolve(code ?? -1)));

/** `promise`, or a rejection that says `what` after the time. */
const within = async <T>(promise: Promise<T>, timeoutMs: number, what: string): Promise<T> => {
  const stopper = new AbortController();
  const late = delay(timeoutMs, undefined, { signal: stopper.signal }).then(() => {
    throw new Error(`${what} took longer than ${timeoutMs} ms`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    late.catch(() => undefined);
    stopper.abort();
  }
};

const stopChild = async (child: ChildProcess, signal: NodeJS.Signals): Promise<void> => {
  if (!ended(child)) {
    const exit = exitOf(child);
    child.kill(signal);
    await within(exit, 10_000, 'stopping').catch(() => {
      child.kill('SIGKILL');
      return exit;
    });
  }
  living.delete(child);
};

export const startChild = (options: ChildOptions): Child => {
  const [file = '', ...rest] = pinned(options.command, options.core);
  const child = spawn(file, rest, {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  living.add(child);
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => void (output += text));
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => void (errors = (errors + text).slice(-keptOutputChars)));
  child.on('error', (error) => void (errors += `\n${error.message}`));
  child.stdin.on('error', (error) => void (errors += `\nstdin: ${error.message}`));
  if (options.input !== undefined) child.stdin.end(options.input);
  return {
    pid: child.pid ?? -1,
    errors: () => errors,
    running: () => !ended(child),
    finished: async (timeoutMs) => {
      const code = await within(exitOf(child), timeoutMs, options.command.slice(0, 3).join(' '));
      living.delete(child);
      return { code, output };
    },
    stop: (signal = 'SIGTERM') => stopChild(child, signal),
  };
};

/** Runs a command to its end; rejects with its output when it fails. */
export const runToEnd = async (options: ChildOptions, timeoutMs: number): Promise<string> => {
  const child = startChild({ input: '', ...options });
  const { code, output } = await child.finished(timeoutMs);
  if (code !== 0)
    throw new Error(`${options.command.join(' ')} failed (${code}): ${child.errors()}${output.slice(-2_000)}`);
  return output;
};

export const stopAllChildren = async (): Promise<void> => {
  await Promise.all([...living].map((child) => stopChild(child, 'SIGTERM')));
};

const until = async (ready: () => Promise<boolean>, what: string, child: Child, timeoutMs: number): Promise<void> => {
  const endMs = Date.now() + timeoutMs;
  while (Date.now() < endMs) {
    if (!child.running()) throw new Error(`the server ended: ${child.errors()}`);
    if (await ready()) return;
    await delay(50);
  }
  throw new Error(`${what} after ${timeoutMs} ms: ${child.errors()}`);
};

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });

/** Waits until something accepts connections on the port of 127.0.0.1, while `child` runs. */
export const waitForPort = (port: number, child: Child, timeoutMs: number): Promise<void> =>
  until(() => accepts(port), `nothing listens on port ${port}`, child, timeoutMs);

/** Waits until GET on the address answers 200, while `child` runs. */
export const waitForHealth = (address: string, child: Child, timeoutMs: number): Promise<void> =>
  until(
    () =>
      fetch(address, { signal: AbortSignal.timeout(2_000) }).then(
        ({ ok }) => ok,
        () => false,
      ),
    `${address} does not answer 200`,
    child,
    timeoutMs,
  );
