import { afterEach, beforeEach, expect, test } from 'bun:test';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { LevelRig, commitAll, fileOf, filesOf, flipByte } from '../../testing/level-rig.ts';
import { LAYOUT } from '../boot/layout.ts';
import { openForCheck } from './level-check.ts';
import type { Checked } from './level-check.ts';
import { LEDGER_FOLDER, readingFirst } from './level-folder.ts';
import { crc32c, damageInLog, masked } from './level-log.ts';
import { inspectTable, unsnappy } from './level-table.ts';

let rig: LevelRig;
beforeEach(() => {
  rig = new LevelRig();
});
afterEach(() => rig.clean());

const told = ({ damage }: Checked): string => damage.map(({ what }) => what).join();

const TABLE = /\.ldb$/;
const LOG = /^\d+\.log$/;

/** A store whose rows are in tables: opening moves what is in the log there. */
const withTables = async (): Promise<string> => {
  const directory = await rig.filled(300);
  await rig.close(await rig.open(directory));
  return directory;
};

test('CRC-32C is that of RFC 3720', () => {
  const zeros = new Uint8Array(32);
  const rising = Uint8Array.from({ length: 32 }, (_, i) => i);
  expect(crc32c(zeros, 0, 32)).toBe(0x8a9136aa);
  expect(crc32c(rising, 0, 32)).toBe(0x46dd794e);
  expect(masked(0)).toBe(0xa282ead8);
});

test('a whole log has no damage, whatever its length [STO4]', async () => {
  const bytes = readFileSync(fileOf(await rig.filled(400), LOG));
  expect(bytes.length).toBeGreaterThan(3 * 32_768);
  for (let cut = 0; cut < 2 * 32_768; cut += 1_009)
    expect(damageInLog(bytes.subarray(0, bytes.length - cut))).toBeUndefined();
});

test('a record that is not whole and is followed by another batch is damage, zeros too [STO4]', async () => {
  const bytes = readFileSync(fileOf(await rig.filled(400), LOG));
  for (let at = 100; at < bytes.length - 40_000; at += 7_919) {
    for (const length of [1, 50, 5_000]) {
      const spoilt = Buffer.from(bytes);
      spoilt.fill(0, at, at + length);
      if (spoilt.equals(bytes)) continue;
      expect(damageInLog(spoilt)?.at).toBeLessThanOrEqual(at);
    }
  }
});

test('files of another user are named with what to do about them [STO10]', async () => {
  const cause = Object.assign(new Error("EACCES: permission denied, open 'data/ledger/000003.log'"), {
    code: 'EACCES',
  });
  const refused = await readingFirst('data', () => Promise.reject(cause)).catch(String);
  expect(refused).toMatch(/000003\.log.*chown -R USER data/);
});

test('snappy is read as its format says', () => {
  // "duolog " as a literal, then six bytes of it again, overlapping what the copy makes.
  const packed = Uint8Array.from([20, (7 - 1) << 2, ...Buffer.from('duolog '), ((13 - 1) << 2) | 2, 7, 0]);
  expect(Buffer.from(unsnappy(packed)).toString()).toBe('duolog duolog duolog');
  expect(() => unsnappy(Uint8Array.from([5, (2 - 1) << 2, 1, 2]))).toThrow('it ends too early');
  expect(() => unsnappy(Uint8Array.from([5, ((4 - 1) << 2) | 2, 9, 0]))).toThrow('goes too far');
});

const kindOf = async (table: Uint8Array): Promise<string> => (await inspectTable(table)).kind;

test('a whole table has no damage; any flipped byte of its blocks, index and footer is damage [STO9]', async () => {
  const table = readFileSync(fileOf(await withTables(), TABLE));
  expect(await kindOf(table)).toBe('whole');
  let found = 0;
  for (let at = 0; at < table.length; at += 13) {
    const spoilt = Buffer.from(table);
    spoilt.writeUInt8(spoilt.readUInt8(at) ^ 0x10, at);
    // Between the two places it names, the footer holds nothing but padding.
    if ((await kindOf(spoilt)) === 'whole') expect(at).toBeGreaterThan(table.length - 48);
    else found += 1;
  }
  expect(found).toBeGreaterThan(100);
  for (const cut of [1, 8, 100, table.length - 10])
    expect(await kindOf(table.subarray(0, table.length - cut))).toBe('unreadable');
});

test('a check looks at a copy: the store keeps every byte, and the copy goes [STO9]', async () => {
  const directory = await rig.filled(50);
  const before = readdirSync(join(directory, LEDGER_FOLDER)).map((name) => [
    name,
    readFileSync(join(directory, LEDGER_FOLDER, name), 'base64'),
  ]);
  const checked = await openForCheck({ directory, layout: LAYOUT });
  expect(checked.damage).toEqual([]);
  expect(await checked.store.range('c/a/0', { limit: 100 })).toHaveLength(50);
  await checked.close();
  expect(
    readdirSync(join(directory, LEDGER_FOLDER)).map((name) => [
      name,
      readFileSync(join(directory, LEDGER_FOLDER, name), 'base64'),
    ]),
  ).toEqual(before);
});

test('a check names what is damaged in logs, tables and the chain of batches, and opens the rest [STO9]', async () => {
  const directory = await withTables();
  const [table = ''] = filesOf(directory, TABLE);
  flipByte(table, 1_000);
  const level = await rig.open(await rig.filled(20));
  await commitAll(level, 0);
  const checked = await openForCheck({ directory, layout: LAYOUT });
  expect(told(checked)).toMatch(/the table \d+\.ldb has 1 damaged of \d+ blocks/);
  await checked.close();

  const other = await rig.filled(50);
  flipByte(fileOf(other, LOG), 2_000);
  const logs = await openForCheck({ directory: other, layout: LAYOUT });
  expect(told(logs)).toMatch(/the log \d+\.log is damaged at byte \d+/);
  await logs.close();
});
