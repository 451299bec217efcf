import { expect, test } from 'bun:test';
import { DuologError } from '@duolog/protocol';
import { memoryCache } from '../cache/memory.ts';
import { settle } from '../testing/index.ts';
import { newStage, until, watchClient } from './stage.ts';
import type { Stage } from './stage.ts';

const seqs = (window: { readonly messages: readonly { readonly seq: number }[] }): number[] =>
  window.messages.map(({ seq }) => seq);
const run = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);
const lists = ({ server }: Stage): number => server.requests.filter(({ method }) => method === 'message.list').length;
const sayMany = ({ server, bob, direct }: Stage, count: number): void => {
  for (let i = 0; i < count; i++) server.say(bob.user, direct, `m${i}`);
};

test('a window does nothing before something is loaded', async () => {
  const stage = newStage();
  const client = await stage.live(stage.alice);
  sayMany(stage, 3);
  await settle();
  const window = client.history(stage.direct);
  await settle();
  expect([window.messages.length, lists(stage), window.hasOlder, window.hasNewer]).toEqual([0, 0, true, true]);
});

test('the newest page, then older ones, come without holes down to the first message', async () => {
  const stage = newStage();
  sayMany(stage, 120);
  stage.server.expire(stage.alice.user, stage.server.user(stage.alice.user).entries.length);
  const client = await stage.live(stage.alice);
  const window = client.history(stage.direct);
  let changes = 0;
  window.onChange(() => changes++);
  await window.latest({ limit: 50 });
  expect(seqs(window)).toEqual(run(71, 120));
  await window.older({ limit: 50 });
  expect(seqs(window)).toEqual(run(21, 120));
  expect(window.hasOlder).toBe(true);
  await window.older({ limit: 50 });
  expect(seqs(window)).toEqual(run(1, 120));
  expect(window.hasOlder).toBe(false);
  await window.older();
  expect([lists(stage), changes]).toEqual([3, 3]);
});

test('what is here already is not fetched again', async () => {
  const stage = newStage();
  const client = await stage.live(stage.alice);
  sayMany(stage, 60);
  await settle();
  const window = client.history(stage.direct);
  await window.latest({ limit: 20 });
  await window.older({ limit: 50 });
  expect(seqs(window)).toEqual(run(1, 60));
  expect(lists(stage)).toBe(0);
});

test('a window in the middle grows both ways, merges with what is there, and follows at the end', async () => {
  const stage = newStage();
  sayMany(stage, 100);
  stage.server.expire(stage.alice.user, stage.server.user(stage.alice.user).entries.length);
  const client = await stage.live(stage.alice);
  const window = client.history(stage.direct);
  await window.around(50, { limit: 20 });
  expect(seqs(window)).toEqual(run(41, 60));
  stage.server.say(stage.bob.user, stage.direct, 'live');
  await settle();
  expect(seqs(window)).toEqual(run(41, 60));
  expect(window.hasNewer).toBe(true);
  await window.newer({ limit: 100 });
  await window.newer({ limit: 100 });
  expect(seqs(window)).toEqual(run(41, 101));
  expect(window.hasNewer).toBe(false);
  stage.server.say(stage.bob.user, stage.direct, 'live again');
  await settle();
  expect(seqs(window)).toEqual(run(41, 102));
  await window.older({ limit: 40 });
  expect(seqs(window)).toEqual(run(1, 102));
});

test('a window at the end follows new messages, also those that come while it loads', async () => {
  const stage = newStage();
  sayMany(stage, 5);
  stage.server.expire(stage.alice.user, stage.server.user(stage.alice.user).entries.length);
  const client = await stage.live(stage.alice);
  const window = client.history(stage.direct);
  stage.server.script('message.list', () => {
    stage.server.say(stage.bob.user, stage.direct, 'meanwhile');
    return undefined;
  });
  await window.latest();
  await until(() => window.messages.length === 6, 'the message that came meanwhile is there');
  stage.server.say(stage.bob.user, stage.direct, 'live');
  await settle();
  expect(seqs(window)).toEqual(run(1, 7));
});

test('a window of an empty conversation shows its first message', async () => {
  const stage = newStage();
  const client = await stage.live(stage.alice);
  const window = client.history(stage.direct);
  await window.latest();
  expect([window.hasOlder, window.hasNewer]).toEqual([false, false]);
  sayMany(stage, 2);
  await settle();
  expect(seqs(window)).toEqual([1, 2]);
});

test('history is there offline, from the cache', async () => {
  const stage = newStage();
  const cache = memoryCache();
  const first = await stage.live(stage.alice, { cache });
  sayMany(stage, 30);
  await settle();
  await first.close();
  stage.server.unreachable = true;
  const client = stage.client(stage.alice, { cache });
  await client.open();
  expect(client.conversations.map(({ conversation, unread }) => [conversation, unread])).toEqual([[stage.direct, 30]]);
  const window = client.history(stage.direct);
  await window.latest();
  expect(seqs(window)).toEqual(run(1, 30));
});

test('the cache keeps the newest messages of a conversation, and older ones are fetched again', async () => {
  const stage = newStage();
  const cache = memoryCache();
  const client = await stage.live(stage.alice, { cache, cachedMessages: 20 });
  sayMany(stage, 100);
  await settle();
  const kept = await cache.list(`m/${stage.direct}/`, `m/${stage.direct}0`);
  expect(kept.length).toBeLessThanOrEqual(40);
  expect(kept.length).toBeGreaterThanOrEqual(20);
  const window = client.history(stage.direct);
  await window.latest({ limit: 10 });
  expect(lists(stage)).toBe(0);
  while (window.hasOlder) await window.older();
  expect(seqs(window)).toEqual(run(1, 100));
  expect(lists(stage)).toBeGreaterThan(0);
});

