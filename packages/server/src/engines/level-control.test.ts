import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { DuologError } from '@duolog/protocol';
import { LevelRig } from '../../testing/level-rig.ts';
import { askControl, listenForControl } from './level-control.ts';
import type { Control } from './level-control.ts';

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

const listen = async (handle: Parameters<typeof listenForControl>[1]): Promise<Control> => {
  const control = await listenForControl(directory, handle);
  if (control === undefined) throw new Error('it does not listen');
  open.push(control);
  return control;
};
const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );

test('a request is answered with its result or its error, by whoever may write to the folder alone [STO7]', async () => {
  await listen(({ command, n }) => {
    if (command === 'fail') return Promise.reject(new DuologError('conflict', 'It exists.'));
    return Promise.resolve({ command, n, text: 'x'.repeat(1_000_000) });
  });
  expect(statSync(join(directory, 'control.sock')).mode & 0o777).toBe(0o600);
  expect(await askControl(directory, { command: 'count', n: 3 })).toMatchObject({ command: 'count', n: 3 });
  expect(await failureOf(askControl(directory, { command: 'fail' }))).toMatchObject({
    code: 'conflict',
    message: 'It exists.',
  });
});

test('what is no request is refused [STO7]', async () => {
  await listen(() => Promise.resolve({}));
  for (const line of ['', 'null', '{}', '{"command":1}', 'nonsense']) {
    const socket = createConnection(join(directory, 'control.sock'));
    socket.write(`${line}\n`);
    let reply = '';
    for await (const piece of socket) reply += String(piece);
    expect(JSON.parse(reply)).toMatchObject({ error: { code: 'invalid' } });
  }
});

test('where no server listens there is nobody to ask, whatever lies there [STO7]', async () => {
  expect(await askControl(directory, { command: 'x' })).toBeUndefined();
  await (await listen(() => Promise.resolve({}))).close();
  open.pop();
  expect(await askControl(directory, { command: 'x' })).toBeUndefined();
  writeFileSync(join(directory, 'control.sock'), '');
  expect(await askControl(join(directory, 'control.sock'), { command: 'x' })).toBeUndefined();
  expect(await askControl(directory, { command: 'x' })).toBeUndefined();
  await listen(() => Promise.resolve({ here: true }));
  expect(await askControl(directory, { command: 'x' })).toEqual({ here: true });
});

test.each(['null', 'nonsense', '7', '{}', '{"error":"x"}', '{"error":null}', '{"error":{"code":1}}'])(
  'a reply of %s is told as one of another version [STO7]',
  async (reply) => {
    const server = createServer((socket) => void socket.once('data', () => socket.end(`${reply}\n`)));
    await once(server.listen(join(directory, 'control.sock')), 'listening');
    const failed = await failureOf(askControl(directory, { command: 'x' }));
    server.close();
    expect(failed).toBeInstanceOf(DuologError);
    expect(String(failed)).toContain('is another version of duolog');
  },
);

test('a server that ends before it answers is told as that [STO7]', async () => {
  const called = Promise.withResolvers<undefined>();
  const control = await listen(() => {
    called.resolve(undefined);
    return new Promise(() => undefined);
  });
  const asked = failureOf(askControl(directory, { command: 'slow' }));
  await called.promise;
  await control.close();
  open.pop();
  expect(await asked).toMatchObject({ code: 'unavailable' });
});

test('a folder whose path is too long for a socket has none, and none is looked for [STO7]', async () => {
  const deep = join(directory, 'x'.repeat(120));
  mkdirSync(deep);
  expect(await listenForControl(deep, () => Promise.resolve({}))).toBeUndefined();
  expect(await askControl(deep, { command: 'x' })).toBeUndefined();
});
