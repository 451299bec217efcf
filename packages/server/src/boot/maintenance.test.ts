import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { LevelRig } from '../../testing/level-rig.ts';
import { listenForControl } from '../engines/level-control.ts';
import { addUserAt, backupStore, checkStore } from './maintenance.ts';

let rig: LevelRig;
let directory: string;
beforeEach(() => {
  rig = new LevelRig();
  directory = rig.folder();
  mkdirSync(directory);
});
afterEach(() => rig.clean());

test.each<[string, () => Promise<unknown>]>([
  ['fsck', () => checkStore(directory)],
  ['backup', () => backupStore(directory, join(directory, 'file'))],
  ['user add', () => addUserAt(directory, { handle: 'ann', password: 'correct horse' })],
])('an answer to %s that only another version gives is told as that [STO7] [STO9] [OPS12]', async (_command, ask) => {
  const control = await listenForControl(directory, () => Promise.resolve({ ok: true, faults: [] }));
  const failed: unknown = await ask().catch((cause: unknown) => cause);
  await control?.close();
  expect(String(failed)).toContain('is another version of duolog');
});
