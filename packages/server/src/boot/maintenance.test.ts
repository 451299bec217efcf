import { afterEach, beforeEach, expect, test } from 'bun:test';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DuologError } from '@duolog/protocol';
import { LevelRig } from '../../testing/level-rig.ts';
import { askControl, listenForControl } from '../engines/level-control.ts';
import type { Control } from '../engines/level-control.ts';
import { addUserAt, answerCommands, backupStore, checkStore } from './maintenance.ts';

let rig: LevelRig;
let directory: string;
const open: Control[] = [];
beforeEach(() => {
  rig = new LevelRig();
  directory = rig.folder();
  mkdirSync(directory);
});
afterEach(async () => {
  for (const control of open.splice(0)) await control.close();
  await rig.clean();
});

const opened = (control: Control | undefined): void => {
  if (control === undefined) throw new Error('it does not listen');
  open.push(control);
};
const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
const ann = { handle: 'ann', password: 'correct horse' };

const asking: readonly (readonly [string, () => Promise<unknown>])[] = [
  ['fsck', () => checkStore(directory)],
  ['backup', () => backupStore(directory, join(directory, 'file'))],
  ['user add', () => addUserAt(directory, ann)],
];

test.each(asking)(
  'an answer to %s that only another version gives is told as that [STO7] [STO9] [OPS12]',
  async (_command, ask) => {
    let answer: object = {};
    opened(await listenForControl(directory, () => Promise.resolve(answer)));
    for (answer of [{}, { ok: true, faults: [] }, { rows: '1', bytes: '2', user: 3 }])
      expect(String(await failureOf(ask()))).toContain('is another version of duolog');
  },
);

test.each(asking)(
  '%s that the running server does not know yet is told as another version, too [STO7] [STO9] [OPS12]',
  async (command, ask) => {
    const detail = `The running server knows no command ${JSON.stringify(command)}.`;
    let code: 'invalid' | 'conflict' = 'invalid';
    let told = detail;
    opened(await listenForControl(directory, () => Promise.reject(new DuologError(code, told))));
    expect(String(await failureOf(ask()))).toContain('is another version of duolog');
    [code, told] = ['conflict', 'It exists.'];
    expect(await failureOf(ask())).toMatchObject({ code, message: told });
  },
);

test('a report is believed only if all is in it that is shown of it [STO9]', async () => {
  const whole: object = await checkStore(await rig.filled(2));
  let answer = whole;
  opened(await listenForControl(directory, () => Promise.resolve(answer)));
  expect(await failureOf(checkStore(directory))).toBeUndefined();
  const lacking = Object.keys(whole).map((name) => ({ ...whole, [name]: undefined }));
  const wrong = [
    { ...whole, faults: [undefined] },
    { ...whole, faults: [{ entity: 'u/1' }] },
    { ...whole, unsure: [1] },
    { ...whole, users: { whole: 1, damaged: 0 } },
    { ...whole, missing: { messages: 0 } },
  ];
  for (answer of [...lacking, ...wrong])
    expect([answer, String(await failureOf(checkStore(directory)))]).toEqual([
      answer,
      expect.stringContaining('is another version of duolog'),
    ]);
});

test('a request of another form is refused with what is wrong in it, and nothing is done [STO7] [OPS12]', async () => {
  const store = rig.folder();
  const added: object[] = [];
  const addUser = (account: object): Promise<object> => {
    added.push(account);
    return Promise.resolve({ user: 'u1' });
  };
  const alarm = (message: string): void => void rig.alarms.push(message);
  opened(await answerCommands(store, await rig.open(store), { addUser }, alarm));
  for (const [request, message] of [
    [{ command: 'user add' }, 'The field "account" must be an object as account.signUp takes it.'],
    [{ command: 'user add', account: 'ann' }, 'The field "account" must be an object as account.signUp takes it.'],
    [{ command: 'backup' }, 'The field "file" must be an absolute path.'],
    [{ command: 'backup', file: 7 }, 'The field "file" must be an absolute path.'],
    [{ command: 'backup', file: 'monday' }, 'The field "file" must be an absolute path.'],
    [{ command: 'constructor' }, 'The running server knows no command "constructor".'],
  ] as const)
    expect(await failureOf(askControl(store, request))).toMatchObject({ code: 'invalid', message });
  expect(added).toEqual([]);
  expect(await addUserAt(store, ann)).toBe('u1');
  expect(added).toEqual([ann]);
});

test('whoever may not ask the server of a folder adds users elsewhere, and is told so of a backup [OPS12] [STO7]', async () => {
  opened(await listenForControl(directory, () => Promise.resolve({ user: 'u1' })));
  chmodSync(directory, 0o000);
  const isRoot = process.geteuid?.() === 0;
  // For root there is no folder without a right.
  if (isRoot) process.seteuid?.(65_534);
  try {
    expect(await addUserAt(directory, ann)).toBeUndefined();
    expect(String(await failureOf(backupStore(directory, '/nowhere')))).toContain('cannot be reached');
  } finally {
    if (isRoot) process.seteuid?.(0);
    chmodSync(directory, 0o700);
  }
});
