import { beforeAll, describe, expect, test } from 'bun:test';
import { DuologError } from '@duolog/protocol';
import type { Result } from '@duolog/protocol';
import { LONG_TEXT, direct, openWorld, say, sayMany, storeOf } from '../../testing/chat-world.ts';
import { alice, asks, bob, carol, group, userNamed } from '../../testing/people.ts';
import { PumpRig } from '../../testing/pump-rig.ts';
import type { Row, Store } from '../ports/store.ts';
import { publicUser } from './accounts.ts';
import { pageOf } from './history.ts';
import { createQueries } from './queries.ts';
import type { Queries } from './queries.ts';
import { syncResult } from './sync.ts';

const EPOCH = 'epoch-1';
const alarms: string[] = [];
const over = (store: Store): Queries =>
  createQueries({ store, epoch: EPOCH, alarm: (message) => void alarms.push(message) });

let rig: PumpRig;
let queries: Queries;
beforeAll(async () => {
  rig = await openWorld();
  queries = over(await storeOf(rig));
});

const failureOf = async (promise: Promise<unknown>): Promise<DuologError> => {
  try {
    await promise;
  } catch (cause) {
    if (cause instanceof DuologError) return cause;
    throw cause;
  }
  throw new Error('it succeeded');
};

type Page = Result<'message.list'>;
const history = async (user: string, conversation: string, page: Parameters<Queries['history']>[2]): Promise<Page> =>
  JSON.parse(await queries.history(user, conversation, page)) as Page;
const seqs = ({ messages }: Page): readonly number[] => messages.map(({ seq }) => seq);
const sync = async (user: string, useq: number, limit = 200, of = queries): Promise<Result<'sync'>> =>
  JSON.parse(syncResult(EPOCH, await of.sync(user, { epoch: EPOCH, useq }, limit))) as Result<'sync'>;

