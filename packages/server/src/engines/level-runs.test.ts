import { afterEach, beforeEach, expect, test } from 'bun:test';
import { readFileSync, statSync } from 'node:fs';
import { LevelRig, claimed, fileOf } from '../../testing/level-rig.ts';
import type { TestLevel } from '../../testing/level-rig.ts';
import { LAYOUT } from '../boot/layout.ts';
import type { Row, Store } from '../ports/store.ts';
import { seededRandom } from './faults.ts';
import { newestDigest } from './level-chain.ts';
import { damageOf } from './level-gaps.ts';
import { areaBounds, keysOf } from './level-keys.ts';
import { BACKGROUND_NICE, newTwins, readThreads } from './level-priority.ts';
import { restoreBackup } from './level-restore.ts';
import { RUN_CHARS, decodeRun, encodeRun } from './level-runs.ts';

let rig: LevelRig;
beforeEach(() => {
  rig = new LevelRig();
});
afterEach(() => rig.clean());

/** Commits batches of rows, one after another. */
const writerOf = async (level: TestLevel): Promise<(rows: readonly Row[]) => Promise<void>> => {
  const claim = await claimed(level);
  let stamp = claim.stamp;
  return async (rows) => {
    stamp += 1;
    await level.ledger.commit({ partition: 0, claim: claim.id, stamp, rows, drops: [], parcels: [], grown: [] });
  };
};

const row = (n: number, value: string, entity = 'c/a'): Row => ({ ...LAYOUT.logRow(entity, n), value });

const stored = async (level: TestLevel): Promise<readonly string[]> =>
  (await level.db.keys(areaBounds).all()).map((place) => keysOf(place)[1]);

test('rows of a log that come in one batch lie together, up to a size [STO1]', async () => {
  const level = await rig.open(rig.folder());
  const write = await writerOf(level);
  await write([1, 2, 3].map((n) => row(n, `1text ${n}`)));
  await write([row(4, '1alone')]);
  const long = `1${'x'.repeat(RUN_CHARS / 3)}`;
  await write([5, 6, 7, 8].map((n) => row(n, long)));
  await write([row(255, '1end of a shelf'), row(256, '1another')]);
  expect(await stored(level)).toEqual(['003', '004', '006', '008', '0ff', '100']);
  const numbers = [1, 2, 3, 4, 5, 6, 7, 8, 255, 256];
  const asked = [...numbers, 9].map((n) => LAYOUT.logRow('c/a', n));
  const values = ['1text 1', '1text 2', '1text 3', '1alone', long, long, long, long, '1end of a shelf', '1another'];
  expect(await level.store.getMany(asked)).toEqual([...values, undefined]);
  expect(await level.store.get('c/a/0', '002')).toBe('1text 2');
});

test('a digest counts no more characters than its batch has bytes in the log, so that all that is in no table yet is looked at [STO4]', async () => {
  const directory = rig.folder();
  const level = await rig.open(directory);
  const write = await writerOf(level);
  const rows = Array.from({ length: 2_000 }, (_, i) => row(i + 1, `2${i} d.someone.somebody`));
  await write(rows);
  const newest = await newestDigest(level.db, 0);
  const bytes = statSync(fileOf(directory, /\.log$/)).size;
  expect(newest?.row.total).toBeLessThanOrEqual(bytes);
  expect(newest?.row.total).toBeGreaterThan(bytes / 2);
});

test('several rows are stored with their keys and lengths, and what does not fit together is an error', () => {
  const rows = [
    { key: '0a1', value: '1中文\u{1F600}\n' },
    { key: '0a2', value: '' },
    { key: '0b0', value: '2 3|\u0000' },
  ];
  expect(decodeRun('0b0', encodeRun(rows))).toEqual(rows);
  expect(encodeRun(rows.slice(0, 1))).toBe('1中文\u{1F600}\n');
  const whole = encodeRun(rows);
  for (const spoilt of [whole.slice(0, -1), `${whole}x`, whole.replace('0b0', '0b1'), whole.replace('\n', ' ')])
    expect(() => decodeRun('0b0', spoilt)).toThrow('do not fit together');
});

