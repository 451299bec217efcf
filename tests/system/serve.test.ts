import { afterEach, expect, test } from 'bun:test';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { createClient, logIn, signUp } from '@duolog/sdk';
import { Stage, until } from './server-process.ts';

const stage = new Stage();
afterEach(() => stage.clean());

const password = 'correct horse';

test('it says where it serves, where its data is and what to do next [OPS1]', async () => {
  const data = join(stage.folder(), 'data');
  const server = await stage.serve({ DUOLOG_DATA: data });
  expect(server.stdout()).toMatch(
    /^duolog \d+\.\d+\.\d+ serves http:\/\/127\.0\.0\.1:\d+ \(data in \S+\)\.\n.*"npx duolog chat http:\S+".*\n$/,
  );
  expect(server.stdout()).toContain(data);
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
  expect(statSync(data).mode & 0o777).toBe(0o700);
  expect(statSync(join(data, 'ledger')).mode & 0o777).toBe(0o700);
  expect(statSync(join(data, 'secret')).mode & 0o777).toBe(0o600);
});

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s stops it in order, and what was acknowledged is there after a new start [OPS6]',
  async (signal) => {
    const data = join(stage.folder(), 'data');
    const server = await stage.serve({ DUOLOG_DATA: data });
    const { user } = await signUp({ url: server.url, handle: 'alice', password });
    const credentials = { handle: 'alice', password, deviceName: 'test' };
    const client = createClient({ url: server.url, credentials });
    await client.open();
    await client.live();
    await client.createDirect(user).stored;
    const sendings = Array.from({ length: 20 }, (_, i) => client.send(`s.${user}`, `note ${i}`));
    await sendings[0]?.stored;
    server.child.kill(signal);
    expect(await server.ended).toBe(0);
    const stored = sendings.map(({ state }) => state.status === 'stored');
    await client.close();
    const again = await stage.serve({ DUOLOG_DATA: data });
    const reader = createClient({ url: again.url, credentials });
    await reader.open();
    await reader.live();
    const history = reader.history(`s.${user}`);
    await history.latest();
    const texts = history.messages.map(({ text }) => text);
    for (const [i, isStored] of stored.entries()) if (isStored) expect(texts).toContain(`note ${i}`);
    await reader.close();
  },
);

test('a connection is told to come back before it is closed [OPS6] [SYN11]', async () => {
  const server = await stage.serve();
  await signUp({ url: server.url, handle: 'alice', password });
  const client = createClient({ url: server.url, credentials: { handle: 'alice', password, deviceName: 'test' } });
  await client.open();
  await client.live();
  server.child.kill('SIGTERM');
  expect(await server.ended).toBe(0);
  await until('the client waits to connect again', () => client.state.status !== 'live');
  expect(client.state.status).not.toBe('stopped');
  await client.close();
});

test('a stop ends in its time although a request never ends, and a second signal ends it at once [OPS6]', async () => {
  for (const second of [false, true]) {
    const server = await stage.serve({ DUOLOG_DRAIN_MS: second ? '60000' : '1500' });
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    socket.write('POST /v1/account.signUp HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{');
    await until('the request has begun', async () => (await fetch(`${server.url}/health`)).ok);
    const startedAt = Date.now();
    server.child.kill('SIGTERM');
    if (second) {
      await until('it is stopping', () => server.stderr().includes('stopping'));
      await Bun.sleep(600);
      server.child.kill('SIGTERM');
    }
    expect(await server.ended).toBe(second ? 1 : 0);
    expect(Date.now() - startedAt).toBeLessThan(5_000);
    socket.destroy();
  }
}, 20_000);

test('requests under way when it is told to stop are answered [OPS6]', async () => {
  const server = await stage.serve();
  const asked = Array.from({ length: 12 }, (_, i) => signUp({ url: server.url, handle: `user${i}`, password }));
  await Promise.race(asked);
  server.child.kill('SIGTERM');
  const outcomes = await Promise.allSettled(asked);
  expect(outcomes.map(({ status }) => status)).toEqual(Array.from({ length: 12 }, () => 'fulfilled'));
  expect(await server.ended).toBe(0);
});

