import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, readFileSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { DuologError } from '@duolog/protocol';
import { LevelRig, claimed, commitAll, fileOf, flipByte, messageBatch, messagesIn } from '../../testing/level-rig.ts';
import { UNTIL_TEST_MS, until } from '../../testing/until.ts';
import { LAYOUT } from '../boot/layout.ts';
import { LEDGER_FOLDER } from './level-folder.ts';
import { areaBounds, areaOfPlace, digestKey, rowKey, shelfKey } from './level-keys.ts';
import { FORMAT, encodeInstallation } from './level-open.ts';

let rig: LevelRig;
beforeEach(() => {
  rig = new LevelRig();
});
afterEach(() => rig.clean());

/** Why the store cannot be opened. */
const refusal = async (directory: string, options: Parameters<LevelRig['open']>[1] = {}): Promise<string> => {
  try {
    await rig.open(directory, options);
  } catch (cause) {
    if (cause instanceof DuologError) return cause.message;
    throw cause;
  }
  throw new Error('the store was opened');
};

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );

const TABLE = /\.ldb$/;
const LOG = /^\d+\.log$/;

describe('opening', () => {
  test('a store that is opened again is the same installation with what was stored [STO1]', async () => {
    const directory = rig.folder();
    const first = await rig.open(directory);
    await commitAll(first, 10);
    await rig.close(first);
    const second = await rig.open(directory);
    expect(second.installation).toEqual(first.installation);
    expect(second.installation).toMatchObject({ partitions: 1, format: FORMAT, createdAt: rig.clock.now() });
    expect(await messagesIn(second)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test('every store has an epoch of its own [STO1]', async () => {
    const epochs = new Set<string>();
    for (let i = 0; i < 3; i++) epochs.add((await rig.open(rig.folder())).installation.epoch);
    expect(epochs.size).toBe(3);
  });

  test('others of the machine cannot read a store, also in a folder that was there before and open to them [STO10]', async () => {
    const [before, directory] = [process.umask(0o022), rig.folder()];
    try {
      mkdirSync(directory, { mode: 0o755 });
      await rig.open(directory);
      expect(statSync(join(directory, LEDGER_FOLDER)).mode & 0o777).toBe(0o700);
    } finally {
      process.umask(before);
    }
  });

  test('two programs cannot use one store [STO2]', async () => {
    const directory = rig.folder();
    await rig.open(directory);
    expect(await refusal(directory)).toBe(
      `Another process uses the store in ${directory}. Stop it first, or choose another folder.`,
    );
  });

  test('a folder with files of somebody else is refused and left as it is [STO2]', async () => {
    const directory = rig.folder();
    mkdirSync(directory);
    writeFileSync(join(directory, 'thesis.txt'), 'mine');
    expect(await refusal(directory)).toContain("holds files that are not duolog's (thesis.txt)");
    expect(readdirSync(directory)).toEqual(['thesis.txt']);
  });

  test('a database of another program is refused and left as it is, wherever it lies [STO2]', async () => {
    const directory = rig.folder();
    for (const location of [directory, join(rig.folder(), LEDGER_FOLDER)]) {
      const foreign = new ClassicLevel<string, string>(location);
      await foreign.put('their', 'row');
      await foreign.close();
    }
    expect(await refusal(directory)).toContain("holds files that are not duolog's");
    const inside = join(directory, '..', 'data-2');
    expect(await refusal(inside)).toContain("is not duolog's");
    const reopened = new ClassicLevel<string, string>(join(inside, LEDGER_FOLDER));
    expect(await reopened.keys().all()).toEqual(['their']);
    await reopened.close();
  });

  test('another number of partitions is refused with the number to set [STO3]', async () => {
    const directory = await rig.filled(1);
    expect(await refusal(directory, { partitions: 4 })).toContain('has 1 partitions, not 4');
    expect(await messagesIn(await rig.open(directory))).toEqual([1]);
  });

  test.each([
    ['a newer', FORMAT + 1],
    ['an older', 1],
  ])('a store of %s format is refused [STO3] [COM11]', async (which, format) => {
    const directory = rig.folder();
    const level = await rig.open(directory);
    const { partition, key } = LAYOUT.installation;
    await level.db.put(rowKey(partition, key), encodeInstallation({ ...level.installation, format }));
    await rig.close(level);
    expect(await refusal(directory)).toContain(`was written by ${which} duolog (format ${format}`);
  });

  test('a store of format 2 is served, and is one of this format from then on [STO3] [COM11]', async () => {
    const directory = await rig.filled(3);
    const level = await rig.open(directory);
    const { partition, key } = LAYOUT.installation;
    await level.db.put(rowKey(partition, key), encodeInstallation({ ...level.installation, format: 2 }));
    await rig.close(level);
    const opened = await rig.open(directory);
    expect(opened.installation).toEqual(level.installation);
    expect(await opened.store.get(partition, key)).toBe(encodeInstallation(level.installation));
    expect(await messagesIn(opened)).toEqual([1, 2, 3]);
  });
});

describe('damage', () => {
  /** Where the log's last record begins, roughly: the last batch is in the bytes behind. */
  const LAST_BATCH_BYTES = 300;

  test('a byte flipped in the log, wherever, keeps the store from being served and names fsck [STO4]', async () => {
    const directory = await rig.filled(30);
    const size = readFileSync(fileOf(directory, LOG)).length;
    let refused = 0;
    for (let at = 3; at < size - LAST_BATCH_BYTES; at += 97) {
      const copy = rig.copyOf(directory);
      flipByte(fileOf(copy, LOG), at);
      const before = readFileSync(fileOf(copy, LOG));
      expect(await refusal(copy)).toMatch(/is damaged: .*duolog fsck/s);
      // Evidence is kept: nothing was written.
      expect(readFileSync(fileOf(copy, LOG)).equals(before)).toBe(true);
      refused += 1;
    }
    expect(refused).toBeGreaterThan(50);
  });

  test('a byte flipped in a table that is read at the start keeps the store from being served, too [STO4]', async () => {
    const directory = await rig.filled(300);
    await rig.close(await rig.open(directory));
    flipByte(fileOf(directory, TABLE), 20);
    expect(await refusal(directory)).toMatch(/is damaged: .*orrupt.*duolog fsck/s);
  });

  test('a write that a crash cut short at the end is no damage: everything before is there [STO4]', async () => {
    const directory = await rig.filled(30);
    const size = readFileSync(fileOf(directory, LOG)).length;
    for (let cut = 0; cut <= 2_000; cut += 119) {
      const copy = rig.copyOf(directory);
      truncateSync(fileOf(copy, LOG), size - cut);
      const level = await rig.open(copy);
      const found = await messagesIn(level);
      expect(found).toEqual(Array.from({ length: found.length }, (_, i) => i + 1));
      expect(found.length).toBeGreaterThanOrEqual(30 - Math.ceil(cut / 250));
      await rig.close(level);
    }
  });

  test.each([
    ['a digest in the middle', 'del', (stamp: number) => digestKey(0, stamp + 7), 'is missing'],
    ['the row a log ends with', 'del', () => 'last', 'number 10 of c/a is missing'],
    ['a row beyond the end of a log', 'put', () => '00b', 'goes on beyond number 10'],
    ['a row of several numbers beyond the end of a log', 'put', () => '00f', 'goes on beyond number 10'],
    ['a row of many numbers beyond the end of a log', 'put', () => '10a', 'goes on beyond number 10'],
  ] as const)('%s missing or too much keeps the store from being served [STO4]', async (_, what, place, message) => {
    const directory = rig.folder();
    const level = await rig.open(directory);
    const claim = await commitAll(level, 10);
    const keys = await level.db.keys().all();
    const lastRow = keys.find((key) => key.endsWith(`c/a/0\0${LAYOUT.logRow('c/a', 10).key}`)) ?? '';
    const named = place(claim.stamp);
    const key = named === 'last' ? lastRow : what === 'put' ? lastRow.replace(/...$/, named) : named;
    if (what === 'del') await level.db.del(key);
    else {
      await level.db.put(shelfKey('c/a/0', named), areaOfPlace(key));
      await level.db.put(key, '1too much');
    }
    await rig.close(level);
    const why = await refusal(directory);
    expect(why).toContain(message);
    expect(why).toContain('duolog fsck');
  });

  test(
    'only so much of the newest batches is looked at, and the digests for that are kept [STO4]',
    async () => {
      const directory = rig.folder();
      const limits = { checkedTail: 1_000, digestLifeMs: 0, trimEveryMs: 1 };
      const level = await rig.open(directory, { limits });
      const claim = await commitAll(level, 40);
      const kept = async (): Promise<number> =>
        (await level.db.keys({ gt: digestKey(0, claim.stamp), lt: digestKey(0, claim.stamp + 100) }).all()).length;
      await until('a digest is dropped', async () => {
        await rig.clock.advance(1);
        return (await kept()) < 40;
      });
      expect(await kept()).toBeGreaterThanOrEqual(1_000 / 150);
      await rig.close(level);
      expect(await messagesIn(await rig.open(directory, { limits }))).toHaveLength(40);
    },
    UNTIL_TEST_MS,
  );
});

describe('trouble while it runs', () => {
  test('after a failed write nothing more is written, even when the disk is well again [STO5] [COM9]', async () => {
    const directory = rig.folder();
    const level = await rig.open(directory);
    const claim = await commitAll(level, 3);
    await level.db.close();
    const failures = await Promise.allSettled([4, 5].map((n) => level.ledger.commit(messageBatch(claim, n))));
    expect(failures.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(rig.fatal.length).toBe(1);
    await level.db.open();
    expect(await failureOf(level.ledger.commit(messageBatch(claim, 6)))).toMatchObject({ code: 'internal' });
    expect(await failureOf(level.ledger.claim(0))).toMatchObject({ code: 'internal' });
    await rig.close(level);
    expect(await messagesIn(await rig.open(directory))).toEqual([1, 2, 3]);
  });

  test('the plant write-on does write on: a torture test can find it [COM9]', async () => {
    const level = await rig.open(rig.folder(), { plant: 'write-on' });
    const claim = await commitAll(level, 3);
    await level.db.close();
    // The failed write is acknowledged, and the next one follows.
    expect(await level.ledger.commit(messageBatch(claim, 4))).toBe('stored');
    await level.db.open();
    expect(await level.ledger.commit(messageBatch(claim, 5))).toBe('stored');
  });

  test('below the reserve new work is not welcome and reading goes on; freed, it is welcome again [STO6]', async () => {
    const directory = await rig.filled(3);
    const level = await rig.open(directory, { limits: { reserveBytes: Number.MAX_SAFE_INTEGER } });
    const claim = await claimed(level);
    expect(level.ledger.readiness(0)).toBe('storageFull');
    expect(rig.alarms.length).toBe(1);
    expect(await messagesIn(level)).toEqual([1, 2, 3]);
    // Parcels and what was accepted before still go in.
    expect(await level.ledger.commit(messageBatch(claim, 4))).toBe('stored');
    await rig.clock.advance(2_000);
    expect(level.ledger.readiness(0)).toBe('storageFull');
    expect(rig.alarms.length).toBe(1);
  });

  test('with too much unsettled, commands are refused until it is settled [COM4]', async () => {
    const level = await rig.open(rig.folder(), { limits: { maxUnsettled: 3 } });
    const claim = await claimed(level);
    const parcels = [{ destination: 1, parcels: [{ kind: 'said' }] }];
    for (let n = 1; n <= 3; n++) {
      expect(level.ledger.readiness(0)).toBe('ready');
      await level.ledger.commit({ ...messageBatch(claim, n), parcels });
    }
    expect(level.ledger.readiness(0)).toBe('overloaded');
    level.ledger.settle(0, claim.id, claim.stamp + 1);
    expect(level.ledger.readiness(0)).toBe('ready');
  });
});

test('rows of logs are found wherever their shelf lies, after a reopening too [STO1]', async () => {
  const directory = rig.folder();
  const options = { limits: { areaChars: 1_000 } };
  const first = await rig.open(directory, options);
  const claim = await commitAll(first, 700);
  await rig.close(first);
  const level = await rig.open(directory, options);
  const again = await claimed(level);
  for (let n = 701; n <= 900; n++)
    await level.ledger.commit(messageBatch({ ...again, stamp: claim.stamp + 1_000_000 }, n));
  expect(await messagesIn(level)).toEqual(Array.from({ length: 900 }, (_, i) => i + 1));
  const areas = new Set((await level.db.keys(areaBounds).all()).map((key) => key.split('/')[0]));
  expect(areas.size).toBeGreaterThan(3);
  await level.ledger.commit({ ...messageBatch(again, 5_000_000), rows: [], drops: ['c/a/0'] });
  expect(await messagesIn(level)).toEqual([]);
  expect(await level.db.keys(areaBounds).all()).toEqual([]);
});
