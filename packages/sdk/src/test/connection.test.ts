import { expect, test } from 'bun:test';
import { CLOSE_CODES, DuologError } from '@duolog/protocol';
import { memoryCache } from '../cache/memory.ts';
import { settle } from '../testing/index.ts';
import { newStage, until, watchClient } from './stage.ts';

test('a lost connection is made anew after half a second to thirty, with full jitter', async () => {
  const { live, server, clock, alice } = newStage();
  let random = 0;
  const client = await live(alice, { random: () => random });
  const waits: number[] = [];
  client.on('state', (state) => state.status === 'waiting' && waits.push(state.retryAt - clock.now()));
  server.unreachable = true;
  for (random of [0, 0.999_999]) {
    await clock.advance(11_000);
    server.cut();
    await clock.advance(200_000);
    server.unreachable = false;
    await clock.advance(31_000);
    await client.live();
    server.unreachable = true;
  }
  const shortest = waits.slice(0, waits.lastIndexOf(500) + 1);
  const longest = waits.slice(shortest.length).map(Math.round);
  expect(shortest.length).toBeGreaterThan(100);
  expect(new Set(shortest)).toEqual(new Set([500]));
  expect(longest.slice(0, 7)).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
});

test('close codes below 4500 lead to another attempt, those from there on stop the client [SYN11]', async () => {
  for (const [reason, { code }] of Object.entries(CLOSE_CODES)) {
    const { live, server, clock, alice } = newStage();
    const client = await live(alice);
    server.connection.close(code);
    await settle();
    expect([reason, client.state.status]).toEqual([reason, code < 4500 ? 'waiting' : 'stopped']);
    await clock.advance(60_000);
    expect([reason, client.state.status]).toEqual([reason, code < 4500 ? 'live' : 'stopped']);
    expect([reason, server.attempts]).toEqual([reason, code < 4500 ? 2 : 1]);
  }
});

test('a device that was revoked stops with unauthenticated [SYN11]', async () => {
  const { live, server, alice } = newStage();
  const client = await live(alice);
  const other = await live(server.addDevice(alice.user));
  await other.revokeDevice(alice.device).stored;
  await settle();
  expect(client.state).toMatchObject({ status: 'stopped', error: { code: 'unauthenticated' } });
  expect(other.state.status).toBe('live');
});

test('a token that is not valid stops the client, and live rejects with the reason', async () => {
  const { client, alice, server } = newStage();
  const made = client({ ...alice, token: 'wrong' });
  await made.open();
  expect(await made.live().catch((error: unknown) => error)).toMatchObject({ code: 'unauthenticated' });
  expect(server.attempts).toBe(1);
});

test('a hello that may be tried again is, after the time it names', async () => {
  const { client, server, clock, alice } = newStage();
  const stop = server.script('hello', () => ({
    error: new DuologError('overloaded', undefined, { retryAfterMs: 9000 }),
  }));
  const made = client(alice);
  await made.open();
  await clock.advance(8999);
  expect(server.attempts).toBe(1);
  stop();
  await clock.advance(1);
  expect(made.state.status).toBe('live');
});

test('bye lets what is under way end, then the client comes back after the time it names [SYN11]', async () => {
  const { live, server, clock, alice, direct } = newStage();
  const client = await live(alice);
  server.traffic = ({ direction, data }) =>
    direction === 'toClient' && String(data).includes('reply') ? 'hold' : 'pass';
  const sending = client.send(direct, 'under way');
  await settle();
  server.connection.bye(7000);
  await settle();
  const late = client.send(direct, 'for the next server');
  await settle();
  expect(client.state.status).toBe('live');
  expect(server.requests.filter(({ method }) => method === 'message.send')).toHaveLength(1);
  server.traffic = undefined;
  server.connection.wire?.release();
  await settle();
  expect(sending.state.status).toBe('stored');
  expect(client.state).toMatchObject({ status: 'waiting', retryAt: clock.now() + 7000 });
  await clock.advance(6999);
  expect(server.attempts).toBe(1);
  await clock.advance(1);
  await until(() => late.state.status === 'stored', 'the late one is stored');
});

test('two unanswered beats mean half-open: the client connects anew [SYN7]', async () => {
  const { live, server, clock, alice, bob, direct } = newStage({ heartbeatMs: 5000 });
  const client = await live(alice);
  const { texts } = watchClient(client);
  await clock.advance(20_000);
  expect(server.attempts).toBe(1);
  server.traffic = () => 'drop';
  server.say(bob.user, direct, 'into the void');
  await clock.advance(10_000);
  expect(server.attempts).toBe(1);
  server.traffic = undefined;
  await clock.advance(6000);
  expect(server.attempts).toBe(2);
  expect(texts).toEqual(['into the void']);
});

test('after ten minutes of sleep a half-open connection is found within three seconds of waking up', async () => {
  const { live, server, clock, alice, bob, direct } = newStage({ heartbeatMs: 600_000 });
  const client = await live(alice);
  const { texts } = watchClient(client);
  server.traffic = () => 'drop';
  server.say(bob.user, direct, 'while asleep');
  await settle();
  client.wake();
  await clock.advance(2999);
  expect(client.state.status).toBe('live');
  server.traffic = undefined;
  await clock.advance(1001);
  expect(texts).toEqual(['while asleep']);
  client.wake();
  await clock.advance(5000);
  expect(server.attempts).toBe(2);
});

