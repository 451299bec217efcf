import { expect, test } from 'bun:test';
import { DuologError, decodeBeat, encodeBeat } from '@duolog/protocol';
import type { Cache, CacheChange } from '../cache/cache.ts';
import { memoryCache } from '../cache/memory.ts';
import type { Frame, FrameData } from '../testing/index.ts';
import { settle } from '../testing/index.ts';
import { newStage, until, watchClient } from './stage.ts';

const isEntry = (data: FrameData): boolean => typeof data === 'string' && data.includes('"type":"entry"');
const syncs = (server: { requests: readonly { method: string }[] }): number =>
  server.requests.filter(({ method }) => method === 'sync').length;

test('the next entry is applied at once, without a pull [SYN2]', async () => {
  const { live, server, alice, bob, direct } = newStage();
  const client = await live(alice);
  const { texts } = watchClient(client);
  const before = syncs(server);
  server.say(bob.user, direct, 'one');
  server.say(bob.user, direct, 'two');
  await settle();
  expect(texts).toEqual(['one', 'two']);
  expect(syncs(server)).toBe(before);
});

test('an entry that was applied already is dropped [SYN2]', async () => {
  const { live, server, alice, bob, direct } = newStage();
  const client = await live(alice);
  const { texts } = watchClient(client);
  server.traffic = ({ data }) => (isEntry(data) ? 'hold' : 'pass');
  server.say(bob.user, direct, 'one');
  const { wire } = server.connection;
  const [frame] = wire?.held ?? [];
  if (frame === undefined) throw new Error('no frame was held');
  wire?.release([frame, frame, frame]);
  await settle();
  expect(texts).toEqual(['one']);
});

test('entries out of order are put in order when the missing one comes within 300 ms [SYN2]', async () => {
  const { live, server, clock, alice, bob, direct } = newStage();
  const client = await live(alice);
  const { texts } = watchClient(client);
  const before = syncs(server);
  server.traffic = ({ data }) => (isEntry(data) ? 'hold' : 'pass');
  for (const text of ['one', 'two', 'three']) server.say(bob.user, direct, text);
  const { wire } = server.connection;
  wire?.release([...wire.held].slice(1).toReversed());
  await clock.advance(299);
  expect(texts).toEqual([]);
  wire?.release();
  await clock.advance(1000);
  expect(texts).toEqual(['one', 'two', 'three']);
  expect(syncs(server)).toBe(before);
});

test('a gap that lasts 300 ms is pulled [SYN2]', async () => {
  const { live, server, clock, alice, bob, direct } = newStage();
  const client = await live(alice);
  const { texts } = watchClient(client);
  const before = syncs(server);
  let lost = 0;
  server.traffic = ({ data }) => (isEntry(data) && lost++ === 0 ? 'drop' : 'pass');
  server.say(bob.user, direct, 'one');
  server.say(bob.user, direct, 'two');
  await clock.advance(299);
  expect(texts).toEqual([]);
  expect(syncs(server)).toBe(before);
  await clock.advance(1);
  expect(texts).toEqual(['one', 'two']);
  expect(syncs(server)).toBe(before + 1);
});

test('a lost last message is noticed by a beat [SYN7]', async () => {
  const { live, server, clock, alice, bob, direct } = newStage({ heartbeatMs: 5000 });
  const client = await live(alice);
  const { texts } = watchClient(client);
  server.traffic = ({ data }) => (isEntry(data) ? 'drop' : 'pass');
  server.say(bob.user, direct, 'lost');
  await settle();
  server.traffic = undefined;
  expect(texts).toEqual([]);
  await clock.advance(5300);
  expect(texts).toEqual(['lost']);
});

test('beats carry the cursor [SYN7]', async () => {
  const { live, server, clock, alice, bob, direct } = newStage({ heartbeatMs: 5000 });
  await live(alice);
  server.say(bob.user, direct, 'one');
  await clock.advance(5000);
  expect(server.connection.beats.at(-1)).toBe(server.user(alice.user).entries.length);
  expect(decodeBeat(encodeBeat(7))).toBe(7);
});

