import { expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInGroup, type Ended } from '../process-group.ts';

async function runShell(script: string, limitMs = 20_000): Promise<Ended & { readonly output: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'duolog-process-group-'));
  const logFile = join(folder, 'log');
  try {
    const ended = await runInGroup({ argv: ['/bin/sh', '-c', script], cwd: folder, logFile, limitMs });
    return { ...ended, output: readFileSync(logFile, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function isRunning(pid: number): boolean {
  const { exitCode, stdout } = Bun.spawnSync(['cat', `/proc/${pid}/stat`], { stderr: 'ignore' });
  // A killed process whose parent has not asked for its end yet does not run.
  return exitCode === 0 && !/\) [ZX] /.test(stdout.toString());
}

test('a command reports its exit code and writes both outputs to the log', async () => {
  const ended = await runShell('echo out; echo err >&2; exit 3');
  expect(ended).toMatchObject({ exitCode: 3, signal: null, timedOut: false, leftover: false });
  expect(ended.output).toBe('out\nerr\n');
});

test('a command that does not end in time is ended with everything it started', async () => {
  const ended = await runShell('sleep 300 & echo $!; wait', 300);
  expect(ended).toMatchObject({ exitCode: null, signal: 'SIGKILL', timedOut: true });
  expect(isRunning(Number(ended.output))).toBe(false);
});

test('what a command leaves running is ended and reported', async () => {
  const ended = await runShell('sleep 300 & echo $!');
  expect(ended).toMatchObject({ exitCode: 0, timedOut: false, leftover: true });
  expect(isRunning(Number(ended.output))).toBe(false);
}, 10_000);