describe('sync', () => {
  test('gives a contiguous run after the cursor, messages with their text, in pages [SYN3] [SYN1]', async () => {
    const all = await sync(bob, 0);
    expect(all).toMatchObject({ epoch: EPOCH, state: 'run', more: false });
    expect(all.entries.map(({ useq }) => useq)).toEqual(Array.from({ length: all.head }, (_, i) => i + 1));
    expect(all.entries.find((entry) => entry.kind === 'message')).toMatchObject({
      message: { conversation: direct, seq: 1, text: 'message 1' },
    });
    const pages: Result<'sync'>['entries'][number][] = [];
    for (let more = true; more;) {
      const page = await sync(bob, pages.length, 4);
      expect(page.entries.length).toBeLessThanOrEqual(4);
      pages.push(...page.entries);
      more = page.more;
    }
    expect(pages).toEqual([...all.entries]);
  });

  test('message entries of a conversation come with seq + 1 each, within every membership [SYN12] [CON4]', async () => {
    const { entries } = await sync(carol, 0);
    const inGroup = entries.flatMap((entry) =>
      entry.kind === 'message' && entry.message.conversation === group ? [entry.message.seq] : [],
    );
    expect(inGroup).toEqual([3, 4, 5, 6, 9, 10]);
  });

  test('at the head there is nothing, and no more [SYN3]', async () => {
    const head = await queries.userHead(alice);
    expect(await sync(alice, head)).toEqual({ epoch: EPOCH, head, state: 'run', entries: [], more: false });
  });

  test('a cursor of another epoch, of none, or beyond the head is answered with reset [SYN3]', async () => {
    const head = await queries.userHead(alice);
    expect(await queries.sync(alice, { epoch: 'epoch-0', useq: 1 }, 10)).toEqual({ state: 'reset', head });
    expect(await queries.sync(alice, { epoch: undefined, useq: 1 }, 10)).toEqual({ state: 'reset', head });
    expect(await queries.sync(alice, { epoch: EPOCH, useq: head + 1 }, 10)).toEqual({ state: 'reset', head });
    expect(await queries.sync(alice, { epoch: undefined, useq: 0 }, 10)).toMatchObject({ state: 'run', head });
  });

  test('a long text travels as its beginning with its length [SYN8]', async () => {
    const { entries } = await sync(alice, 0);
    const long = entries.flatMap((entry) =>
      entry.kind === 'message' && entry.message.length !== undefined ? [entry.message] : [],
    );
    expect(long.map(({ length, text }) => [length, [...(text ?? '')].length])).toEqual([[6_000, 4_096]]);
  });

  test('goes on over buckets, and answers with reset when the next entry has expired [SYN3]', async () => {
    const world = new PumpRig();
    await world.openOwner();
    await world.results(asks(`c/${direct}`, alice, { kind: 'createDirect' }));
    await sayMany(world, direct, alice, 5_000);
    const whole = over(await storeOf(world));
    const page = await sync(bob, 4_000, 1_000, whole);
    expect(page.entries.map(({ useq }) => useq)).toEqual(Array.from({ length: 1_000 }, (_, i) => 4_001 + i));
    expect(page).toMatchObject({ head: 5_001, more: true });
    const expired = over(
      await storeOf(world, (rows) => {
        for (const [name, { partition }] of rows) if (partition === `u/${bob}/0`) rows.delete(name);
      }),
    );
    expect(await expired.sync(bob, { epoch: EPOCH, useq: 4_000 }, 10)).toEqual({ state: 'reset', head: 5_001 });
    expect(await expired.sync(bob, { epoch: EPOCH, useq: 4_095 }, 10)).toMatchObject({ state: 'run', count: 10 });
    expect(await whole.lastReadable(alice, direct)).toBe(5_000);
    const around = JSON.parse(await whole.history(alice, direct, { after: 4_090, limit: 10 })) as Page;
    expect(seqs(around)).toEqual([4_091, 4_092, 4_093, 4_094, 4_095, 4_096, 4_097, 4_098, 4_099, 4_100]);
  });

  test.each([
    ['a message', `c/${direct}/0 005`, 'points to'],
    ['an entry', `u/${bob}/0 00d`, 'number 13 of'],
    ['a row of several entries', `u/${bob}/0 00c`, 'number 3 of'],
  ])('%s that is missing is damage: an alarm and internal, never skipped [SYN1]', async (_, row, what) => {
    const spoilt = over(await storeOf(rig, (rows) => void rows.delete(row)));
    alarms.length = 0;
    expect((await failureOf(spoilt.sync(bob, { epoch: EPOCH, useq: 0 }, 200))).code).toBe('internal');
    expect(alarms.join()).toContain(what);
    expect(alarms.join()).toContain('duolog fsck');
  });
});

