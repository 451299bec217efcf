import { afterEach, expect, test } from 'bun:test';
import { join } from 'node:path';
import { logIn } from '@duolog/sdk';
import { Stage } from './server-process.ts';

const stage = new Stage();
afterEach(() => stage.clean());

const password = 'correct horse';

const commands = ['serve', 'chat', 'user add', 'backup', 'restore', 'fsck', 'config'];

test('help lists all commands, and each has its own help [OPS11]', async () => {
  const help = stage.duolog(['help']);
  expect(await help.ended).toBe(0);
  for (const command of commands) {
    expect(help.stdout()).toContain(`\n  ${command}`);
    const own = stage.duolog([...command.split(' '), '--help']);
    expect([command, await own.ended]).toEqual([command, 0]);
    expect(own.stdout()).toStartWith(`Usage: duolog ${command}`);
    expect(own.stdout()).toContain('--help');
  }
}, 30_000);

test.each([
  [[], 'Usage: duolog COMMAND'],
  [['cook'], 'there is no command "cook"'],
  [['serve', '--fast'], "Unknown option '--fast'"],
  [['serve', '--port'], '--port'],
  [['serve', 'now'], '"now" is one word too many'],
  [['user'], 'there is no command "user"; there is "duolog user add"'],
  [['user', 'remove', 'bob'], 'there is no command "user remove bob"'],
  [['help', 'cook'], 'there is no command "cook"'],
  [['user', 'add'], 'HANDLE is missing'],
  [['config', '--json'], "Unknown option '--json'"],
])('duolog %j is refused as wrong use [OPS11]', async (args, message) => {
  const refused = stage.duolog(args);
  expect(await refused.ended).toBe(2);
  expect(refused.stderr()).toContain(message);
  expect(refused.stdout()).toBe('');
});

test('the version is printed [OPS11]', async () => {
  const version = stage.duolog(['version']);
  expect(await version.ended).toBe(0);
  expect(version.stdout()).toMatch(/^duolog \d+\.\d+\.\d+\n$/);
});

test('config prints all settings with their sources, whole even into a pipe [OPS5]', async () => {
  const config = stage.duolog(['config'], { env: { DUOLOG_PORT: '1234', DUOLOG_SECRET: 's'.repeat(40) } });
  expect(await config.ended).toBe(0);
  expect(config.stdout()).toContain('\nDUOLOG_PORT=1234\n');
  expect(config.stdout()).toContain('#DUOLOG_LOG_FORMAT=auto\n');
  expect(config.stdout()).not.toContain('s'.repeat(40));
});

test('an account is made in the data folder when no server runs, and at the server when one does [OPS12]', async () => {
  const data = join(stage.folder(), 'data');
  const closed = { DUOLOG_SIGN_UPS_PER_HOUR: '0' };
  const offline = stage.duolog(['user', 'add', 'alice', '--data', data], { input: `${password}\n`, env: closed });
  expect(await offline.ended).toBe(0);
  expect(offline.stdout()).toMatch(/^alice can log in now \(user u\S{16}, in /);
  const server = await stage.serve({ DUOLOG_DATA: data });
  const online = stage.duolog(['user', 'add', 'bob', '--url', server.url, '--name', 'Bob 鲍勃'], { input: password });
  expect(await online.ended).toBe(0);
  for (const handle of ['alice', 'bob'])
    expect((await logIn({ url: server.url, handle, password, deviceName: 'x' })).token.length).toBeGreaterThan(0);
  expect(offline.stdout() + offline.stderr() + online.stdout() + online.stderr()).not.toContain(password);
}, 15_000);

test('a server that runs over the data folder makes an account, also where sign-ups are closed [OPS12]', async () => {
  const data = join(stage.folder(), 'data');
  const server = await stage.serve({ DUOLOG_DATA: data, DUOLOG_SIGN_UPS_PER_HOUR: '0' });
  const add = (...args: readonly string[]) =>
    stage.duolog(['user', 'add', ...args, '--data', data], { input: `${password}\n` });
  const added = add('ann', '--name', 'Ann');
  expect(await added.ended).toBe(0);
  expect(added.stdout()).toMatch(/^ann can log in now \(user u\S{16}, in .*, by the server that runs there\)\.\n$/);
  expect((await logIn({ url: server.url, handle: 'ann', password, deviceName: 'x' })).token.length).toBeGreaterThan(0);
  for (const [handle, message] of [
    ['ann', 'taken'],
    ['Ann!', 'the handle must be a-z 0-9'],
  ] as const) {
    const refused = add(handle);
    expect(await refused.ended).toBe(1);
    expect(refused.stderr()).toContain(message);
    expect(refused.stderr().trim()).not.toContain('\n');
  }
  const stranger = stage.duolog(['user', 'add', 'eve', '--url', server.url], { input: password });
  expect(await stranger.ended).toBe(1);
  expect(added.stdout() + added.stderr() + server.stderr()).not.toContain(password);
}, 15_000);

test('without --data or --url the server over the data folder is asked first, then the one at the address of the settings [OPS12]', async () => {
  const data = join(stage.folder(), 'data');
  const served = await stage.serve({ DUOLOG_DATA: data, DUOLOG_SIGN_UPS_PER_HOUR: '1' });
  const settings = { DUOLOG_PORT: new URL(served.url).port, DUOLOG_DATA: join(stage.folder(), 'not-mine') };
  const add = (handle: string, env: Readonly<Record<string, string>>) =>
    stage.duolog(['user', 'add', handle], { input: `${password}\n`, env });
  const there = add('ann', settings);
  expect(await there.ended).toBe(0);
  expect(there.stdout()).toEndWith(`, at ${served.url}).\n`);
  const closed = add('bob', settings);
  expect(await closed.ended).toBe(1);
  const own = add('bob', { ...settings, DUOLOG_DATA: data });
  expect(await own.ended).toBe(0);
  expect(own.stdout()).toEndWith(`, in ${data}, by the server that runs there).\n`);
}, 15_000);

test.each<[string, readonly string[], string, string]>([
  ['a handle that is taken', ['alice'], `${password}\n`, 'taken'],
  ['a handle of the wrong form', ['Alice!'], `${password}\n`, 'the handle must be a-z 0-9'],
  ['a password too short', ['bob'], 'short\n', 'the password has fewer than 8 characters'],
  ['no password', ['bob'], '', 'no password given'],
])(
  '%s is told in one message [OPS11] [OPS12]',
  async (_what, args, input, message) => {
    const data = join(stage.folder(), 'data');
    await stage.duolog(['user', 'add', 'alice', '--data', data], { input: `${password}\n` }).ended;
    const refused = stage.duolog(['user', 'add', ...args, '--data', data], { input });
    expect(await refused.ended).toBe(1);
    expect(refused.stderr()).toStartWith('duolog user add: ');
    expect(refused.stderr()).toContain(message);
    expect(refused.stderr().trim()).not.toContain('\n');
  },
  15_000,
);
