import { expect, test } from 'bun:test';
import { DuologError } from '@duolog/protocol';
import { memoryCache } from '../cache/memory.ts';
import { createClient } from '../client.ts';
import type { Clock } from '../clock.ts';
import { settle } from '../testing/index.ts';
import { newStage, textsOn, until } from './stage.ts';

const NOT_OPEN = { code: 'unavailable', message: 'The client is not open.' };
const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'none',
    (error: unknown) => error,
  );

test('what is given before the copy is read is refused, and overwrites nothing that was kept [SYN5]', async () => {
  const { alice, client, live, server, clock, direct } = newStage();
  const cache = memoryCache();
  const before = await live(alice, { cache });
  server.unreachable = true;
  server.cut();
  before.send(direct, 'of yesterday');
  await before.close();
  const after = client(alice, { cache });
  const opening = after.open();
  expect(() => after.send(direct, 'too early')).toThrow(NOT_OPEN.message);
  expect(() => after.setDraft(direct, 'too early')).toThrow(NOT_OPEN.message);
  expect(() => after.markRead(direct)).toThrow(NOT_OPEN.message);
  await opening;
  after.send(direct, 'of today');
  server.unreachable = false;
  await clock.advance(60_000);
  expect(textsOn(server, direct)).toEqual(['of yesterday', 'of today']);
});

test('a client that is closed while it opens does not connect', async () => {
  const { alice, client, server } = newStage();
  const made = client(alice);
  const opening = made.open();
  await made.close();
  await opening;
  await settle();
  expect(made.state.status).toBe('idle');
  expect(server.connections).toHaveLength(0);
});

test('a closed client stays closed, and says so', async () => {
  const { alice, direct, client, live } = newStage();
  const made = await live(alice);
  await made.close();
  expect(await failureOf(made.live())).toMatchObject(NOT_OPEN);
  expect(await failureOf(made.open())).toMatchObject(NOT_OPEN);
  expect(() => made.send(direct, 'too late')).toThrow(NOT_OPEN.message);
  made.restart();
  expect(made.state.status).toBe('idle');
  const never = client(alice);
  never.restart();
  expect(never.state.status).toBe('idle');
  const waiting = never.live();
  await never.close();
  expect(await failureOf(waiting)).toMatchObject(NOT_OPEN);
});

test('a client that was stopped is idle once it is closed', async () => {
  const { alice, live, server } = newStage();
  const made = await live(alice);
  server.run(alice.user, 'device.revoke', { device: alice.device });
  await until(() => made.state.status === 'stopped');
  expect(await failureOf(made.devices())).toMatchObject({ code: 'unauthenticated', retryable: false });
  await made.close();
  expect(made.state.status).toBe('idle');
});

test('opening that failed may be tried again', async () => {
  const { alice, client } = newStage();
  const inner = memoryCache();
  let broken = true;
  const get = (key: string) => (broken ? Promise.reject(new Error('no storage now')) : inner.get(key));
  const made = client(alice, { cache: { ...inner, get } });
  expect(await failureOf(made.open())).toMatchObject({ message: 'no storage now' });
  broken = false;
  await made.open();
  await made.live();
});

test('a query under way ends when the client is closed', async () => {
  const { alice, live, server } = newStage();
  const made = await live(alice);
  server.script('device.list', () => 'lost');
  const asked = failureOf(made.devices());
  await settle();
  await made.close();
  expect(await asked).toMatchObject(NOT_OPEN);
});

test('no timer is left when the client is closed', async () => {
  const { alice, clock, direct, live, server } = newStage();
  const left = new Set<object>();
  const counting: Clock = {
    now: () => clock.now(),
    after: (delayMs, callback) => {
      const timer = {};
      left.add(timer);
      const stop = clock.after(delayMs, () => {
        left.delete(timer);
        callback();
      });
      return () => {
        left.delete(timer);
        stop();
      };
    },
  };
  const made = await live(alice, { clock: counting });
  const later = { error: new DuologError('rateLimited', 'slowly', { retryAfterMs: 20_000 }) };
  server.script('message.send', () => later);
  server.script('watch', () => later);
  made.send(direct, 'x');
  made.watch([direct]);
  await settle();
  await settle();
  await made.close();
  expect(left.size).toBe(0);
});

test('a query asked between bye and the end of its connection goes over the next one [SYN11]', async () => {
  const { alice, clock, direct, live, server } = newStage();
  const made = await live(alice);
  server.traffic = ({ direction }) => (direction === 'toClient' ? 'hold' : 'pass');
  made.send(direct, 'under way');
  await settle();
  const { connection } = server;
  server.traffic = undefined;
  connection.bye(500);
  await settle();
  const asked = made.devices();
  await settle();
  connection.wire?.release();
  await clock.advance(5_000);
  expect(await asked).toHaveLength(1);
});

test('signing in that gets no answer is given up, tried again, and ended by closing', async () => {
  const { clock, server } = newStage();
  const signals: (AbortSignal | null | undefined)[] = [];
  const made = createClient({
    url: server.url,
    webSocket: server.webSocket,
    clock,
    credentials: { handle: 'alice', password: 'password', deviceName: 'x' },
    fetch: (_, { signal }) => {
      signals.push(signal);
      return new Promise(() => undefined);
    },
  });
  await made.open();
  await clock.advance(15_000);
  expect(made.state).toMatchObject({ status: 'waiting', error: { code: 'unavailable' } });
  expect(signals[0]?.aborted).toBe(true);
  await clock.advance(2_000);
  expect(signals).toHaveLength(2);
  await made.close();
  expect(signals[1]?.aborted).toBe(true);
});

test('waking up does not come before the time a server named', async () => {
  const { alice, client, clock, server } = newStage();
  let asked = 0;
  server.script('hello', () => {
    asked += 1;
    return { error: new DuologError('rateLimited', 'slowly', { retryAfterMs: 60_000 }) };
  });
  const made = client(alice);
  await made.open();
  await until(() => made.state.status === 'waiting');
  for (let i = 0; i < 20; i++) {
    made.wake();
    await settle();
  }
  expect(asked).toBe(1);
  await clock.advance(60_000);
  expect(asked).toBe(2);
  await made.close();
});

test('a clock set back does not make the time after bye longer [SYN11]', async () => {
  const { alice, clock, live, server } = newStage();
  let skewMs = 0;
  const skewed: Clock = {
    now: () => clock.now() + skewMs,
    after: (delayMs, callback) => clock.after(delayMs, callback),
  };
  const made = await live(alice, { clock: skewed });
  server.script('device.list', () => 'lost');
  made.devices().catch(() => undefined);
  await settle();
  server.connection.bye(1_000);
  await settle();
  skewMs = -3_600_000;
  server.cut();
  await clock.advance(2_000);
  expect(made.state.status).toBe('live');
});
