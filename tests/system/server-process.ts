import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const main = join(import.meta.dirname, '..', '..', 'packages', 'server', 'src', 'main.ts');

/** Environment without this shell's own settings of duolog. */
export const plainEnvironment = (): Record<string, string | undefined> =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DUOLOG_')));

/** A process with what it has written so far. */
export interface Running {
  readonly child: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Piped in, then closed; left open and empty if undefined. */
  readonly input?: string;
  /** Files and sockets it may have open at once. */
  readonly maxOpenFiles?: number;
}

/** Everything that tests start and make, ended and removed by `clean`. */
export class Stage {
  readonly #children: ChildProcess[] = [];
  readonly #folders: string[] = [];

  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'duolog-system-'));
    this.#folders.push(folder);
    return folder;
  }

  /** Runs the command line of duolog. */
  duolog(args: readonly string[], { cwd = tmpdir(), env = {}, input, maxOpenFiles }: RunOptions = {}): Running {
    const words = [process.execPath, main, ...args];
    const limited = ['sh', '-c', `ulimit -n ${maxOpenFiles}; exec "$@"`, 'sh', ...words];
    const [program = '', ...rest] = maxOpenFiles === undefined ? words : limited;
    const child = spawn(program, rest, {
      cwd,
      env: { ...plainEnvironment(), NO_COLOR: '1', ...env },
      stdio: 'pipe',
    });
    this.#children.push(child);
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    // A program that has ended reads no more; that is no fault of the test.
    child.stdin.on('error', () => undefined);
    if (input !== undefined) child.stdin.end(input);
    const ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals | null);
    return { child, stdout: () => stdout, stderr: () => stderr, ended };
  }

  /** Runs a server on a free port until it serves. */
  async serve(
    env: Readonly<Record<string, string>> = {},
    options: Pick<RunOptions, 'maxOpenFiles'> = {},
  ): Promise<Running & { readonly url: string }> {
    const data = env['DUOLOG_DATA'] ?? join(this.folder(), 'data');
    const running = this.duolog(['serve'], { ...options, env: { DUOLOG_PORT: '0', DUOLOG_DATA: data, ...env } });
    await until('the server serves', () => {
      if (running.child.exitCode !== null) throw new Error(`it ended: ${running.stderr()}`);
      return running.stdout().includes('\n');
    });
    const [, url = ''] = / serves (http:\S+) /.exec(running.stdout()) ?? [];
    return { ...running, url };
  }

  clean(): void {
    for (const child of this.#children.splice(0)) child.kill('SIGKILL');
    for (const folder of this.#folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  }
}

/** Waits for a state; fails after ten seconds. */
export const until = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  const deadlineAt = Date.now() + 10_000;
  while (!(await holds())) {
    if (Date.now() > deadlineAt) throw new Error(`within 10 s not: ${what}`);
    await Bun.sleep(10);
  }
};