test('waking up ends the wait for the next attempt', async () => {
  const { live, server, clock, alice } = newStage();
  const client = await live(alice, { random: () => 0.999 });
  server.unreachable = true;
  server.cut();
  await clock.advance(100_000);
  server.unreachable = false;
  client.wake();
  await settle();
  expect(client.state.status).toBe('live');
});

test('two clients with one device replace each other ever more slowly', async () => {
  const { live, server, clock, alice } = newStage();
  await live(alice);
  await live(alice);
  await clock.advance(600_000);
  expect(server.attempts).toBeLessThan(60);
});

test('a connection that dies soon after it was made does not count as a success: the waits grow', async () => {
  const { live, server, clock, alice } = newStage();
  const client = await live(alice);
  const waits: number[] = [];
  client.on('state', (state) => state.status === 'waiting' && waits.push(state.retryAt - clock.now()));
  for (let i = 0; i < 5; i++) {
    server.cut();
    await settle();
    await clock.advance(waits.at(-1) ?? 0);
    await client.live();
  }
  expect(waits).toEqual([750, 1250, 2250, 4250, 8250]);
});

test('an attempt that gets no answer is given up after fifteen seconds', async () => {
  const { client, server, clock, alice } = newStage();
  const stop = server.script('hello', () => 'lost');
  const made = client(alice);
  await made.open();
  await clock.advance(14_999);
  expect(made.state.status).toBe('connecting');
  stop();
  await clock.advance(1001);
  expect(made.state.status).toBe('live');
});

test('a client that was closed sends nothing any more and can be followed by another on the same cache', async () => {
  const { live, server, clock, alice, bob, direct } = newStage();
  const cache = memoryCache();
  const client = await live(alice, { cache });
  await client.close();
  expect(client.state.status).toBe('idle');
  await clock.advance(60_000);
  expect(server.attempts).toBe(1);
  server.say(bob.user, direct, 'later');
  const next = await live(alice, { cache });
  expect(next.conversation(direct)?.lastSeq).toBe(1);
});

test('a query waits for a connection, survives its loss, and ends with the signal', async () => {
  const { live, server, clock, alice } = newStage();
  const client = await live(alice);
  server.unreachable = true;
  server.cut();
  await settle();
  const found = client.findUser('bob');
  const given = new AbortController();
  const ended = client.findUser('bob', { signal: given.signal }).catch((error: unknown) => error);
  given.abort(new Error('enough'));
  expect(await ended).toMatchObject({ message: 'enough' });
  server.unreachable = false;
  let asked = 0;
  server.script('user.find', () => {
    if (asked++ === 0) queueMicrotask(() => server.cut());
    return undefined;
  });
  await clock.advance(5000);
  expect((await found).handle).toBe('bob');
  expect(asked).toBe(2);
});

test('a query without an answer ends as unavailable, which may be tried again', async () => {
  const { live, server, clock, alice } = newStage();
  const client = await live(alice);
  server.unreachable = true;
  server.cut();
  const found = client.findUser('bob').catch((error: unknown) => error);
  await clock.advance(30_000);
  expect(await found).toMatchObject({ code: 'unavailable' });
  expect(((await found) as DuologError).retryable).toBe(true);
});

test('a query is refused with the server’s error', async () => {
  const { live, alice } = newStage();
  const client = await live(alice);
  expect(await client.findUser('nobody').catch((error: unknown) => error)).toMatchObject({ code: 'notFound' });
});

test('live can be waited for with a signal', async () => {
  const { client, server, alice } = newStage();
  server.unreachable = true;
  const made = client(alice);
  await made.open();
  expect(
    await made.live({ signal: AbortSignal.abort(new Error('enough')) }).catch((error: unknown) => error),
  ).toMatchObject({ message: 'enough' });
});

test('who waits for a client that is closed is told', async () => {
  const { client, server, alice } = newStage();
  server.unreachable = true;
  const made = client(alice);
  await made.open();
  const waiting = made.live().catch((error: unknown) => error);
  await made.close();
  expect(await waiting).toMatchObject({ code: 'unavailable' });
});

test('discovery is asked before each connection and its ticket is used', async () => {
  const { live, server, clock, alice } = newStage();
  await live(alice, { discover: true });
  server.cut();
  await clock.advance(1000);
  const hellos = server.requests.filter(({ method }) => method === 'hello').map(({ params }) => params);
  expect(hellos).toHaveLength(2);
  for (const hello of hellos) expect(hello).toMatchObject({ ticket: `ticket-${alice.token}` });
  expect(server.requests.filter(({ method }) => method === 'server.find')).toHaveLength(2);
});

test('a listener that throws disturbs neither the client nor other listeners, and its error is not lost', async () => {
  // In a process of its own, where an uncaught error can be caught.
  const script = `
    import { newStage, watchClient } from '${import.meta.dirname}/stage.ts';
    import { settle } from '${import.meta.dirname}/../testing/index.ts';
    const { live, server, alice, bob, direct } = newStage();
    const client = await live(alice);
    process.on('uncaughtException', (error) => console.log('uncaught: ' + error.message));
    client.on('message', () => { throw new Error('a bug of the program'); });
    const { texts } = watchClient(client);
    server.say(bob.user, direct, 'hello');
    await settle();
    console.log(texts.join());
    process.exit(0);`;
  const child = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe' });
  expect((await new Response(child.stdout).text()).trim().split('\n')).toEqual([
    'uncaught: a bug of the program',
    'hello',
  ]);
});
