import { afterEach, beforeEach, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuologError } from '@duolog/protocol';
import { LevelRig, claimed, commitAll, flipByte, messageBatch, messagesIn } from '../../testing/level-rig.ts';
import type { TestLevel } from '../../testing/level-rig.ts';
import { LAYOUT } from '../boot/layout.ts';
import { writeBackup } from './level-backup.ts';
import { FORMAT } from './level-open.ts';
import { restoreBackup } from './level-restore.ts';

let rig: LevelRig;
beforeEach(() => {
  rig = new LevelRig();
});
afterEach(() => rig.clean());

const failureOf = async (promise: Promise<unknown>): Promise<DuologError> => {
  try {
    await promise;
  } catch (cause) {
    if (cause instanceof DuologError) return cause;
    throw cause;
  }
  throw new Error('it succeeded');
};

const newFile = (): string => {
  const folder = rig.folder();
  mkdirSync(folder);
  return join(folder, 'backup');
};

const allRows = async (level: TestLevel): Promise<readonly string[]> => {
  const rows: string[] = [];
  for (let after: string | undefined; ;) {
    const page = await level.store.scan(after, 100);
    rows.push(...page.rows.map(({ partition, key, value }) => JSON.stringify([partition, key, value])));
    if (page.next === undefined) return rows.toSorted();
    after = page.next;
  }
};

test('what is restored is what was backed up, with a new epoch [STO7] [STO8]', async () => {
  const level = await rig.open(rig.folder(), { limits: { areaChars: 5_000 } });
  const claim = await commitAll(level, 500);
  const texts = ['1ÄÖ中文\u{1F600}', '1\u0000"\\\n', `1${'x'.repeat(3_000_000)}`];
  const rows = texts.map((value, i) => ({ partition: 't/a/0', key: `00${i}`, value }));
  await level.ledger.commit({ ...messageBatch(claim, 501), rows, grown: [] });
  const file = newFile();
  const made = await level.backup(file);
  expect(statSync(file).size).toBe(made.bytes);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const directory = rig.folder();
  const restored = await restoreBackup({ file, directory, layout: LAYOUT });
  expect(restored).toMatchObject({ rows: made.rows, madeAt: rig.clock.now() });
  const other = await rig.open(directory);
  expect(other.installation).toEqual({ ...level.installation, epoch: restored.epoch });
  expect(restored.epoch).not.toBe(level.installation.epoch);
  const installation = (row: string): boolean => !row.startsWith('["i"');
  expect((await allRows(other)).filter(installation)).toEqual((await allRows(level)).filter(installation));
});

test.each([
  ['a newer', FORMAT + 1],
  ['an older', 1],
])('a backup of %s format is refused, and nothing is left in the folder [STO3] [COM11]', async (which, format) => {
  const level = await rig.open(rig.folder());
  const file = newFile();
  const { db, installation } = level;
  const source = { db, directory: rig.folder(), now: rig.clock.now() };
  await writeBackup({ ...source, installation: { ...installation, format }, file });
  const directory = rig.folder();
  const { message } = await failureOf(restoreBackup({ file, directory, layout: LAYOUT }));
  expect(message).toContain(`The backup ${file} was written by ${which} duolog (format ${format}`);
  expect(existsSync(directory) ? readdirSync(directory) : []).toEqual([]);
});

test('a backup of format 2 is restored as a store of this format [STO8] [COM11]', async () => {
  const level = await rig.open(rig.folder());
  await commitAll(level, 3);
  const file = newFile();
  const { db, installation } = level;
  const source = { db, directory: rig.folder(), now: rig.clock.now() };
  await writeBackup({ ...source, installation: { ...installation, format: 2 }, file });
  const directory = rig.folder();
  const { epoch } = await restoreBackup({ file, directory, layout: LAYOUT });
  const restored = await rig.open(directory);
  expect(restored.installation).toEqual({ ...installation, epoch });
  const { partition, key } = LAYOUT.installation;
  expect(await restored.store.get(partition, key)).toContain(`"format":${FORMAT}`);
  expect(await messagesIn(restored)).toEqual([1, 2, 3]);
});

test('a backup taken while batches come is one of the moments between them [STO7]', async () => {
  const level = await rig.open(rig.folder());
  const claim = await commitAll(level, 200);
  const stop = new AbortController();
  let stored = 200;
  const writing = (async () => {
    for (; !stop.signal.aborted; stored++) await level.ledger.commit(messageBatch(claim, stored + 1));
  })();
  const file = newFile();
  const before = stored;
  await level.backup(file);
  stop.abort();
  await writing;
  const directory = rig.folder();
  await restoreBackup({ file, directory, layout: LAYOUT });
  const restored = await rig.open(directory);
  const found = await messagesIn(restored);
  expect(found).toEqual(Array.from({ length: found.length }, (_, i) => i + 1));
  expect(found.length).toBeGreaterThanOrEqual(before);
  expect(stored).toBeGreaterThan(found.length);
  // Every batch writes this row too: it is of the same one.
  expect(await restored.store.get('c/a', 'positions')).toBe(`1{"n":${found.length}}`);
});

