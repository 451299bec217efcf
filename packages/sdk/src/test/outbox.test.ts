import { expect, test } from 'bun:test';
import { DuologError } from '@duolog/protocol';
import type { ErrorFacts } from '@duolog/protocol';
import { memoryCache } from '../cache/memory.ts';
import type { Cache } from '../cache/cache.ts';
import type { Client } from '../client.ts';
import type { Scripted } from '../testing/index.ts';
import { settle } from '../testing/index.ts';
import { newStage, textsOn, until } from './stage.ts';
import type { Stage } from './stage.ts';

const refuse = (code: DuologError['code'], facts?: ErrorFacts): Scripted => ({
  error: new DuologError(code, undefined, facts),
});

const statuses = (client: Client): string[] => client.sendings().map(({ state }) => state.status);

/** The next send is executed, and the connection is lost before its answer. */
const dieOnSend = ({ server }: Stage): void => {
  const stop = server.script('message.send', () => {
    stop();
    queueMicrotask(() => server.cut());
    return undefined;
  });
};

/** The numbers of the sends that came to the server, in order. */
const numbers = ({ server }: Stage): (number | undefined)[] =>
  server.requests.filter(({ method }) => method === 'message.send').map(({ n }) => n);
const outboxes = ({ server }: Stage): Set<string | undefined> =>
  new Set(server.requests.filter(({ method }) => method === 'message.send').map(({ outbox }) => outbox));

test('send returns at once with a state and a promise that resolves when it is stored [SYN6]', async () => {
  const { live, alice, direct } = newStage();
  const client = await live(alice);
  const states: string[] = [];
  client.on('sending', ({ state }) => states.push(state.status));
  const sending = client.send(direct, 'hello');
  expect(sending.state.status).toBe('queued');
  expect(await sending.stored).toMatchObject({ seq: 1 });
  expect(sending.state).toMatchObject({ status: 'stored', result: { seq: 1 } });
  expect([...new Set(states)]).toEqual(['queued', 'sending', 'stored']);
});

test('what is queued without a connection is sent in order when there is one [SYN5]', async () => {
  const stage = newStage();
  const { live, server, clock, alice, direct } = stage;
  const client = await live(alice);
  server.unreachable = true;
  server.cut();
  await settle();
  const sent = Array.from({ length: 50 }, (_, i) => client.send(direct, `m${i}`));
  await clock.advance(60_000);
  expect(new Set(statuses(client))).toEqual(new Set(['queued']));
  server.unreachable = false;
  await clock.advance(31_000);
  expect(textsOn(server, direct)).toEqual(sent.map(({ params }) => params.text));
  await Promise.all(sent.map(({ stored }) => stored));
  expect(client.sendings()).toEqual([]);
});

