import { afterEach, beforeEach, expect, test } from 'bun:test';
import { LevelRig, claimed } from '../../testing/level-rig.ts';
import type { TestLevel } from '../../testing/level-rig.ts';
import { LAYOUT } from '../boot/layout.ts';
import type { Row } from '../ports/store.ts';
import { areaBounds, keptBounds, keptKey, keysOf } from './level-keys.ts';
import { restoreBackup } from './level-restore.ts';

let rig: LevelRig;
beforeEach(() => {
  rig = new LevelRig();
});
afterEach(() => rig.clean());

type Write = (rows: readonly Row[], drops?: readonly string[]) => Promise<void>;

/** Commits batches, one after another. */
const writerOf = async (level: TestLevel): Promise<Write> => {
  const claim = await claimed(level);
  let stamp = claim.stamp;
  return async (rows, drops = []) => {
    stamp += 1;
    await level.ledger.commit({ partition: 0, claim: claim.id, stamp, rows, drops, parcels: [], grown: [] });
  };
};

const pointer = (user: string, n: number, value = `2${n} d.a.b`): Row => ({ ...LAYOUT.logRow(`u/${user}`, n), value });
const partition = (user: string): string => `u/${user}/0`;

/** Keys of the rows at their places, as `<partition> <key>`. */
const placed = async (level: TestLevel): Promise<readonly string[]> =>
  (await level.db.keys(areaBounds).all()).map((place) => keysOf(place).join(' '));
const kept = async (level: TestLevel): Promise<number> => (await level.db.keys(keptBounds).all()).length;
const valuesOf = async (level: TestLevel, user: string): Promise<readonly string[]> =>
  (await level.store.range(partition(user), { limit: 100 })).map(({ value }) => value);

/** The store as it would be after a crash now. */
const crashed = (directory: string): Promise<TestLevel> => rig.open(rig.copyOf(directory));

test('short rows of sixteen batches become one run, and until then each batch keeps those it took [STO1]', async () => {
  const level = await rig.open(rig.folder());
  const write = await writerOf(level);
  for (let n = 1; n <= 16; n++) {
    expect(await placed(level)).toEqual([]);
    expect(await kept(level)).toBe(n - 1);
    await write([pointer('a', n)]);
  }
  expect(await placed(level)).toEqual(['u/a/0 010']);
  expect(await kept(level)).toBe(0);
  expect(await valuesOf(level, 'a')).toEqual(Array.from({ length: 16 }, (_, i) => `2${i + 1} d.a.b`));
});

test('a long row goes to its place at once, with those that wait before it [STO1]', async () => {
  const level = await rig.open(rig.folder());
  const write = await writerOf(level);
  await write([pointer('a', 1)]);
  await write([pointer('a', 2, `1${'x'.repeat(500)}`)]);
  await write([pointer('a', 3)]);
  expect(await placed(level)).toEqual(['u/a/0 002']);
  expect(await kept(level)).toBe(1);
});

test('rows that wait are read, one, many or all, and then lie at their places [STO1]', async () => {
  const level = await rig.open(rig.folder());
  const write = await writerOf(level);
  for (let n = 1; n <= 3; n++) await write(['a', 'b', 'c', 'd'].map((user) => pointer(user, n)));
  expect(await level.store.get(partition('a'), '002')).toBe('22 d.a.b');
  expect(await placed(level)).toEqual(['u/a/0 003']);
  const many = [LAYOUT.logRow('u/b', 1), LAYOUT.logRow('u/c', 3), LAYOUT.logRow('u/c', 4)];
  expect(await level.store.getMany(many)).toEqual(['21 d.a.b', '23 d.a.b', undefined]);
  expect(await placed(level)).toEqual(['u/a/0 003', 'u/b/0 003', 'u/c/0 003']);
  const { rows } = await level.store.scan(undefined, 100);
  expect(rows.filter(({ partition: name }) => name === partition('d'))).toHaveLength(3);
  expect(await kept(level)).toBe(0);
});

test('a read sees what was stored before it was asked, also while that is put at its place [STO1]', async () => {
  const level = await rig.open(rig.folder());
  const write = await writerOf(level);
  let stored = 0;
  const writing = (async () => {
    for (let n = 1; n <= 300; n++) {
      await write([pointer('a', n)]);
      stored = n;
    }
  })();
  while (stored < 300) {
    const before = stored;
    const [last] = await level.store.range(partition('a'), { limit: 1, reverse: true });
    expect(Number.parseInt(last?.key ?? '0', 16)).toBeGreaterThanOrEqual(before);
    if (before > 0) expect(await level.store.get(partition('a'), LAYOUT.logRow('u/a', before).key)).toBeDefined();
  }
  await writing;
});