test('a page that cannot be had rejects, and the window goes on with the next', async () => {
  const stage = newStage();
  sayMany(stage, 60);
  stage.server.expire(stage.alice.user, stage.server.user(stage.alice.user).entries.length);
  const client = await stage.live(stage.alice);
  const window = client.history(stage.direct);
  await window.latest({ limit: 10 });
  const aborted = window.older({ signal: AbortSignal.abort(new Error('enough')) });
  expect(await aborted.catch((error: unknown) => error)).toMatchObject({ message: 'enough' });
  await window.older({ limit: 10 });
  expect(seqs(window)).toEqual(run(41, 60));
});

test('after a reset a window that showed something shows the newest again', async () => {
  const stage = newStage();
  const client = await stage.live(stage.alice);
  sayMany(stage, 3);
  await settle();
  const window = client.history(stage.direct);
  await window.latest();
  stage.server.restore(stage.server.backup());
  stage.server.say(stage.bob.user, stage.direct, 'in the new epoch');
  await stage.clock.advance(2000);
  await until(() => window.messages.length === 4, 'the window is filled again');
  expect(seqs(window)).toEqual(run(1, 4));
});

test('a window that was closed changes no more', async () => {
  const stage = newStage();
  const client = await stage.live(stage.alice);
  sayMany(stage, 1);
  await settle();
  const window = client.history(stage.direct);
  await window.latest();
  window.close();
  sayMany(stage, 1);
  await settle();
  expect(seqs(window)).toEqual([1]);
});

test('who left and came back reads both memberships, and nothing of the time between', async () => {
  const stage = newStage();
  const { server, alice, bob } = stage;
  const conversation = 'g.aaaaaaaaaaaaaaaaaaaa';
  const client = await stage.live(alice);
  const { alarms } = watchClient(client);
  server.run(bob.user, 'group.create', { conversation, name: 'Team', members: [alice.user] });
  server.say(bob.user, conversation, 'before');
  server.run(bob.user, 'group.remove', { conversation, user: alice.user });
  await settle();
  expect(client.conversation(conversation)).toMatchObject({ state: 'left', leaveSeq: 3, lastSeq: 3 });
  server.say(bob.user, conversation, 'between');
  server.run(bob.user, 'group.add', { conversation, users: [alice.user] });
  server.say(bob.user, conversation, 'after');
  await settle();
  expect(client.conversation(conversation)).toMatchObject({ state: 'joined', joinSeq: 4, lastSeq: 6, unread: 2 });
  expect(client.conversation(conversation)?.leaveSeq).toBeUndefined();
  const window = client.history(conversation);
  await window.latest();
  expect(seqs(window)).toEqual([5, 6]);
  expect(alarms).toEqual([]);
});

test('a window goes on after its reader left and came back, and after a hole that could not be fetched', async () => {
  const stage = newStage();
  const { server, alice, bob, clock, direct } = stage;
  const conversation = 'g.aaaaaaaaaaaaaaaaaaaa';
  const client = await stage.live(alice);
  server.run(bob.user, 'group.create', { conversation, name: 'Team', members: [alice.user] });
  server.say(bob.user, conversation, 'before');
  await settle();
  const window = client.history(conversation);
  await window.latest();
  server.run(bob.user, 'group.remove', { conversation, user: alice.user });
  server.say(bob.user, conversation, 'between');
  server.run(bob.user, 'group.add', { conversation, users: [alice.user] });
  server.say(bob.user, conversation, 'after');
  await settle();
  await until(() => !window.hasNewer);
  expect(seqs(window)).toEqual([1, 2, 3, 5, 6]);

  sayMany(stage, 1);
  await settle();
  const other = client.history(direct);
  await other.latest();
  server
    .conversation(direct)
    .messages.push({ conversation: direct, seq: 2, kind: 'text', sender: bob.user, at: 1, text: '2' });
  const stop = server.script('message.list', () => ({ error: new DuologError('overloaded') }));
  sayMany(stage, 1);
  await settle();
  stop();
  sayMany(stage, 1);
  await clock.advance(1_000);
  expect(seqs(other)).toEqual([1, 2, 3, 4]);
});

test('what came before the present membership is asked for once', async () => {
  const stage = newStage();
  const { server, alice, bob } = stage;
  const conversation = 'g.aaaaaaaaaaaaaaaaaaaa';
  server.run(bob.user, 'group.create', { conversation, name: 'Team', members: [] });
  server.run(bob.user, 'group.add', { conversation, users: [alice.user] });
  const client = await stage.live(alice);
  const window = client.history(conversation);
  await window.latest();
  const { visibleFrom = 0 } = client.conversation(conversation) ?? {};
  expect(visibleFrom).toBeGreaterThan(1);
  expect([seqs(window)[0], window.hasOlder]).toEqual([visibleFrom, true]);
  const before = lists(stage);
  await window.older();
  await window.older();
  expect([seqs(window)[0], window.hasOlder, lists(stage) - before]).toEqual([visibleFrom, false, 1]);
});