test('at most eight are under way, and n waits until n − 8 is answered [COM10]', async () => {
  const stage = newStage();
  const { live, server, alice, direct } = stage;
  const client = await live(alice);
  server.traffic = ({ direction, data }) => (direction === 'toClient' && typeof data === 'string' ? 'hold' : 'pass');
  for (let i = 1; i <= 20; i++) client.send(direct, `m${i}`);
  await settle();
  expect(numbers(stage)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  server.traffic = undefined;
  server.connection.wire?.release();
  await until(() => textsOn(server, direct).length === 20, 'all are stored');
  expect(numbers(stage)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
});

test('a command is stored before it is sent, and not sent while it cannot be stored [COM10]', async () => {
  const stage = newStage();
  const { live, server, clock, alice, direct } = stage;
  const inner = memoryCache();
  let broken = false;
  const cache: Cache = {
    ...inner,
    write: (changes) => (broken ? Promise.reject(new Error('quota')) : inner.write(changes)),
  };
  const client = await live(alice, { cache });
  const alarms: string[] = [];
  client.on('alarm', ({ kind }) => alarms.push(kind));
  await settle();
  broken = true;
  const sending = client.send(direct, 'hello');
  await clock.advance(5000);
  server.cut();
  await clock.advance(2000);
  expect(client.state.status).toBe('live');
  expect(numbers(stage)).toEqual([]);
  expect(sending.state.status).toBe('queued');
  expect(alarms).toContain('storage');
  broken = false;
  await clock.advance(31_000);
  expect(sending.state.status).toBe('stored');
  expect(await inner.list('o/', 'o0')).toEqual([]);
});

test('a lost answer means unknown, the command is repeated as it was and executed once [SYN6]', async () => {
  const stage = newStage();
  const { live, server, clock, alice, direct } = stage;
  const client = await live(alice);
  let asked = 0;
  server.script('message.send', () => (asked++ === 0 ? 'mute' : undefined));
  server.traffic = ({ data }) => (typeof data === 'string' && data.includes('"sent"') ? 'drop' : 'pass');
  const sending = client.send(direct, 'once');
  const seen: string[] = [];
  client.on('sending', ({ state }) => seen.push(state.status));
  await clock.advance(15_000);
  server.traffic = undefined;
  expect(seen).toContain('unknown');
  await clock.advance(1000);
  expect(sending.state).toMatchObject({ status: 'stored', result: { seq: 1 } });
  expect(numbers(stage)).toEqual([1, 1]);
  expect(textsOn(server, direct)).toEqual(['once']);
});

test('a connection lost between commit and answer loses and doubles nothing [SYN5]', async () => {
  const stage = newStage();
  const { live, server, clock, alice, direct } = stage;
  const client = await live(alice);
  dieOnSend(stage);
  const first = client.send(direct, 'a');
  const second = client.send(direct, 'b');
  await settle();
  expect(first.state.status).toBe('unknown');
  await clock.advance(60_000);
  expect(textsOn(server, direct)).toEqual(['a', 'b']);
  expect([first.state.status, second.state.status]).toEqual(['stored', 'stored']);
  const window = client.history(direct);
  await window.latest();
  expect(window.messages.map(({ text }) => text)).toEqual(['a', 'b']);
});

test('the outbox survives the program, and what was sent then is repeated with its number [SYN5]', async () => {
  const stage = newStage();
  const { live, client, server, alice, direct } = stage;
  const cache = memoryCache();
  const first = await live(alice, { cache });
  await first.send(direct, 'before').stored;
  dieOnSend(stage);
  first.send(direct, 'x');
  first.send(direct, 'y');
  await settle();
  await first.close();
  const [outbox] = outboxes(stage);
  const second = client(alice, { cache });
  await second.open();
  expect(second.sendings(direct).map(({ state }) => state.status)).toEqual(['unknown', 'unknown']);
  await second.live();
  await until(() => second.sendings().length === 0, 'all are answered');
  expect(textsOn(server, direct)).toEqual(['before', 'x', 'y']);
  expect([...outboxes(stage)]).toEqual([outbox]);
  await second.send(direct, 'z').stored;
  expect(numbers(stage).at(-1)).toBe(4);
});

test('a message whose outcome was unknown never shows twice, as sent and as history [SYN5]', async () => {
  const stage = newStage();
  const { live, clock, alice, direct } = stage;
  const client = await live(alice);
  dieOnSend(stage);
  client.send(direct, 'x');
  const shown: number[] = [];
  client.on('message', () =>
    shown.push(client.sendings(direct).filter(({ state }) => state.status !== 'stored').length),
  );
  await clock.advance(2000);
  expect(shown).toEqual([0]);
});

test('a pull waits a second for the outcome of messages that may have been stored [SYN5]', async () => {
  const stage = newStage();
  const { live, server, clock, alice, bob, direct } = stage;
  const client = await live(alice, { random: () => 0 });
  const pulls = (): number => server.requests.filter(({ method }) => method === 'sync').length;
  dieOnSend(stage);
  client.send(direct, 'x');
  await settle();
  server.say(bob.user, direct, 'y');
  const stop = server.script('message.send', () => 'lost');
  const before = pulls();
  await clock.advance(1499);
  expect([client.state.status, pulls()]).toEqual(['syncing', before]);
  await clock.advance(1);
  expect([client.state.status, pulls()]).toEqual(['live', before + 1]);
  stop();
});

test('a command lost on the way is sent again before those after it [SYN5]', async () => {
  const stage = newStage();
  const { live, server, clock, alice, direct } = stage;
  const client = await live(alice);
  let asked = 0;
  server.script('message.send', () => (asked++ === 1 ? 'lost' : undefined));
  for (const text of ['a', 'b', 'c', 'd']) client.send(direct, text);
  await clock.advance(1000);
  expect(textsOn(server, direct)).toEqual(['a', 'b', 'c', 'd']);
  expect(numbers(stage)).toEqual([1, 2, 3, 4, 2, 3, 4]);
  expect(client.sendings()).toEqual([]);
});

test('overloaded is tried again after the time it names, in order [COM10]', async () => {
  const stage = newStage();
  const { live, server, clock, alice, direct } = stage;
  const client = await live(alice);
  let asked = 0;
  server.script('message.send', () => (asked++ === 0 ? refuse('overloaded', { retryAfterMs: 7000 }) : undefined));
  client.send(direct, 'a');
  client.send(direct, 'b');
  await clock.advance(6999);
  expect(textsOn(server, direct)).toEqual([]);
  await clock.advance(1);
  await settle();
  expect(textsOn(server, direct)).toEqual(['a', 'b']);
});

test('a server that never knows is asked ever more rarely [SYN6]', async () => {
  const stage = newStage();
  const { live, server, clock, alice, direct } = stage;
  const client = await live(alice);
  server.script('message.send', () => refuse('unknown'));
  client.send(direct, 'a');
  await clock.advance(60_000);
  expect(numbers(stage).length).toBeLessThan(12);
  expect(numbers(stage).length).toBeGreaterThan(3);
});

test('a command whose entry comes before its answer ends once [SYN6]', async () => {
  const { live, clock, alice, direct } = newStage({ entriesFirst: true });
  const client = await live(alice);
  const states: string[] = [];
  client.on('sending', ({ method, state }) => method === 'message.send' && states.push(state.status));
  await client.send(direct, 'a').stored;
  await clock.advance(500);
  expect(states).toEqual(['queued', 'sending', 'stored']);
});

test('a refusal is shown as failed and the commands behind it go on [COM10]', async () => {
  const stage = newStage();
  const { live, server, alice, direct } = stage;
  const client = await live(alice);
  const bad = client.renameGroup(direct, 'no group has this id');
  const good = client.send(direct, 'a');
  const failure = await bad.stored.catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(DuologError);
  expect(failure).toMatchObject({ code: 'notFound', retryable: false });
  await good.stored;
  expect(numbers(stage)).toEqual([2]);
  expect(textsOn(server, direct)).toEqual(['a']);
});

test('a failed message stays until a person retries or discards it, over a restart too [SYN5]', async () => {
  const stage = newStage();
  const { live, client, server, alice, bob, direct } = stage;
  const cache = memoryCache();
  const first = await live(alice, { cache });
  const stop = server.script('message.send', () => refuse('forbidden'));
  const one = first.send(direct, 'one');
  const two = first.send(direct, 'two');
  await Promise.allSettled([one.stored, two.stored]);
  expect(statuses(first)).toEqual(['failed', 'failed']);
  await first.close();
  stop();
  const second = client(alice, { cache });
  await second.open();
  await second.live();
  await settle();
  expect(statuses(second)).toEqual(['failed', 'failed']);
  expect(textsOn(server, direct)).toEqual([]);
  const [again, gone] = second.sendings(direct);
  gone?.discard();
  await again?.retry().stored;
  await settle();
  expect(second.sendings()).toEqual([]);
  expect(textsOn(server, direct)).toEqual(['one']);
  expect(bob.user).not.toBe(alice.user);
});

test('when the server did not understand a command, those behind it are numbered anew [SYN5]', async () => {
  const stage = newStage();
  const { live, server, clock, alice, direct } = stage;
  const client = await live(alice);
  await client.send(direct, 'zero').stored;
  let asked = 0;
  server.script('message.send', () => (asked++ === 0 ? refuse('invalid') : undefined));
  const bad = client.send(direct, 'bad');
  client.send(direct, 'a');
  client.send(direct, 'b');
  await clock.advance(1000);
  expect(bad.state.status).toBe('failed');
  expect(textsOn(server, direct)).toEqual(['zero', 'a', 'b']);
  expect(numbers(stage)).toEqual([1, 2, 3, 4, 2, 3]);
  expect(outboxes(stage).size).toBe(1);
});

test('a restored server that expects a lower number gets new commands from there [SYN5]', async () => {
  const stage = newStage();
  const { live, server, clock, alice, direct } = stage;
  const client = await live(alice);
  await client.send(direct, 'in the backup').stored;
  const backup = server.backup();
  await client.send(direct, 'lost by the restore').stored;
  server.restore(backup);
  await clock.advance(1000);
  await client.live();
  const late = client.send(direct, 'after');
  await clock.advance(2000);
  expect(late.state.status).toBe('stored');
  expect(numbers(stage)).toEqual([1, 2, 3, 2]);
  expect(textsOn(server, direct)).toEqual(['in the backup', 'after']);
});

test('what may still be under way is never numbered anew where a late copy would fit [SYN5]', async () => {
  const stage = newStage();
  const { live, server, clock, alice, direct } = stage;
  const client = await live(alice);
  await client.send(direct, 'in the backup').stored;
  const backup = server.backup();
  await client.send(direct, 'lost by the restore').stored;
  const stop = server.script('message.send', () => 'lost');
  client.send(direct, 'x');
  client.send(direct, 'y');
  await settle();
  const copies = server.requests.slice(-2);
  server.restore(backup);
  stop();
  await clock.advance(5000);
  expect(textsOn(server, direct)).toEqual(['in the backup', 'x', 'y']);
  // The copies of the first attempt arrive at last, over the old connection as it were.
  for (const { method, params, outbox, n } of copies)
    server.connection.receive(JSON.stringify({ id: 9999, method, params, outbox, n }));
  await settle();
  expect(textsOn(server, direct)).toEqual(['in the backup', 'x', 'y']);
  expect(outboxes(stage).size).toBe(2);
});

/** A device that was set back to an old copy of its cache. */
const setBack = async (stage: Stage): Promise<{ readonly cache: Cache; readonly sentMeanwhile: number }> => {
  const { live, server, alice, direct } = stage;
  const inner = memoryCache();
  const first = await live(alice, { cache: inner });
  await first.send(direct, 'one').stored;
  dieOnSend(stage);
  first.send(direct, 'two');
  await settle();
  const copy = await inner.list('', '~');
  await stage.clock.advance(2000);
  for (let i = 0; i < 12; i++) await first.send(direct, `later ${i}`).stored;
  await settle();
  await first.close();
  const old = memoryCache();
  await old.write(copy.map(([put, value]) => ({ put, value })));
  return { cache: old, sentMeanwhile: server.conversation(direct).messages.length };
};

test('a device set back to an old copy shows what is stale as failed and sends nothing twice [SYN5]', async () => {
  const stage = newStage();
  const { client, server, clock, alice, direct } = stage;
  const { cache, sentMeanwhile } = await setBack(stage);
  const second = client(alice, { cache });
  await second.open();
  await clock.advance(2000);
  expect(statuses(second)).toEqual(['failed']);
  expect(second.sendings()[0]?.state).toMatchObject({ error: { code: 'stale' } });
  expect(server.conversation(direct).messages).toHaveLength(sentMeanwhile);
  await second.send(direct, 'new').stored;
  expect(outboxes(stage).size).toBe(2);
  await clock.advance(60_000);
  expect(textsOn(server, direct).filter((text) => text === 'two')).toHaveLength(1);
});

test('a new command under a number that is used up is a conflict, is shown, and the next goes into a new outbox [SYN5]', async () => {
  const stage = newStage();
  const { live, client, server, clock, alice, direct } = stage;
  const inner = memoryCache();
  const first = await live(alice, { cache: inner });
  await first.send(direct, 'one').stored;
  await settle();
  const copy = await inner.list('', '~');
  await first.send(direct, 'two').stored;
  await settle();
  await first.close();
  const old = memoryCache();
  await old.write(copy.map(([put, value]) => ({ put, value })));
  const second = client(alice, { cache: old });
  await second.open();
  await second.live();
  const clash = second.send(direct, 'three');
  const after = second.send(direct, 'four');
  await clock.advance(2000);
  expect(clash.state).toMatchObject({ status: 'failed', error: { code: 'conflict' } });
  expect(after.state.status).toBe('stored');
  expect(textsOn(server, direct)).toEqual(['one', 'two', 'four']);
  await second.send(direct, 'five').stored;
  expect(textsOn(server, direct)).toEqual(['one', 'two', 'four', 'five']);
});

test('each conversation has its own numbers and none waits for another [COM10]', async () => {
  const stage = newStage();
  const { live, server, clock, alice, direct } = stage;
  const client = await live(alice);
  const saved = client.createDirect(alice.user);
  const { conversation } = await saved.stored;
  server.script('message.send', ({ params }) =>
    'conversation' in params && params.conversation === direct ? 'lost' : undefined,
  );
  const stuck = client.send(direct, 'stuck');
  const free = client.send(conversation, 'free');
  await clock.advance(1000);
  expect([stuck.state.status, free.state.status]).toEqual(['sending', 'stored']);
});

test('a group can be made and written to without a connection [SYN5]', async () => {
  const { live, server, clock, alice, bob } = newStage();
  const client = await live(alice);
  server.unreachable = true;
  server.cut();
  await settle();
  const group = client.createGroup('Team', [bob.user]);
  const { conversation } = group.params;
  client.send(conversation, 'hello');
  server.unreachable = false;
  await clock.advance(5000);
  expect(await group.stored).toEqual({ conversation, seq: 1 });
  expect(textsOn(server, conversation)).toEqual(['hello']);
  expect(client.conversation(conversation)).toMatchObject({ name: 'Team', kind: 'group', lastSeq: 2, unread: 0 });
});

test('a text that is too long fails at once and is never sent [COM10]', async () => {
  const stage = newStage();
  const { live, clock, alice, direct } = stage;
  const client = await live(alice);
  const long = client.send(direct, '😀'.repeat(100_000));
  const empty = client.send(direct, '');
  const most = client.send(direct, '😀'.repeat(99_999));
  expect(long.state).toMatchObject({
    status: 'failed',
    error: { code: 'invalid', facts: { limit: 'maxTextLength', max: 99_999 } },
  });
  expect(empty.state.status).toBe('failed');
  await most.stored;
  await clock.advance(1000);
  expect(numbers(stage)).toEqual([1]);
});

test('a retry of a text that is too long fails again', async () => {
  const { live, alice, direct } = newStage();
  const client = await live(alice);
  const again = client.send(direct, '').retry();
  expect(again.state.status).toBe('failed');
  expect(client.sendings()).toHaveLength(1);
});

test('the same device signed in anew numbers in a new outbox [COM10]', async () => {
  const stage = newStage();
  const { live, client, server, alice, direct } = stage;
  const cache = memoryCache();
  const first = await live(alice, { cache });
  await first.send(direct, 'one').stored;
  await first.close();
  const second = client(server.addDevice(alice.user), { cache });
  await second.open();
  await second.live();
  await second.send(direct, 'two').stored;
  expect(outboxes(stage).size).toBe(2);
  expect(textsOn(server, direct)).toEqual(['one', 'two']);
});

test('a failed command is given anew once, however often it is asked for', async () => {
  const { live, server, alice, direct } = newStage();
  const client = await live(alice);
  const stop = server.script('message.send', () => refuse('forbidden'));
  const failed = client.send(direct, 'once');
  await until(() => failed.state.status === 'failed');
  stop();
  const [again, twice] = [failed.retry(), failed.retry()];
  expect(twice).toBe(again);
  await again.stored;
  await settle();
  expect(textsOn(server, direct)).toEqual(['once']);
  failed.discard();
  expect(client.sendings()).toEqual([]);
});

test('a list of commands stays the same array until one of them changes, and every change is told', async () => {
  const { live, server, alice, bob, direct } = newStage();
  const client = await live(alice);
  // What follows a lost entry waits until it is pulled: the answer comes before the entry.
  server.traffic = ({ direction, data }) =>
    direction === 'toClient' && String(data).includes('lost on the way') ? 'drop' : 'pass';
  server.say(bob.user, direct, 'lost on the way');
  await settle();
  const told: string[] = [];
  client.on('sending', ({ state }) => told.push(state.status));
  const none = [client.sendings(), client.sendings(direct)];
  expect([client.sendings(), client.sendings(direct)]).toEqual(none);
  expect(client.sendings()).toBe(none[0] ?? []);
  const sending = client.send(direct, 'x');
  const queued = client.sendings(direct);
  expect(queued).toEqual([sending]);
  expect(client.sendings(direct)).toBe(queued);
  await sending.stored;
  expect(told).toEqual(['queued', 'sending', 'stored']);
  expect(client.sendings(direct)).not.toBe(queued);
});
