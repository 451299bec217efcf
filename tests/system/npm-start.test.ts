import { afterEach, expect, test } from 'bun:test';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pidsOfGroup } from '../process-group.ts';

const root = join(import.meta.dirname, '..', '..');
const started: ChildProcess[] = [];
const folders: string[] = [];

afterEach(() => {
  for (const { pid } of started.splice(0)) {
    if (pid !== undefined) for (const left of pidsOfGroup(pid)) process.kill(left, 'SIGKILL');
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'duolog-start-'));
  folders.push(folder);
  return folder;
}

async function findFreePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('a socket without a port');
  return address.port;
}

async function isHealthy(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/health`)).status === 200;
  } catch (cause) {
    if (cause instanceof Error) return false;
    throw cause;
  }
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineAt = Date.now() + 15_000;
  while (!(await holds())) {
    if (Date.now() > deadlineAt) throw new Error(`within 15 s not: ${what}`);
    await Bun.sleep(20);
  }
}

/** Runs `npm start` in a process group of its own until it serves. */
async function npmStart(): Promise<{ readonly npm: ChildProcess; readonly npmPid: number; readonly port: number }> {
  const port = await findFreePort();
  const folder = makeFolder();
  const logFile = join(folder, 'log');
  const log = openSync(logFile, 'w');
  const env = { ...process.env, DUOLOG_PORT: String(port), DUOLOG_DATA: join(folder, 'data') };
  const npm = spawn('npm', ['start'], { cwd: root, env, stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  started.push(npm);
  await until('GET /health answers 200', () => {
    if (npm.exitCode !== null) throw new Error(`npm start ended:\n${readFileSync(logFile, 'utf8')}`);
    return isHealthy(port);
  });
  if (npm.pid === undefined) throw new Error('npm did not start');
  return { npm, npmPid: npm.pid, port };
}

test.each([['npm'], ['the server']])(
  'npm start serves with the settings of the runtime, and SIGTERM to %s ends it with nothing left running',
  async (receiver) => {
    const { npm, npmPid, port } = await npmStart();
    const others = pidsOfGroup(npmPid).filter((pid) => pid !== npmPid);
    expect(others).toHaveLength(1);
    expect(readFileSync(`/proc/${others[0]}/environ`, 'latin1')).toContain('MIMALLOC_PURGE_DELAY=');
    process.kill(receiver === 'npm' ? npmPid : (others[0] ?? 0), 'SIGTERM');
    await until('npm has ended', () => npm.exitCode !== null || npm.signalCode !== null);
    expect({ exitCode: npm.exitCode, signal: npm.signalCode }).toEqual({ exitCode: 0, signal: null });
    expect(pidsOfGroup(npmPid)).toEqual([]);
    expect(await isHealthy(port)).toBe(false);
  },
  40_000,
);

test('the duolog command runs from any folder', () => {
  const command = join(root, 'node_modules', '.bin', 'duolog');
  const run = spawnSync(command, ['config'], { cwd: makeFolder(), encoding: 'utf8', timeout: 20_000 });
  expect(run.stdout).toContain('DUOLOG_PORT');
  expect(run.status).toBe(0);
}, 30_000);