test('with too little space free nothing new is stored, readiness says why, and reading goes on [OPS8] [LIM9]', async () => {
  const data = join(stage.folder(), 'data');
  const first = await stage.serve({ DUOLOG_DATA: data });
  await signUp({ url: first.url, handle: 'alice', password });
  const { token } = await logIn({ url: first.url, handle: 'alice', password, deviceName: 'test' });
  first.child.kill('SIGTERM');
  await first.ended;
  const { url } = await stage.serve({ DUOLOG_DATA: data, DUOLOG_RESERVE_MIB: '1048576' });
  const ready = await fetch(`${url}/ready`);
  expect([ready.status, await ready.json()]).toEqual([503, { ready: false, reasons: ['the disk is full'] }]);
  const call = (method: string, body: object): Promise<Response> =>
    fetch(`${url}/v1/${method}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { authorization: `Bearer ${token}` },
    });
  const refused = await call('account.signUp', { handle: 'bob', password });
  expect([refused.status, refused.headers.has('retry-after')]).toEqual([507, true]);
  expect((await call('account.get', {})).status).toBe(200);
});

test('a port that is taken is told, and nothing is left [OPS7]', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const address = taken.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const data = join(stage.folder(), 'data');
  const refused = stage.duolog(['serve', '--port', String(port), '--data', data]);
  expect(await refused.ended).toBe(1);
  expect(refused.stderr()).toBe(
    `duolog serve: Port ${port} of 127.0.0.1 is taken by another program. Choose another one with DUOLOG_PORT or --port.\n`,
  );
  expect(refused.stdout()).toBe('');
  expect(existsSync(data)).toBe(false);
  taken.close();
});

test('a port at which duolog serves already is taken, too [OPS7]', async () => {
  const server = await stage.serve({});
  const port = new URL(server.url).port;
  const folder = stage.folder();
  const second = stage.duolog(['serve', '--port', port, '--data', folder]);
  expect(await second.ended).toBe(1);
  expect(second.stderr()).toContain(`Port ${port} of 127.0.0.1 is taken`);
  expect(readdirSync(folder)).toEqual([]);
  expect((await fetch(`${server.url}/health`)).status).toBe(200);
});

test('an address that is none of this machine is told, and nothing is left [OPS7]', async () => {
  const data = join(stage.folder(), 'data');
  const refused = stage.duolog(['serve', '--host', '192.0.2.1', '--port', '0', '--data', data]);
  expect(await refused.ended).toBe(1);
  expect(refused.stderr()).toContain('192.0.2.1 is no address of this machine');
  expect(existsSync(data)).toBe(false);
});

test('a store in use is told, and goes on serving [OPS7]', async () => {
  const data = join(stage.folder(), 'data');
  const server = await stage.serve({ DUOLOG_DATA: data });
  const second = stage.duolog(['serve', '--port', '0', '--data', data]);
  expect(await second.ended).toBe(1);
  expect(second.stderr()).toContain(`Another process uses the store in ${data}`);
  expect((await fetch(`${server.url}/ready`)).status).toBe(200);
});

test('a folder with files of others is told and left alone [OPS7]', async () => {
  const folder = stage.folder();
  writeFileSync(join(folder, 'thesis.txt'), 'x');
  const refused = stage.duolog(['serve', '--port', '0', '--data', folder]);
  expect(await refused.ended).toBe(1);
  expect(refused.stderr()).toContain('thesis.txt');
  expect(existsSync(join(folder, 'secret'))).toBe(false);
});

test('a path that cannot be a folder is told [OPS7]', async () => {
  const folder = stage.folder();
  writeFileSync(join(folder, 'file'), 'x');
  const refused = stage.duolog(['serve', '--port', '0', '--data', join(folder, 'file', 'data')]);
  expect(await refused.ended).toBe(1);
  expect(refused.stderr()).toMatch(/^duolog serve: The data folder \S+ cannot be made: .*DUOLOG_DATA or --data\.\n$/);
});

test('wrong settings keep it from starting, all of them named at once [OPS3]', async () => {
  const refused = stage.duolog(['serve'], { env: { DUOLOG_PORT: 'x', DUOLOG_PROT: '1', DUOLOG_SECRET: 'abc' } });
  expect(await refused.ended).toBe(1);
  expect(refused.stderr()).toContain('3 settings are wrong');
  expect(refused.stderr()).toContain('DUOLOG_PORT="x" (from the environment) must be');
  expect(refused.stderr()).toContain('did you mean DUOLOG_PORT?');
  expect(refused.stderr()).not.toContain('abc');
});

test('log lines are JSON on standard error [OPS10]', async () => {
  const server = await stage.serve({ DUOLOG_LOG: 'debug' });
  await fetch(`${server.url}/health`);
  server.child.kill('SIGTERM');
  await server.ended;
  const lines = server.stderr().trim().split('\n');
  expect(lines.length).toBeGreaterThan(1);
  for (const line of lines)
    expect(Object.keys(JSON.parse(line) as object)).toEqual(expect.arrayContaining(['at', 'level', 'message']));
});