test('stamps go on above those of the backup, parcels that were not accepted are sent, followers begin anew [STO8] [COM4]', async () => {
  const level = await rig.open(rig.folder());
  const claim = await claimed(level);
  const parcels = [{ destination: 3, parcels: [{ kind: 'said', text: 'hello' }] }];
  const ahead = claim.stamp + 3_600_000_000;
  await level.ledger.commit({ ...messageBatch(claim, 1), parcels, stamp: ahead });
  const file = newFile();
  await level.backup(file);
  const directory = rig.folder();
  await restoreBackup({ file, directory, layout: LAYOUT });
  const restored = await rig.open(directory);
  const again = await claimed(restored);
  expect(again.stamp).toBeGreaterThan(ahead);
  expect(again.unsettled).toEqual([{ stamp: ahead, parcels }]);
  const followed = restored.ledger.follow(0, claim.stamp, new AbortController().signal)[Symbol.asyncIterator]();
  expect(await followed.next()).toEqual({ done: false, value: { kind: 'reset' } });
});

test('the files of the installation go with it [STO8]', async () => {
  const directory = rig.folder();
  mkdirSync(directory);
  writeFileSync(join(directory, 'secret'), 'a secret');
  const level = await rig.open(directory, { alsoOurs: ['secret'] });
  const file = newFile();
  await level.backup(file);
  const target = rig.folder();
  await restoreBackup({ file, directory: target, layout: LAYOUT });
  expect(readFileSync(join(target, 'secret'), 'utf8')).toBe('a secret');
  expect(statSync(join(target, 'secret')).mode & 0o777).toBe(0o600);
});

test('a file that exists is not overwritten, and nothing is left of a backup that failed [STO7]', async () => {
  const level = await rig.open(await rig.filled(5));
  const file = newFile();
  writeFileSync(file, 'mine');
  expect((await failureOf(level.backup(file))).code).toBe('conflict');
  expect(readFileSync(file, 'utf8')).toBe('mine');
  const failure = await failureOf(level.backup(join(file, 'no-folder', 'backup')));
  expect(failure.message).toContain('could not be written');
  expect(readdirSync(join(file, '..'))).toEqual(['backup']);
});

test('a damaged or cut backup restores nothing [STO8]', async () => {
  const level = await rig.open(await rig.filled(50));
  const file = newFile();
  const { bytes } = await level.backup(file);
  const whole = readFileSync(file);
  for (let at = 0; at < bytes; at += 61) {
    flipByte(file, at);
    const directory = rig.folder();
    expect((await failureOf(restoreBackup({ file, directory, layout: LAYOUT }))).code).toBe('invalid');
    expect(() => readdirSync(directory)).toThrow('ENOENT');
    writeFileSync(file, whole);
  }
  for (const length of [0, 10, 40, bytes - 40, bytes - 1]) {
    truncateSync(file, length);
    expect((await failureOf(restoreBackup({ file, directory: rig.folder(), layout: LAYOUT }))).code).toBe('invalid');
    writeFileSync(file, whole);
  }
  await restoreBackup({ file, directory: rig.folder(), layout: LAYOUT });
});

test('only an empty folder is restored into, and one where restoring was cut short is not served [STO8]', async () => {
  const directory = await rig.filled(5);
  const level = await rig.open(directory);
  const file = newFile();
  await level.backup(file);
  expect((await failureOf(restoreBackup({ file, directory, layout: LAYOUT }))).message).toContain(
    'There is a store in',
  );
  const foreign = rig.folder();
  mkdirSync(foreign);
  writeFileSync(join(foreign, 'thesis.txt'), 'mine');
  expect((await failureOf(restoreBackup({ file, directory: foreign, layout: LAYOUT }))).message).toContain(
    'thesis.txt',
  );
  const unfinished = rig.folder();
  mkdirSync(join(unfinished, 'ledger.restoring'), { recursive: true });
  expect((await failureOf(rig.open(unfinished))).message).toContain('was cut short');
  await restoreBackup({ file, directory: unfinished, layout: LAYOUT });
  expect(await messagesIn(await rig.open(unfinished))).toEqual([1, 2, 3, 4, 5]);
});