test('after a crash rows that waited are there, whatever became of others of their batches [STO1]', async () => {
  const directory = rig.folder();
  const level = await rig.open(directory);
  const write = await writerOf(level);
  for (let n = 1; n <= 10; n++) await write([pointer('a', n), pointer('b', n)]);
  await level.store.get(partition('a'), '001');
  await write([pointer('a', 11), pointer('b', 11)]);
  const again = await crashed(directory);
  const all = Array.from({ length: 11 }, (_, i) => `2${i + 1} d.a.b`);
  for (const user of ['a', 'b']) expect(await valuesOf(again, user)).toEqual(all);
  expect(await placed(again)).toEqual(['u/a/0 00a', 'u/a/0 00b', 'u/b/0 00b']);
  expect(await kept(again)).toBe(0);
  const more = await writerOf(again);
  await more([pointer('a', 12)]);
  expect(await valuesOf(again, 'a')).toEqual([...all, '212 d.a.b']);
});

test('what was written again, or removed, is not undone by what is still kept of it after a crash [STO1]', async () => {
  const directory = rig.folder();
  const level = await rig.open(directory);
  const write = await writerOf(level);
  await write([pointer('other', 1)]);
  for (let n = 1; n <= 3; n++) await write([pointer('a', n), pointer('gone', n)]);
  await write([pointer('a', 2, '2written again')]);
  await write([], [partition('gone')]);
  await write([pointer('a', 4)]);
  expect(await kept(level)).toBeGreaterThan(3);
  for (const store of [await crashed(directory), level]) {
    expect(await valuesOf(store, 'a')).toEqual(['21 d.a.b', '2written again', '23 d.a.b', '24 d.a.b']);
    expect(await valuesOf(store, 'gone')).toEqual([]);
  }
});

test('the oldest runs are closed when too many are open, or too much was written since [STO1]', async () => {
  const few = await rig.open(rig.folder(), { limits: { openRuns: 2 } });
  let write = await writerOf(few);
  for (const user of ['a', 'b', 'c']) await write([pointer(user, 1)]);
  expect(await placed(few)).toEqual(['u/a/0 001']);
  expect(await kept(few)).toBe(2);
  const short = await rig.open(rig.folder(), { limits: { openChars: 1_000 } });
  write = await writerOf(short);
  await write([pointer('a', 1)]);
  await write([pointer('b', 1, `1${'x'.repeat(800)}`)]);
  expect(await kept(short)).toBe(1);
  await write([pointer('b', 2, `1${'x'.repeat(800)}`)]);
  expect(await placed(short)).toEqual(['u/a/0 001', 'u/b/0 001', 'u/b/0 002']);
  expect(await kept(short)).toBe(0);
});

test('a store that is closed in peace keeps nothing, and so does one that is restored [STO1] [STO8]', async () => {
  const directory = rig.folder();
  const level = await rig.open(directory);
  const write = await writerOf(level);
  await write([pointer('a', 1)]);
  const file = `${directory}-backup`;
  await level.backup(file);
  await write([pointer('a', 2)]);
  expect(await kept(level)).toBe(1);
  await rig.close(level);
  const opened = await rig.open(directory);
  expect(await placed(opened)).toEqual(['u/a/0 001', 'u/a/0 002']);
  const restored = rig.folder();
  await restoreBackup({ file, directory: restored, layout: LAYOUT });
  const other = await rig.open(restored);
  expect(await kept(other)).toBe(0);
  expect(await valuesOf(other, 'a')).toEqual(['21 d.a.b']);
});

test('a check of a running store has what waits [STO9]', async () => {
  const level = await rig.open(rig.folder());
  const write = await writerOf(level);
  await write([pointer('a', 1)]);
  const checked = await level.check();
  await write([pointer('a', 2)]);
  const rows = await checked.store.range(partition('a'), { limit: 10 });
  await checked.close();
  expect(rows.map(({ key }) => key)).toEqual(['001']);
});

test('kept rows that cannot be read keep the store from being served [STO4]', async () => {
  const directory = rig.folder();
  const level = await rig.open(directory);
  await level.db.put(keptKey(0), '1["u/a/0","001"]');
  await rig.close(level);
  expect(rig.open(directory)).rejects.toThrow(/is damaged: .*kept rows.*duolog fsck/s);
});

test('after a failed write what waits is not read as if it were not there [STO5]', async () => {
  const level = await rig.open(rig.folder());
  const write = await writerOf(level);
  await write([pointer('a', 1)]);
  const { db } = level;
  const { batch } = db;
  db.batch = (() => {
    throw new Error('the disk is gone');
  }) as never;
  expect(write([pointer('b', 1)])).rejects.toThrow('Writing to the store failed');
  await expect(level.store.get(partition('a'), '001')).rejects.toThrow('Writing to the store failed');
  db.batch = batch;
  expect(rig.fatal).toHaveLength(1);
});