test('a head event above the cursor leads to a pull [SYN2]', async () => {
  const { live, server, clock, alice, bob, direct } = newStage();
  const client = await live(alice);
  const { texts } = watchClient(client);
  server.traffic = ({ data }) => (isEntry(data) ? 'drop' : 'pass');
  server.say(bob.user, direct, 'lost');
  await settle();
  server.traffic = undefined;
  const head = server.user(alice.user).entries.length;
  server.connection.send({ type: 'head', epoch: server.backup().epoch, useq: head });
  await clock.advance(300);
  expect(texts).toEqual(['lost']);
});

test('what was missed offline is pulled page by page, in order [SYN3]', async () => {
  const { live, client, server, alice, bob, direct } = newStage();
  const cache = memoryCache();
  const first = await live(alice, { cache });
  await first.close();
  for (let i = 0; i < 450; i++) server.say(bob.user, direct, `m${i}`);
  const second = client(alice, { cache });
  const { texts } = watchClient(second);
  await second.open();
  await second.live();
  expect(texts).toEqual(Array.from({ length: 450 }, (_, i) => `m${i}`));
  expect(second.conversation(direct)?.unread).toBe(450);
});

test('a client that is up to date does not pull when it reconnects [SYN3]', async () => {
  const { live, server, clock, alice } = newStage();
  const client = await live(alice);
  const before = syncs(server);
  server.cut();
  await clock.advance(1000);
  await client.live();
  expect(syncs(server)).toBe(before);
});

test('entries that are gone lead to a reset: the list is made anew and everything after it applies as usual [SYN3]', async () => {
  const { live, client, server, clock, alice, bob, direct } = newStage();
  const cache = memoryCache();
  const first = await live(alice, { cache });
  await first.close();
  for (let i = 0; i < 5; i++) server.say(bob.user, direct, `m${i}`);
  await clock.advance(1);
  server.run(bob.user, 'group.create', { conversation: 'g.aaaaaaaaaaaaaaaaaaaa', name: 'Team', members: [alice.user] });
  server.expire(alice.user, server.user(alice.user).entries.length - 1);
  const second = client(alice, { cache });
  const { texts } = watchClient(second);
  let resets = 0;
  second.on('reset', () => resets++);
  await second.open();
  await second.live();
  expect(resets).toBe(1);
  expect(texts).toEqual([]);
  expect(second.conversations.map(({ conversation, unread }) => [conversation, unread])).toEqual([
    ['g.aaaaaaaaaaaaaaaaaaaa', 1],
    [direct, 5],
  ]);
  server.say(bob.user, direct, 'after');
  await settle();
  expect(texts).toEqual(['after']);
  expect(second.conversation(direct)?.unread).toBe(6);
});

test('more conversations than a page holds all come with a reset [SYN3]', async () => {
  const { live, server, alice } = newStage();
  for (let i = 0; i < 250; i++) {
    const conversation = `g.${String(i).padStart(20, '0')}`;
    server.run(alice.user, 'group.create', { conversation, name: `Group ${i}`, members: [] });
  }
  server.expire(alice.user, server.user(alice.user).entries.length);
  const client = await live(alice);
  expect(client.conversations).toHaveLength(251);
});

test('a reset keeps outbox and drafts [SYN3]', async () => {
  const { live, client, server, clock, alice, direct } = newStage();
  const cache = memoryCache();
  const first = await live(alice, { cache });
  server.unreachable = true;
  server.cut();
  await settle();
  first.send(direct, 'kept');
  first.setDraft(direct, 'half a thought');
  await settle();
  await first.close();
  server.restore(server.backup());
  server.unreachable = false;
  const second = client(alice, { cache });
  await second.open();
  await second.live();
  await clock.advance(1000);
  expect(second.draft(direct)).toBe('half a thought');
  expect(server.conversation(direct).messages.map(({ text }) => text)).toEqual(['kept']);
});

test('another epoch drops the copy, a cursor beyond the head too [SYN3]', async () => {
  const { live, server, clock, alice, bob, direct } = newStage();
  const client = await live(alice);
  server.say(bob.user, direct, 'in the backup');
  const backup = server.backup();
  server.say(bob.user, direct, 'after the backup');
  await settle();
  expect(client.conversation(direct)?.lastSeq).toBe(2);
  server.restore(backup);
  await clock.advance(1000);
  await client.live();
  expect(client.conversation(direct)?.lastSeq).toBe(1);
  const window = client.history(direct);
  await window.latest();
  expect(window.messages.map(({ text }) => text)).toEqual(['in the backup']);
});