const KINDS = ['c/a/0', 'c/b/0', 'u/a/1', 'c/a'];

/** What a store shows must be what the model holds, however it is asked. */
const expectSame = async (store: Store, model: ReadonlyMap<string, ReadonlyMap<string, string>>): Promise<void> => {
  const all: string[] = [];
  for (const [partition, rows] of model) {
    const keys = [...rows.keys()].toSorted();
    all.push(...keys.map((key) => `${partition} ${key} ${rows.get(key)}`));
    const expected = keys.map((key) => ({ key, value: rows.get(key) ?? '' }));
    expect(await store.range(partition, { limit: 5_000 })).toEqual(expected);
    expect(await store.range(partition, { limit: 5_000, reverse: true })).toEqual(expected.toReversed());
    for (const [after, before] of [
      ['000', '006'],
      ['007', '0f9'],
      ['00a', '010'],
      ['0ff', '1ff'],
    ] as const) {
      const within = expected.filter(({ key }) => key > after && key < before);
      for (const limit of [1, 4, 5_000]) {
        expect(await store.range(partition, { after, before, limit })).toEqual(within.slice(0, limit));
        const reverse = await store.range(partition, { after, before, limit, reverse: true });
        expect(reverse).toEqual(within.toReversed().slice(0, limit));
      }
    }
    const asked = [...keys, '0zz', 'a'].map((key) => ({ partition, key })).toReversed();
    expect(await store.getMany(asked)).toEqual(asked.map(({ key }) => rows.get(key)));
    // Far apart: runs of which nothing is asked lie between.
    const few = asked.filter((_, i) => i % 29 < 2).concat(asked.slice(-1));
    expect(await store.getMany(few)).toEqual(few.map(({ key }) => rows.get(key)));
  }
  for (const limit of [1, 7, 1_000]) {
    const found: string[] = [];
    for (let after: string | undefined; ;) {
      const page = await store.scan(after, limit);
      expect(page.rows.length).toBeLessThanOrEqual(limit);
      found.push(...page.rows.map(({ partition, key, value }) => `${partition} ${key} ${value}`));
      if (page.next === undefined) break;
      after = page.next;
    }
    expect(found.filter((text) => !text.startsWith('i ')).toSorted()).toEqual(all.toSorted());
  }
};

test('logs that grow and whose rows are written again read like a map, after openings and a restored backup too [STO1] [STO7] [STO8]', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const random = seededRandom(seed);
    const below = (limit: number): number => Math.floor(random() * limit);
    const options = { limits: { areaChars: 1 + below(4_000), writeBufferBytes: 65_536 } };
    let directory = rig.folder();
    let level = await rig.open(directory, options);
    let write = await writerOf(level);
    const model = new Map(KINDS.map((kind) => [kind, new Map<string, string>()]));
    const heads = new Map(KINDS.map((kind) => [kind, 0]));
    for (let step = 0; step < 120; step++) {
      const rows: Row[] = [];
      for (let i = below(12); i >= 0; i--) {
        const partition = KINDS[below(KINDS.length)] ?? '';
        const head = heads.get(partition) ?? 0;
        // Mostly the next number; at times one that is there, or was left out.
        const n = random() < 0.8 || head === 0 ? head + 1 + (random() < 0.05 ? below(300) : 0) : 1 + below(head);
        heads.set(partition, Math.max(n, head));
        const value = `${1 + below(3)}${'v'.repeat(below(random() < 0.1 ? 3_000 : 60))}${step}`;
        rows.push({ partition, key: n.toString(16).padStart(3, '0'), value });
      }
      await write(rows);
      for (const { partition, key, value } of rows) model.get(partition)?.set(key, value);
      if (random() < 0.1) {
        await rig.close(level);
        level = await rig.open(directory, options);
        write = await writerOf(level);
      }
      if (step % 30 === 29) await expectSame(level.store, model);
    }
    const file = `${directory}-backup`;
    await level.backup(file);
    directory = rig.folder();
    await restoreBackup({ file, directory, layout: LAYOUT });
    const restored = await rig.open(directory, options);
    await expectSame(restored.store, model);
    write = await writerOf(restored);
    const again = row(1, '1written again', 'c/b');
    await write([again]);
    model.get(again.partition)?.set(again.key, again.value);
    await expectSame(restored.store, model);
  }
}, 30_000);

