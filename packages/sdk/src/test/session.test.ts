import { expect, test } from 'bun:test';
import { DuologError } from '@duolog/protocol';
import { memoryCache } from '../cache/memory.ts';
import { createClient } from '../client.ts';
import { logIn, signUp } from '../http.ts';
import { settle } from '../testing/index.ts';
import { newStage } from './stage.ts';

test('credentials sign in once; the session is kept in the cache', async () => {
  const { client, server, clock, alice } = newStage();
  const cache = memoryCache();
  const credentials = { handle: 'alice', password: 'password', deviceName: 'laptop' };
  const { token: _token, ...anonymous } = alice;
  for (let start = 0; start < 2; start++) {
    const made = client({ ...anonymous, token: undefined as never }, { cache, credentials });
    await made.open();
    await made.live();
    await made.close();
  }
  expect(server.user(alice.user).devices.map(({ name }) => name)).toEqual(['device', 'laptop']);
  expect(clock.now()).toBeGreaterThan(0);
});

test('a log-in whose answer is lost does not make a second device [COM10]', async () => {
  const { client, server, clock, alice } = newStage();
  let asked = 0;
  server.script('session.logIn', () => (asked++ < 2 ? 'mute' : undefined));
  const made = client(
    { ...alice, token: undefined as never },
    { credentials: { handle: 'alice', password: 'password', deviceName: 'laptop' } },
  );
  await made.open();
  await clock.advance(10_000);
  expect(made.state.status).toBe('live');
  expect(asked).toBe(3);
  expect(server.user(alice.user).devices).toHaveLength(2);
});

test('a wrong password stops the client', async () => {
  const { client, alice } = newStage();
  const made = client(
    { ...alice, token: undefined as never },
    { credentials: { handle: 'alice', password: 'wrong', deviceName: 'laptop' } },
  );
  await made.open();
  await settle();
  expect(made.state).toMatchObject({ status: 'stopped', error: { code: 'badCredentials' } });
});

test('sign-up and log-in work over HTTP, and refusals are errors with a code', async () => {
  const { server, live } = newStage();
  const at = { url: server.url, fetch: server.fetch };
  const { user } = await signUp({ ...at, handle: 'carol', password: 'password' });
  const session = await logIn({ ...at, handle: 'carol', password: 'password', deviceName: 'phone' });
  expect(session.user).toBe(user);
  const client = await live(session);
  expect(client.account).toEqual({ user, handle: 'carol', name: 'carol' });
  expect(await signUp({ ...at, handle: 'carol', password: 'password' }).catch((error: unknown) => error)).toMatchObject(
    { code: 'handleTaken' },
  );
  expect(
    await logIn({ ...at, handle: 'carol', password: 'wrong', deviceName: 'x' }).catch((error: unknown) => error),
  ).toMatchObject({ code: 'badCredentials' });
});

test('a log-in is repeated while the server cannot be reached, and makes one device [COM10]', async () => {
  const { server, clock, alice } = newStage();
  let asked = 0;
  server.script('session.logIn', () => (asked++ === 0 ? 'mute' : undefined));
  const session = logIn({
    url: server.url,
    fetch: server.fetch,
    clock,
    handle: 'alice',
    password: 'password',
    deviceName: 'phone',
  });
  await clock.advance(10_000);
  expect((await session).user).toBe(alice.user);
  expect(server.user(alice.user).devices).toHaveLength(2);
});

test('a sign-up that would have to wait for an hour says so at once; a short wait is made', async () => {
  const { server, clock } = newStage();
  const account = { url: server.url, fetch: server.fetch, clock, handle: 'carol', password: 'password' };
  const limited = (retryAfterMs: number) => ({ error: new DuologError('rateLimited', undefined, { retryAfterMs }) });
  const stop = server.script('account.signUp', () => limited(3_600_000));
  expect(await signUp(account).catch((error: unknown) => error)).toMatchObject({
    code: 'rateLimited',
    facts: { retryAfterMs: 3_600_000 },
  });
  stop();
  let asked = 0;
  server.script('account.signUp', () => (asked++ === 0 ? limited(4000) : undefined));
  const later = signUp(account);
  await clock.advance(4000);
  expect((await later).user).toBeString();
});

test('a cache of another account is refused', async () => {
  const { live, client, alice, bob } = newStage();
  const cache = memoryCache();
  await (await live(alice, { cache })).close();
  const made = client(bob, { cache });
  await made.open();
  await settle();
  expect(made.state).toMatchObject({ status: 'stopped', error: { code: 'conflict' } });
});

test('credentials of another account do not use the session of the first', async () => {
  const { client, alice } = newStage();
  const cache = memoryCache();
  const of = (handle: string): ReturnType<typeof client> =>
    client(
      { ...alice, token: undefined as never },
      { cache, credentials: { handle, password: 'password', deviceName: 'laptop' } },
    );
  const first = of('alice');
  await first.open();
  await first.live();
  await first.close();
  const second = of('bob');
  await second.open();
  await settle();
  expect(second.state).toMatchObject({ status: 'stopped', error: { code: 'conflict' } });
});

test('logging out revokes the device, wipes the cache and closes the client', async () => {
  const { live, server, alice, direct } = newStage();
  const cache = memoryCache();
  const client = await live(alice, { cache });
  client.setDraft(direct, 'secret');
  await client.logOut();
  expect(server.user(alice.user).devices).toEqual([]);
  expect(client.state.status).toBe('idle');
  expect(await cache.list('', '~')).toEqual([]);
});

test('logging out wipes what was written a moment ago too, and ends though its answer is lost', async () => {
  const { live, server, alice, clock, direct } = newStage();
  const cache = memoryCache();
  const client = await live(alice, { cache });
  await client.send(direct, 'bye').stored;
  server.script('session.logOut', () => 'mute');
  const done = client.logOut();
  await clock.advance(60_000);
  await done;
  expect(server.user(alice.user).devices).toEqual([]);
  expect(await cache.list('', '~')).toEqual([]);
});

test('logging out without a network fails and is not done later', async () => {
  const { live, server, alice, clock } = newStage();
  const client = await live(alice);
  server.unreachable = true;
  server.cut();
  const failure = client.logOut().catch((error: unknown) => error);
  await clock.advance(60_000);
  expect(await failure).toMatchObject({ code: 'unavailable' });
  server.unreachable = false;
  await clock.advance(60_000);
  expect(client.state.status).toBe('live');
  expect(server.user(alice.user).devices).toHaveLength(1);
});

test('credentials with a handle that was claimed since are those of the kept session', async () => {
  const { server, alice, clock } = newStage();
  const cache = memoryCache();
  const withHandle = (handle: string) =>
    createClient({
      url: server.url,
      webSocket: server.webSocket,
      fetch: server.fetch,
      clock,
      cache,
      credentials: { handle, password: 'password', deviceName: 'x' },
    });
  const before = withHandle('alice');
  await before.open();
  await before.live();
  await before.claimHandle('alicia').stored;
  await settle();
  await before.close();
  const after = withHandle('alicia');
  await after.open();
  await after.live();
  expect(after.user).toBe(alice.user);
  await after.close();
});