test('a reset to nothing leaves an empty list [SYN3]', async () => {
  const { live, server, clock, alice, direct } = newStage();
  const client = await live(alice);
  expect(client.conversations).toHaveLength(1);
  const world = server.backup();
  world.conversations.delete(direct);
  world.users.get(alice.user)?.memberships.clear();
  server.restore(world);
  await clock.advance(1000);
  expect(client.conversations).toEqual([]);
  expect(client.unread).toBe(0);
});

test('what was stored and lost by a restore is not shown as being under way [SYN3]', async () => {
  const { live, server, clock, alice, direct } = newStage();
  const client = await live(alice);
  const backup = server.backup();
  server.traffic = ({ data }) => (isEntry(data) && !String(data).includes('reply') ? 'drop' : 'pass');
  server.script('message.send', () => ({ result: { seq: 1, at: clock.now() } }));
  await client.send(direct, 'acknowledged, then lost').stored;
  expect(client.sendings().map(({ state }) => state.status)).toEqual(['stored']);
  server.restore(backup);
  await clock.advance(1000);
  expect(client.sendings()).toEqual([]);
});

test('a page that promises more and holds nothing does not make the client ask without end [SYN3]', async () => {
  const { client, server, clock, alice } = newStage();
  const epoch = server.backup().epoch;
  server.script('sync', ({ params }) =>
    'cursor' in params && Number(params.cursor) > 0
      ? undefined
      : { result: { epoch, head: 2, state: 'run', entries: [], more: true } },
  );
  const made = client(alice);
  await made.open();
  await clock.advance(10_000);
  expect(syncs(server)).toBeLessThan(50);
});

test('a reset that is not let in yet is asked for again [SYN3]', async () => {
  const { client, server, clock, alice, direct } = newStage();
  let refusals = 0;
  const { DuologError } = await import('@duolog/protocol');
  server.script('sync', () =>
    refusals++ < 2 ? { error: new DuologError('rateLimited', undefined, { retryAfterMs: 4000 }) } : undefined,
  );
  const made = client(alice);
  await made.open();
  await clock.advance(3999);
  expect(made.state.status).toBe('syncing');
  expect(refusals).toBe(1);
  await clock.advance(10_000);
  expect(made.state.status).toBe('live');
  expect(made.conversation(direct)).toBeDefined();
});

/** A cache that records its writes, each of which is a transaction. */
const recording = (inner: Cache): { readonly cache: Cache; readonly writes: (readonly CacheChange[])[] } => {
  const writes: (readonly CacheChange[])[] = [];
  const write = (changes: readonly CacheChange[]): Promise<void> => {
    writes.push(changes);
    return inner.write(changes);
  };
  return { cache: { ...inner, write }, writes };
};

test('after every write the stored cursor fits the stored entries [SYN4]', async () => {
  const { live, server, alice, bob, direct } = newStage();
  const { cache, writes } = recording(memoryCache());
  await live(alice, { cache });
  for (let i = 0; i < 5; i++) {
    server.say(bob.user, direct, `m${i}`);
    await settle();
  }
  // Play the writes one by one: each prefix is what a crash would leave.
  const replayed = memoryCache();
  const joinedAt = server.user(alice.user).entries.findIndex(({ kind }) => kind === 'membership') + 1;
  let checked = 0;
  for (const write of writes) {
    await replayed.write(write);
    const place = (await replayed.get('place')) as { cursor: number } | undefined;
    if (place === undefined) continue;
    const messages = await replayed.list(`m/${direct}/`, `m/${direct}0`);
    expect(messages).toHaveLength(Math.max(0, place.cursor - joinedAt));
    checked++;
  }
  expect(checked).toBeGreaterThanOrEqual(5);
});

