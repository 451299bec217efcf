import { afterAll, describe, expect, test } from 'bun:test';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cCompiler } from '../../machine.ts';
import { seeded } from '../seeded.ts';
import { compileFaults, diskFaultEnvironment, type DiskFault } from './compile.ts';
import { beginRecording, cutPower, type CutMode } from './power-cut.ts';

const writer = join(import.meta.dirname, 'level-writer.ts');
const root = mkdtempSync(join(tmpdir(), 'duolog-faults-'));
afterAll(() => rmSync(root, { recursive: true }));

interface Life {
  readonly acknowledged: readonly number[];
  readonly failed: readonly string[];
}

/** Lets the writer run until it has said `lines` lines, kills it, and returns everything it said. */
const live = async (
  folder: string,
  sync: boolean,
  onError: 'go-on' | 'stop',
  lines: number,
  bufferBytes: number,
  env: Record<string, string>,
): Promise<Life> => {
  const child = spawn(
    process.execPath,
    [writer, folder, 'write', String(sync), onError, String(lines * 4), String(bufferBytes)],
    {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const said: string[] = [];
  const ended = new Promise<void>((resolve) => void child.once('close', () => resolve()));
  for await (const line of createInterface({ input: child.stdout })) {
    said.push(line);
    if (said.length >= lines || (line.startsWith('failed') && onError === 'stop')) child.kill('SIGKILL');
  }
  await ended;
  return {
    acknowledged: said.map(Number).filter((n) => n > 0),
    failed: said.filter((line) => line.startsWith('failed')),
  };
};

const read = (folder: string): { readonly opened: boolean; readonly found: ReadonlySet<number> } => {
  const { status, stdout } = spawnSync(process.execPath, [writer, folder, 'read'], { encoding: 'utf8' });
  return {
    opened: status === 0,
    found: new Set(
      stdout
        .split('\n')
        .filter((line) => line !== '')
        .map(Number),
    ),
  };
};

const lostOf = ({ acknowledged }: Life, found: ReadonlySet<number>): readonly number[] =>
  acknowledged.filter((n) => !found.has(n));

const newRecording = () => {
  const base = mkdtempSync(join(root, 'run-'));
  return { folder: join(base, 'data'), record: join(base, 'record'), grave: join(base, 'grave') };
};

const cutRun = async (library: string, sync: boolean, mode: CutMode, seed: number, lines: number) => {
  const recording = newRecording();
  const random = seeded(seed);
  const life = await live(recording.folder, sync, 'stop', lines, 64 * 1024, beginRecording(recording, library));
  const report = cutPower(recording, mode, random);
  const { opened, found } = read(recording.folder);
  return { report, opened, acknowledged: life.acknowledged.length, lost: lostOf(life, found) };
};

const failRun = async (
  libraries: string,
  fault: Omit<DiskFault, 'folder' | 'log'>,
  onError: 'go-on' | 'stop',
  power: boolean,
) => {
  const recording = newRecording();
  mkdirSync(recording.folder);
  const log = `${recording.record}-disk`;
  const disk = diskFaultEnvironment(libraries, { ...fault, folder: recording.folder, log });
  const env = power ? { ...beginRecording(recording, ''), ...disk } : disk;
  const life = await live(recording.folder, true, onError, 400, 4 * 1024 * 1024, env);
  if (power) cutPower(recording, 'cut', seeded(1));
  const { opened, found } = read(recording.folder);
  const injected = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').length : 0;
  return { opened, injected, failed: life.failed, acknowledged: life.acknowledged.length, lost: lostOf(life, found) };
};

describe.skipIf(!cCompiler.found() && process.env['CI'] !== 'true')(
  `faults (need ${cCompiler.what}: ${cCompiler.howToGet})`,
  () => {
    const { powercut, diskfail } = cCompiler.found() ? compileFaults(root) : { powercut: '', diskfail: '' };

    test('a kill loses nothing even without fsync: it proves nothing about the disk [POWER]', async () => {
      const folder = join(root, 'kill');
      const life = await live(folder, false, 'stop', 600, 64 * 1024, {});
      expect(lostOf(life, read(folder).found)).toEqual([]);
    });

    test('a power cut takes acknowledged batches that were not fsynced [POWER]', async () => {
      for (const mode of ['cut', 'random'] as const) {
        const { opened, acknowledged, lost } = await cutRun(powercut, false, mode, 3, 600);
        expect({ mode, opened, lost: lost.length > 0, enough: acknowledged >= 500 }).toEqual({
          mode,
          opened: true,
          lost: true,
          enough: true,
        });
      }
    });

    test('a power cut takes no acknowledged batch that was fsynced [POWER]', async () => {
      const random = seeded(7);
      for (let seed = 1; seed <= 8; seed++) {
        const lines = 2 + Math.floor(random() * 500);
        const mode = seed % 3 === 0 ? 'cut' : 'random';
        const { opened, lost, report } = await cutRun(powercut, true, mode, seed, lines);
        expect({ seed, opened, lost, unknown: report.unknown }).toEqual({ seed, opened: true, lost: [], unknown: [] });
      }
    });

    for (const fault of [
      { at: 60, error: 'EIO', call: 'write' },
      { at: 60, error: 'ENOSPC', call: 'write', tear: true },
    ] as const) {
      const name = `one write fails with ${fault.error}${'tear' in fault ? ' half way' : ''}`;
      test(`acknowledged batches are gone when ${name} and the writer goes on [DISK]`, async () => {
        const { injected, failed, acknowledged, lost } = await failRun(diskfail, fault, 'go-on', false);
        expect({ injected, failed: failed.length, acknowledged: acknowledged > 300, lost: lost.length > 0 }).toEqual({
          injected: 1,
          failed: 1,
          acknowledged: true,
          lost: true,
        });
      });
      test(`nothing acknowledged is gone when ${name} and the writer stops [DISK]`, async () => {
        const { injected, failed, opened, acknowledged, lost } = await failRun(diskfail, fault, 'stop', false);
        expect({ injected, failed: failed.length, opened, some: acknowledged > 0, lost }).toEqual({
          injected: 1,
          failed: 1,
          opened: true,
          some: true,
          lost: [],
        });
      });
    }

    test('a fault that lasts fails everything after it [DISK]', async () => {
      const { injected, failed, acknowledged } = await failRun(
        diskfail,
        { at: 60, error: 'ENOSPC', call: 'any', lasting: true },
        'go-on',
        false,
      );
      expect({ more: injected > 10, failed: failed.length > 10, acknowledged: acknowledged < 60 }).toEqual({
        more: true,
        failed: true,
        acknowledged: true,
      });
    });

    test('after one failed fsync LevelDB acknowledges nothing more, and a power cut takes nothing [DISK] [POWER]', async () => {
      const fault = { at: 40, error: 'EIO', call: 'sync' } as const;
      const { injected, failed, opened, acknowledged, lost } = await failRun(
        `${diskfail}:${powercut}`,
        fault,
        'go-on',
        true,
      );
      expect({ injected, failed: failed.length > 300, opened, acknowledged: acknowledged < 40, lost }).toEqual({
        injected: 1,
        failed: true,
        opened: true,
        acknowledged: true,
        lost: [],
      });
    });
  },
);