test('the values of one log that one call reads are of one moment, while its rows are written again [STO1]', async () => {
  const level = await rig.open(rig.folder());
  const write = await writerOf(level);
  const numbers = [1, 2, 3, 4, 5, 6];
  await write(numbers.slice(0, 3).map((n) => row(n, '1 0')));
  await write(numbers.slice(3).map((n) => row(n, '1 0')));
  const asked = numbers.map((n) => LAYOUT.logRow('c/a', n));
  for (let round = 1; round <= 50; round++) {
    const writing = write(numbers.map((n) => row(n, `1 ${round}`)));
    const values = await level.store.getMany(asked);
    expect(new Set(values).size).toBe(1);
    await writing;
  }
});

test('the same row given again covers nothing that was written beside it [STO1]', async () => {
  const level = await rig.open(rig.folder());
  const write = await writerOf(level);
  await write([1, 2, 3].map((n) => row(n, '1old')));
  const again = row(1, '1new');
  await write([again, row(2, '1new')]);
  await write([again]);
  const values = await level.store.getMany([1, 2, 3].map((n) => LAYOUT.logRow('c/a', n)));
  expect(values).toEqual(['1new', '1new', '1old']);
});

test('damage that begins inside of a run is told from the first row that cannot be read [STO11]', async () => {
  const level = await rig.open(rig.folder());
  const write = await writerOf(level);
  const upTo = (from: number, to: number): readonly Row[] =>
    Array.from({ length: to - from + 1 }, (_, i) => row(from + i, '1'));
  await write(upTo(1, 0x35));
  await write(upTo(0x36, 0x51));
  const [, place = ''] = await level.db.keys(areaBounds).all();
  expect(keysOf(place)[1]).toBe('051');
  // LevelDB may name the border between two blocks by less than a whole key.
  const smallest = place.replace(/051$/, '04');
  const table = { number: 9, bytes: 1, level: 0, smallest, largest: place };
  const { unread } = await damageOf(level.db, { table, name: 'x', state: { kind: 'unreadable', what: 'is missing' } });
  expect(unread).toEqual([{ from: { partition: 'c/a/0', key: '035\0' }, to: { partition: 'c/a/0', key: '051' } }]);
});

test('the thread of LevelDB is told from new ones that compile JavaScript and from those of the pool [STO1]', () => {
  const before = new Map([
    [1, 'bun\n'],
    [2, 'Bun Pool 0\n'],
    [3, 'JITWorker\n'],
  ]);
  const others = [...before, [4, 'JITWorker\n'], [5, 'bun\n'], [6, 'Bun Pool 1\n']] as const;
  expect([...newTwins(before, new Map(others))]).toEqual([]);
  expect([...newTwins(before, new Map([...others, [7, 'Bun Pool 0\n']]))]).toEqual([7]);
});

test.skipIf(process.platform !== 'linux')(
  'LevelDB merges tables at a lower priority than everything else [STO1]',
  async () => {
    await rig.open(rig.folder());
    const nice = (id: number): number =>
      Number(readFileSync(`/proc/self/task/${id}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[16]);
    const own = nice(process.pid);
    const patient = [...(await readThreads()).keys()].filter((id) => nice(id) > own);
    expect(patient.map((id) => nice(id) - own)).toEqual([BACKGROUND_NICE]);
  },
);