test('an entry of an unknown kind is skipped, counted, and advances the cursor [SYN10]', async () => {
  const { live, server, alice, bob, direct } = newStage();
  const client = await live(alice);
  const { alarms, texts } = watchClient(client);
  server.append(alice.user, { kind: 'hologram' });
  server.say(bob.user, direct, 'still here');
  await settle();
  expect(alarms).toEqual([
    { kind: 'skipped', entryKind: 'hologram', useq: server.user(alice.user).entries.length - 1 },
  ]);
  expect(texts).toEqual(['still here']);
  expect(client.skippedEntries).toBe(1);
});

test('an event of an unknown type is ignored [SYN10]', async () => {
  const { live, server, alice, bob, direct } = newStage();
  const client = await live(alice);
  const { texts } = watchClient(client);
  server.connection.send({ type: 'weather', sunny: true } as never);
  server.say(bob.user, direct, 'still here');
  await settle();
  expect(texts).toEqual(['still here']);
});

test('a hole in a conversation is reported and fetched [SYN12]', async () => {
  const { live, server, alice, bob, direct } = newStage();
  const client = await live(alice);
  const { alarms, messages } = watchClient(client);
  const window = client.history(direct);
  server.say(bob.user, direct, 'one');
  await settle();
  await window.latest();
  // The server forgets two entries but numbers on: a fault that rules SYN1 and SYN12 forbid.
  const log = server.user(alice.user).entries;
  server.traffic = ({ data }) => (isEntry(data) ? 'drop' : 'pass');
  server.say(bob.user, direct, 'two');
  server.say(bob.user, direct, 'three');
  log.splice(-2);
  server.traffic = undefined;
  server.say(bob.user, direct, 'four');
  await until(() => window.messages.length === 4, 'the hole is filled');
  expect(alarms).toEqual([{ kind: 'hole', conversation: direct, first: 2, last: 3 }]);
  const asked = server.requests.filter(({ method }) => method === 'message.list').map(({ params }) => params);
  expect(asked.filter((params) => (params as { hole?: boolean }).hole === true)).toMatchObject([
    { after: 1, limit: 2 },
  ]);
  expect(window.messages.map(({ text }) => text)).toEqual(['one', 'two', 'three', 'four']);
  expect(messages.map(({ seq }) => seq).toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4]);
  expect(client.conversation(direct)?.unread).toBe(4);
});

test('entries that follow a reset and are in the rows already are no hole and count once [SYN12]', async () => {
  const { live, server, alice, bob, direct } = newStage();
  server.say(bob.user, direct, 'one');
  server.expire(alice.user, server.user(alice.user).entries.length);
  // Between the head of the reset and the list two more messages are said.
  const stop = server.script('conversation.list', () => {
    stop();
    server.say(bob.user, direct, 'two');
    server.say(bob.user, direct, 'three');
    return undefined;
  });
  const client = await live(alice);
  const { alarms } = watchClient(client);
  await settle();
  server.say(bob.user, direct, 'four');
  await settle();
  expect(alarms).toEqual([]);
  expect(client.conversation(direct)).toMatchObject({ lastSeq: 4, unread: 4 });
});

test('an own message on the sending device comes without its text and is shown with it [SYN2]', async () => {
  const { live, server, alice, direct } = newStage();
  const client = await live(alice);
  const frames: Frame[] = [];
  server.traffic = (frame) => (frames.push(frame), 'pass');
  const { messages } = watchClient(client);
  const sending = client.send(direct, 'hello');
  await sending.stored;
  await settle();
  expect(messages.map(({ seq, text, sender }) => [seq, text, sender])).toEqual([[1, 'hello', alice.user]]);
  const down = frames.filter(({ direction }) => direction === 'toClient').map(({ data }) => String(data));
  expect(down.some((data) => data.includes('"kind":"sent"'))).toBe(true);
  expect(down.some((data) => data.includes('hello'))).toBe(false);
  expect(client.sendings()).toEqual([]);
});

