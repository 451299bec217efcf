import { afterAll, expect, test } from 'bun:test';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seeded } from '../seeded.ts';
import { beginRecording, cutPower, type CutMode } from './power-cut.ts';

const root = mkdtempSync(join(tmpdir(), 'duolog-power-'));
afterAll(() => rmSync(root, { recursive: true }));

/** A folder whose changes the test makes and records itself, as the library would. */
const newDisk = () => {
  const base = mkdtempSync(join(root, 'disk-'));
  const folder = join(base, 'data');
  const recording = { folder, record: join(base, 'record'), grave: join(base, 'grave') };
  mkdirSync(folder);
  writeFileSync(join(folder, 'old'), 'before');
  beginRecording(recording, '');
  let names = 0;
  const path = (name: string): string => join(folder, name);
  const inode = (name: string): number => lstatSync(path(name)).ino;
  const note = (line: string): void => writeFileSync(recording.record, `${line}\n`, { flag: 'a' });
  const bury = (name: string): void => linkSync(path(name), join(recording.grave, String(inode(name))));
  return {
    create: (name: string, content: string) => {
      writeFileSync(path(name), content);
      names++;
      note(`C ${inode(name)} ${path(name)}`);
    },
    append: (name: string, content: string) => writeFileSync(path(name), content, { flag: 'a' }),
    sync: (name: string) => note(`S ${inode(name)} ${lstatSync(path(name)).size} ${names}`),
    failSync: (name: string) => note(`F ${inode(name)} ${lstatSync(path(name)).size}`),
    syncFolder: () => note(`D 1 ${names}`),
    rename: (from: string, to: string) => {
      const file = inode(from);
      if (readdirSync(folder).includes(to)) bury(to);
      renameSync(path(from), path(to));
      names++;
      note(`R ${file} ${path(from)}\t${path(to)}`);
    },
    remove: (name: string) => {
      const file = inode(name);
      bury(name);
      unlinkSync(path(name));
      names++;
      note(`U ${file} ${path(name)}`);
    },
    unseen: (name: string, content: string) => writeFileSync(path(name), content),
    cut: (mode: CutMode, seed = 1) => {
      const report = cutPower(recording, mode, seeded(seed));
      return {
        report,
        files: Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(path(name), 'latin1')])),
      };
    },
  };
};

test('what was synced stays, what was not is gone, with its name [POWER]', () => {
  const disk = newDisk();
  disk.create('log', 'abc');
  disk.sync('log');
  disk.append('log', 'def');
  disk.create('never', 'xyz');
  disk.append('old', ' and after');
  const { files, report } = disk.cut('cut');
  expect(files).toEqual({ old: 'before', log: 'abc' });
  expect(report).toEqual({ lostBytes: 13, lostNames: 1, names: 2, unknown: [] });
});

test('a name is kept by a sync of its folder, even of an empty file [POWER]', () => {
  const disk = newDisk();
  disk.create('never', 'xyz');
  disk.syncFolder();
  expect(disk.cut('cut').files).toEqual({ old: 'before', never: '' });
});

test('a removed file is back and a replaced one too, until a sync of the folder [POWER]', () => {
  const run = (synced: boolean) => {
    const disk = newDisk();
    disk.create('draft', 'new');
    disk.sync('draft');
    disk.rename('draft', 'old');
    disk.create('gone', '');
    disk.remove('gone');
    if (synced) disk.syncFolder();
    return disk.cut('cut').files;
  };
  expect(run(false)).toEqual({ old: 'before', draft: 'new' });
  expect(run(true)).toEqual({ old: 'new' });
});

test('changes of names are kept in their order [POWER]', () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 60; seed++) {
    const disk = newDisk();
    for (const name of ['a', 'b', 'c']) disk.create(name, '');
    disk.remove('a');
    seen.add(Object.keys(disk.cut('random', seed).files).toSorted().join(' '));
  }
  expect([...seen].toSorted()).toEqual(['a b c old', 'a b old', 'a old', 'b c old', 'old']);
});

test('a random cut keeps what was synced and nothing that was never written [POWER]', () => {
  const lengths = new Set<number>();
  for (let seed = 0; seed < 60; seed++) {
    const disk = newDisk();
    disk.create('log', 'abc');
    disk.sync('log');
    disk.append('log', 'defgh');
    const log = disk.cut('random', seed).files['log'] ?? '';
    lengths.add(log.length);
    expect(log).toMatch(/^abc(d(e(f(gh?)?)?)?)?\0*$/);
  }
  expect([...lengths].toSorted((a, b) => a - b)).toEqual([3, 4, 5, 6, 7, 8]);
});

test('bytes whose sync failed are lost, even after a later sync [POWER]', () => {
  const disk = newDisk();
  disk.create('log', 'abc');
  disk.sync('log');
  disk.append('log', 'def');
  disk.failSync('log');
  disk.append('log', 'ghi');
  disk.sync('log');
  expect(disk.cut('cut').files['log']).toBe('abc\0\0\0ghi');
});

test('what the record does not know is kept and named [POWER]', () => {
  const disk = newDisk();
  disk.unseen('socket', 'x');
  const { files, report } = disk.cut('cut');
  expect(files).toEqual({ old: 'before', socket: 'x' });
  expect(report.unknown.length).toBe(1);
});