describe('history', () => {
  test('the newest, what is before and what is after, in order of seq, with more [MSG5]', async () => {
    expect(await history(alice, direct, { limit: 4 })).toMatchObject({ lastSeq: 11, more: true });
    expect(seqs(await history(alice, direct, { limit: 4 }))).toEqual([8, 9, 10, 11]);
    expect(seqs(await history(alice, direct, { before: 4, limit: 10 }))).toEqual([1, 2, 3]);
    expect(await history(alice, direct, { before: 4, limit: 10 })).toMatchObject({ more: false });
    expect(seqs(await history(alice, direct, { after: 2, limit: 3 }))).toEqual([3, 4, 5]);
    expect(seqs(await history(alice, direct, { after: 2, before: 4, limit: 3 }))).toEqual([3]);
    expect(await history(alice, direct, { after: 11, limit: 3 })).toEqual({ messages: [], lastSeq: 11, more: false });
  });

  test('only what one may read, over all one’s memberships [CON4] [CON8]', async () => {
    expect(seqs(await history(carol, group, { limit: 200 }))).toEqual([3, 4, 5, 6, 9, 10]);
    expect(seqs(await history(carol, group, { before: 9, limit: 2 }))).toEqual([5, 6]);
    expect(seqs(await history(carol, group, { after: 5, limit: 2 }))).toEqual([6, 9]);
    expect(seqs(await history(bob, group, { limit: 200 }))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  test('who left reads to the message that told of it, and learns nothing later [CON4]', async () => {
    await rig.results(asks(`c/${group}`, bob, { kind: 'leave' }), say(group, alice, 'twelve'));
    const later = over(await storeOf(rig));
    expect(JSON.parse(await later.history(bob, group, { limit: 2 }))).toMatchObject({
      messages: [{ seq: 10 }, { seq: 11 }],
      lastSeq: 11,
    });
    expect(JSON.parse(await later.conversation(bob, group))).toMatchObject({
      conversation: { state: 'left', name: 'Hiking', leaveSeq: 11, lastSeq: 11, lastMessage: { seq: 11 } },
      members: [],
      read: {},
    });
    expect((await failureOf(later.message(bob, group, 12))).code).toBe('notFound');
  });

  test('somebody removed while a page is read sees nothing that was said afterwards [CON4]', async () => {
    const before = await storeOf(rig);
    const inGroup = (command: Parameters<typeof asks>[2]) => asks(`c/${group}`, alice, command);
    await rig.results(inGroup({ kind: 'remove', user: carol }));
    await rig.results(say(group, alice, 'after'), say(group, alice, 'that'));
    const after = await storeOf(rig);
    const left = JSON.parse(await over(after).conversation(carol, group)) as Result<'conversation.get'>;
    for (let reads = 0; reads < 8; reads++) {
      let done = 0;
      const now = (): Store => (done++ < reads ? before : after);
      const changing: Store = {
        get: (partition, key) => now().get(partition, key),
        getMany: (rows) => now().getMany(rows),
        range: (partition, range) => now().range(partition, range),
        scan: (from, limit) => now().scan(from, limit),
      };
      const page = JSON.parse(await over(changing).history(carol, group, { limit: 50 })) as Page;
      expect(Math.max(...seqs(page), page.lastSeq)).toBeLessThanOrEqual(left.conversation.lastSeq);
      done = 0;
      expect(await over(changing).conversations(carol, undefined, 10)).not.toMatch(/"text":"(after|that)"/);
      done = 0;
      expect(await over(changing).conversation(carol, group)).not.toMatch(/"text":"(after|that)"/);
    }
  });

  test('for who never was a member there is no conversation [CON9]', async () => {
    const stranger = userNamed('dora');
    for (const conversation of [direct, group, 'g.doesnotexist00000']) {
      expect((await failureOf(queries.history(stranger, conversation, { limit: 1 }))).code).toBe('notFound');
      expect((await failureOf(queries.conversation(stranger, conversation))).code).toBe('notFound');
      expect((await failureOf(queries.message(stranger, conversation, 1))).code).toBe('notFound');
    }
  });

  test('one message comes with its whole text [SYN8] [MSG2]', async () => {
    const { message } = JSON.parse(await queries.message(alice, direct, 11)) as Result<'message.get'>;
    expect(message.text === LONG_TEXT).toBe(true);
    expect(message.length).toBeUndefined();
    expect(JSON.parse(await queries.message(alice, direct, 3))).toMatchObject({
      message: { seq: 3, text: 'message 3' },
    });
    expect((await failureOf(queries.message(carol, group, 7))).code).toBe('notFound');
  });

  test('pages put together are what one may read, whatever the spans, limits and directions [MSG5]', () => {
    const spans = [
      { from: 2, to: 2 },
      { from: 4, to: 9 },
      { from: 12, to: 12 },
      { from: 14, to: 30 },
    ];
    const all = spans.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
    const numbers = (parts: readonly { from: number; to: number }[]) =>
      parts.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
    for (const limit of [1, 2, 3, 5, 7, 25, 200]) {
      const [forward, backward]: [number[], number[]] = [[], []];
      for (let [after, more] = [0, true]; more;) {
        const page = pageOf(spans, { after, limit });
        forward.push(...numbers(page.parts));
        [after, more] = [forward.at(-1) ?? 0, page.more];
      }
      for (let [before, more]: [number | undefined, boolean] = [undefined, true]; more;) {
        const page = pageOf(spans, { before, limit });
        backward.unshift(...numbers(page.parts));
        [before, more] = [backward[0], page.more];
      }
      expect(forward).toEqual(all);
      expect(backward).toEqual(all);
    }
  });
});

describe('conversations', () => {
  test('come in order of id, in pages, with the last message one may read [CON4]', async () => {
    type List = Result<'conversation.list'>;
    const list = async (after: string | undefined, limit: number): Promise<List> =>
      JSON.parse(await queries.conversations(alice, after, limit)) as List;
    const { conversations, more } = await list(undefined, 10);
    expect(more).toBe(false);
    expect(conversations.map(({ conversation }) => conversation)).toEqual([direct, group].toSorted());
    expect(conversations.find(({ conversation }) => conversation === group)).toMatchObject({
      kind: 'group',
      name: 'Hiking',
      state: 'joined',
      joinSeq: 0,
      lastSeq: 10,
      lastMessage: { text: 'ten' },
    });
    const first = await list(undefined, 1);
    expect(first.more).toBe(true);
    const second = await list(first.conversations[0]?.conversation, 1);
    expect([...first.conversations, ...second.conversations]).toEqual([...conversations]);
    expect(second.more).toBe(false);
  });

  test('one comes with its members and how far they have read [CON12]', async () => {
    const one = JSON.parse(await queries.conversation(bob, direct)) as Result<'conversation.get'>;
    expect(one.members.map(({ user }) => user)).toEqual([alice, bob].toSorted());
    expect(one.read).toEqual({ [alice]: 0, [bob]: 7 });
    expect(one.conversation).toMatchObject({ kind: 'direct', readSeq: 7, lastSeq: 11, lastMessage: { length: 6_000 } });
  });

  test('one that has no message yet has no last one', async () => {
    const world = new PumpRig();
    await world.openOwner();
    await world.results(asks(`c/${direct}`, alice, { kind: 'createDirect' }));
    const { conversations } = JSON.parse(
      await over(await storeOf(world)).conversations(alice, undefined, 10),
    ) as Result<'conversation.list'>;
    expect(conversations).toMatchObject([{ conversation: direct, lastSeq: 0, readSeq: 0 }]);
    expect(conversations[0]).not.toHaveProperty('lastMessage');
  });
});

test('accounts are found by user and by the handle they bear [ACC3]', async () => {
  expect(publicUser((await queries.accountByHandle('alice')) ?? fail())).toEqual({
    user: alice,
    handle: 'alice',
    name: 'ALICE',
  });
  expect((await queries.account(bob))?.handle).toBe('bob');
  expect(await queries.accountByHandle('nobody')).toBeUndefined();
  expect((await queries.accounts([carol, userNamed('dora'), alice])).map(({ user }) => user)).toEqual([carol, alice]);
  expect(await queries.hasDevice(alice, 'phone')).toBe(true);
  expect(await queries.hasDevice(alice, 'laptop')).toBe(false);
  await rig.results(asks('n/alicia', alice, { kind: 'claim' }));
  const later = over(await storeOf(rig));
  expect((await later.accountByHandle('alicia'))?.user).toBe(alice);
  expect(await later.accountByHandle('alice')).toBeUndefined();
});

const fail = (): never => {
  throw new Error('there is none');
};

test('a handle whose holder does not bear it yet belongs to nobody for now [ACC1]', async () => {
  const holder: Row = {
    partition: 'n/early',
    key: 'holder',
    value: `1${JSON.stringify({ user: alice, at: 1, confirmed: false })}`,
  };
  const early = over(await storeOf(rig, (rows) => void rows.set('early', holder)));
  expect(await early.accountByHandle('early')).toBeUndefined();
});
