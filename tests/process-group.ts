import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** How a command ended. `leftover` is true when it ended but something it started in its process group was still there. */
export interface Ended {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly timedOut: boolean;
  readonly leftover: boolean;
  readonly tookMs: number;
}

export interface Command {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Where standard output and standard error go, both in one file. */
  readonly logFile: string;
  readonly limitMs: number;
}

const GRACE_MS = 2_000;
const running = new Set<number>();

function signalGroup(groupId: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-groupId, signal);
    return true;
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ESRCH') return false;
    throw cause;
  }
}

function statusOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'ENOENT' || cause.code === 'ESRCH')) return '';
    throw cause;
  }
}

/** The processes of a group that run, as Linux knows them. One that ended and waits for its parent to ask does not run. */
export function pidsOfGroup(groupId: number): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const [, state, group] = /\) (\S) \d+ (\d+) /.exec(statusOf(pid)) ?? [];
      return Number(group) === groupId && state !== 'Z' && state !== 'X';
    })
    .map(Number);
}

function groupRuns(groupId: number): boolean {
  return signalGroup(groupId, 0) && (!existsSync('/proc/self/stat') || pidsOfGroup(groupId).length > 0);
}

/** Waits until nothing of the group runs; false when something still does after the grace time. */
async function groupGone(groupId: number): Promise<boolean> {
  const deadlineAt = Date.now() + GRACE_MS;
  while (groupRuns(groupId)) {
    if (Date.now() > deadlineAt) return false;
    await sleep(20);
  }
  return true;
}

/** Runs a command in a process group of its own and ends the whole group when it ends or when its time is up. */
export async function runInGroup(command: Command): Promise<Ended> {
  const startedAt = Date.now();
  const log = openSync(command.logFile, 'w');
  const [program, ...args] = command.argv;
  const child = spawn(program, args, {
    cwd: command.cwd,
    env: { ...process.env, NO_COLOR: '1', ...command.env },
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  const groupId = child.pid;
  if (groupId !== undefined) running.add(groupId);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    if (groupId !== undefined) signalGroup(groupId, 'SIGKILL');
  }, command.limitMs);
  try {
    const [exitCode, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, bySignal) => resolve([code, bySignal]));
    });
    const leftover = groupId !== undefined && !(await groupGone(groupId));
    if (leftover) {
      signalGroup(groupId, 'SIGKILL');
      await groupGone(groupId);
    }
    return { exitCode, signal, timedOut, leftover, tookMs: Date.now() - startedAt };
  } finally {
    clearTimeout(timer);
    if (groupId !== undefined) running.delete(groupId);
  }
}

/** Ends everything that is running when this process is told to end, so that an interrupted run leaves nothing behind. */
export function endGroupsOnSignal(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      for (const groupId of running) signalGroup(groupId, 'SIGKILL');
      process.exit(130);
    });
  }
}
