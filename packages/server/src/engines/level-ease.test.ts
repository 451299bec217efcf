import { afterEach, beforeEach, expect, test } from 'bun:test';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { LevelRig, commitAll } from '../../testing/level-rig.ts';
import { UNTIL_TEST_MS, until } from '../../testing/until.ts';
import { ManualClock } from './clock-manual.ts';
import { easeFiles } from './level-ease.ts';
import type { Ease } from './level-ease.ts';

const LARGE = 4 * 1024 * 1024;

let folder: string;
let clock: ManualClock;
let ease: Ease;
/** Names of files that are held, and how often each was flushed. */
let held: Set<string>;
let flushed: Map<string, number>;
/** Names that cannot be opened. */
let barred: Set<string>;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'duolog-ease-'));
  clock = new ManualClock();
  [held, flushed, barred] = [new Set(), new Map(), new Set()];
  ease = easeFiles(folder, clock, async (path) => {
    const name = basename(path);
    if (barred.has(name)) throw new Error(`no more files for ${name}`);
    held.add(name);
    return {
      stat: async () => statSync(path),
      datasync: async () => void flushed.set(name, (flushed.get(name) ?? 0) + 1),
      close: async () => void held.delete(name),
    };
  });
});
afterEach(async () => {
  await ease.close();
  rmSync(folder, { recursive: true });
});

const write = (name: string, bytes: number): void => {
  writeFileSync(join(folder, name), '');
  truncateSync(join(folder, name), bytes);
};

/** Lets enough time pass, and waits for a look. */
const look = async (): Promise<void> => {
  await clock.advance(1_000);
  ease.look();
  await ease.idle();
};

test('a table is flushed while it grows, and not when it did not', async () => {
  await look();
  write('000007.ldb', 4_096);
  await look();
  expect(flushed.get('000007.ldb')).toBe(1);
  await look();
  expect(flushed.get('000007.ldb')).toBe(1);
  appendFileSync(join(folder, '000007.ldb'), 'more');
  await look();
  expect(flushed.get('000007.ldb')).toBe(2);
});

test('logs and large tables are held until they are deleted, small tables until the next one grows', async () => {
  await look();
  write('000004.log', 10);
  write('000005.ldb', LARGE);
  await look();
  write('000006.ldb', 10);
  await look();
  write('000007.ldb', 10);
  await look();
  expect([...held].toSorted()).toEqual(['000004.log', '000005.ldb', '000007.ldb']);
  rmSync(join(folder, '000004.log'));
  rmSync(join(folder, '000005.ldb'));
  await look();
  expect([...held]).toEqual(['000007.ldb']);
  expect(flushed.get('000004.log')).toBeUndefined();
});

test('of large tables that stay, sixteen are held beside the one that grows', async () => {
  await look();
  for (let number = 10; number < 30; number++) {
    write(`0000${number}.ldb`, LARGE);
    await look();
  }
  expect(held.size).toBe(17);
  expect(held.has('000013.ldb')).toBe(true);
});

test('of what was there before it began the log is held; tables are left alone, and so are files of other kinds', async () => {
  write('000002.log', 10);
  write('000003.ldb', LARGE);
  await look();
  write('MANIFEST-000009', 10);
  write('LOG', 10);
  await look();
  expect([...held]).toEqual(['000002.log']);
});

test('a file that cannot be opened is passed over: those after it are held', async () => {
  await look();
  barred.add('000004.ldb');
  write('000004.ldb', 10);
  write('000005.ldb', 10);
  await look();
  await look();
  expect([...held]).toEqual(['000005.ldb']);
});

test('calls one after another make one look; in a folder of many files the names are read more rarely', async () => {
  for (let number = 1; number <= 1_500; number++) write(`${String(number).padStart(6, '0')}.ldb`, 0);
  await look();
  write('001501.ldb', 10);
  ease.look();
  await ease.idle();
  expect(held.size).toBe(0);
  await clock.advance(100);
  ease.look();
  await ease.idle();
  expect(held.size).toBe(0);
  await clock.advance(100);
  ease.look();
  await ease.idle();
  expect([...held]).toEqual(['001501.ldb']);
});

test('at the end all are let go, and nothing is held any more', async () => {
  await look();
  write('000004.log', 10);
  await look();
  expect(held.size).toBe(1);
  await ease.close();
  expect(held.size).toBe(0);
  write('000005.log', 10);
  await look();
  expect(held.size).toBe(0);
});

/** How often this process has a log of the database in this folder open. */
const openLogs = (directory: string): number => {
  let count = 0;
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      if (path.startsWith(directory) && path.endsWith('.log')) count += 1;
    } catch {
      // The one that reads the folder is closed by now.
    }
  }
  return count;
};

test(
  'a store that is written to holds its log beside the database, and lets go of it when it is closed',
  async () => {
    const rig = new LevelRig();
    try {
      const directory = rig.folder();
      const level = await rig.open(directory);
      expect(openLogs(directory)).toBe(1);
      await commitAll(level, 1);
      await until('the log is held', () => openLogs(directory) > 1);
      expect(openLogs(directory)).toBe(2);
      await rig.close(level);
      expect(openLogs(directory)).toBe(0);
    } finally {
      await rig.clean();
    }
  },
  UNTIL_TEST_MS,
);