test('a sent entry whose command is not known here is a gap and is pulled [SYN2]', async () => {
  const { live, server, alice, direct } = newStage();
  const client = await live(alice);
  const { texts } = watchClient(client);
  const { seq, at } = server.say(alice.user, direct, 'from a copy of this device');
  const useq = server.user(alice.user).entries.length;
  server.traffic = ({ data }) => (isEntry(data) ? 'drop' : 'pass');
  await settle();
  expect(texts).toEqual(['from a copy of this device']);
  const next = server.say(alice.user, direct, 'another');
  server.traffic = undefined;
  server.connection.send({
    type: 'entry',
    useq: useq + 1,
    kind: 'sent',
    conversation: direct,
    seq: next.seq,
    at,
    outbox: 'elsewhere',
    n: 9,
  });
  await settle();
  expect(texts).toEqual(['from a copy of this device', 'another']);
  expect(seq).toBe(1);
});

test('on one’s other devices an own message is an ordinary one, and it is read [SYN2]', async () => {
  const { live, server, clock, alice, direct } = newStage();
  const other = await live(server.addDevice(alice.user));
  const client = await live(alice);
  const { texts } = watchClient(other);
  await client.send(direct, 'hello').stored;
  await settle();
  expect(texts).toEqual(['hello']);
  expect(other.conversation(direct)?.unread).toBe(0);
  await clock.advance(2000);
  expect(server.user(alice.user).memberships.get(direct)?.readSeq).toBe(1);
});

test('a long text comes as its beginning and is fetched when asked for [SYN8]', async () => {
  const { live, server, alice, bob, direct } = newStage();
  const client = await live(alice);
  const text = '长'.repeat(99_999);
  const window = client.history(direct);
  server.say(bob.user, direct, 'short');
  await settle();
  await window.latest();
  server.say(bob.user, direct, text);
  await settle();
  expect(window.messages.at(-1)).toMatchObject({ length: 99_999, text: '长'.repeat(4096) });
  const whole = await client.wholeMessage(direct, 2);
  expect(whole.text).toBe(text);
  expect(window.messages.at(-1)).toEqual(whole);
  const again = client.history(direct);
  await again.latest();
  expect(again.messages.at(-1)?.text).toBe(text);
});

test('an own long text is kept whole, and the list has its beginning [SYN8]', async () => {
  const { live, alice, direct } = newStage();
  const client = await live(alice);
  const text = '😀'.repeat(5000);
  await client.send(direct, text).stored;
  await settle();
  expect(client.conversation(direct)?.lastMessage).toMatchObject({ length: 5000, text: '😀'.repeat(4096) });
  const window = client.history(direct);
  await window.latest();
  expect(window.messages[0]?.text).toBe(text);
});

test('a cache that was emptied while it was in use is not believed by the next start [SYN3]', async () => {
  const { live, server, alice, bob, direct } = newStage();
  const cache = memoryCache();
  const first = await live(alice, { cache });
  server.say(bob.user, direct, 'before');
  await settle();
  await cache.write([{ from: '', to: '~' }]);
  server.run(bob.user, 'direct.create', { user: bob.user });
  await first.createDirect(alice.user).stored;
  await settle();
  await first.close();
  const second = await live(alice, { cache });
  expect(second.conversations.map(({ conversation }) => conversation)).toContain(direct);
  await second.close();
  // What is whole is not fetched again.
  const before = syncs(server);
  const third = await live(alice, { cache });
  expect(third.conversation(direct)?.lastSeq).toBe(1);
  expect(syncs(server)).toBe(before);
});

test('a list of conversations that has to wait for its rate goes on where it was [SYN3] [GAT8]', async () => {
  const { client, server, clock, alice } = newStage();
  const groups = Array.from({ length: 1_100 }, (_, i) => `g.${String(i).padStart(20, '0')}`);
  for (const conversation of groups) server.run(alice.user, 'group.create', { conversation, name: 'G', members: [] });
  server.expire(alice.user, 500);
  let asked = 0;
  server.script('conversation.list', () =>
    ++asked % 3 === 0 ? { error: new DuologError('rateLimited', 'slowly', { retryAfterMs: 1_000 }) } : undefined,
  );
  const made = client(alice);
  await made.open();
  await clock.advance(10_000);
  expect(made.state.status).toBe('live');
  expect(made.conversations.length).toBeGreaterThan(1_100);
  // Six pages, two of which had to wait.
  expect(asked).toBe(8);
});
