import { expect, test } from 'bun:test';
import type { Recordable } from '../record.ts';
import { createFollower } from './follower.ts';
import { textHash, type Outcome, type WireEntry } from './wire.ts';

const message = (useq: number, seq: number): WireEntry => ({
  type: 'entry',
  useq,
  kind: 'message',
  message: { conversation: 'c', seq, kind: 'text', sender: 'v', text: `t${seq}` },
});
const joined: WireEntry = {
  type: 'entry',
  useq: 1,
  kind: 'membership',
  conversation: 'c',
  state: 'joined',
  joinSeq: 0,
  visibleFrom: 1,
};

/** A follower of a log that the test makes longer. */
const newFollower = (log: WireEntry[], epoch = 'e') => {
  const events: Recordable[] = [];
  const asked: object[] = [];
  let connection: number | undefined = 1;
  const answer = (method: string, params: object): Outcome => {
    asked.push(params);
    const head = log.length;
    if (method === 'conversation.list') {
      const row = { conversation: 'c', joinSeq: 0, visibleFrom: 1, readSeq: 0, lastSeq: head - 1 };
      return { kind: 'ok', result: { conversations: [row], more: false } };
    }
    const { cursor, epoch: theirs } = params as { readonly cursor: number; readonly epoch?: string };
    const known = theirs === undefined || theirs === epoch;
    const entries = known ? log.slice(cursor, cursor + 2) : [];
    return {
      kind: 'ok',
      result: { epoch, head, state: known ? 'run' : 'reset', entries, more: known && cursor + entries.length < head },
    };
  };
  const follower = createFollower({
    user: 'u',
    device: 'd',
    recorder: { record: (event) => events.push(event), flush: () => undefined, close: () => undefined },
    clock: () => 5,
    call: async (method, params) => answer(method, params),
    connection: () => connection,
    ownHash: (outbox, conversation, n) => `${outbox} ${conversation} ${n}`,
  });
  const applied = (): readonly number[] => events.flatMap((event) => (event.type === 'entry' ? [event.useq] : []));
  return { follower, events, asked, applied, disconnect: () => (connection = undefined) };
};

test('a device that has nothing reads the log from its start, page by page', async () => {
  const { follower, events, applied } = newFollower([joined, message(2, 1), message(3, 2), message(4, 3)]);
  await follower.pull();
  expect(applied()).toEqual([1, 2, 3, 4]);
  expect(events.filter(({ type }) => type === 'resumed')).toEqual([
    { type: 'resumed', user: 'u', device: 'd', epoch: 'e', cursor: 0 },
  ]);
  expect(follower.rows.get('c')).toEqual({ conversation: 'c', joinSeq: 0, visibleFrom: 1, readSeq: 0, lastSeq: 3 });
});

test('a live entry is applied only if it is the next one; after a gap the rest is read', async () => {
  const log = [joined, message(2, 1)];
  const { follower, applied } = newFollower(log);
  await follower.pull();
  log.push(message(3, 2));
  follower.takeEntry(message(3, 2));
  follower.takeEntry(message(3, 2));
  expect(applied()).toEqual([1, 2, 3]);
  log.push(message(4, 3), message(5, 4));
  follower.takeEntry(message(5, 4));
  expect(applied()).toEqual([1, 2, 3]);
  await follower.pull();
  expect(applied()).toEqual([1, 2, 3, 4, 5]);
});

test('a head above the cursor makes it read', async () => {
  const log = [joined];
  const { follower, applied, events } = newFollower(log);
  await follower.pull();
  log.push(message(2, 1));
  follower.takeHead(2, 'beat', 3);
  await follower.pull();
  expect(applied()).toEqual([1, 2]);
  expect(events.find((event) => event.type === 'head' && event.via === 'beat')).toMatchObject({
    askedAtUs: 3,
    head: 2,
  });
});

test('a lost cursor ends in a reset: the head, and the rows as the server lists them', async () => {
  const log = [joined, message(2, 1), message(3, 2)];
  const { follower, events, applied } = newFollower(log);
  await follower.pull(true);
  expect(applied()).toEqual([]);
  expect(events.at(-1)).toMatchObject({ type: 'head', head: 3 });
  expect(events.find(({ type }) => type === 'reset')).toEqual({
    type: 'reset',
    user: 'u',
    device: 'd',
    epoch: 'e',
    head: 3,
  });
  expect(follower.rows.get('c')?.lastSeq).toBe(2);
  expect(follower.cursor()).toBe(3);
});

test('an own message is known by its outbox and number', () => {
  const { follower, events } = newFollower([joined]);
  return follower.pull().then(() => {
    follower.takeEntry({ type: 'entry', useq: 2, kind: 'sent', conversation: 'c', seq: 1, outbox: 'o', n: 4 });
    expect(events.at(-1)).toEqual({
      type: 'entry',
      user: 'u',
      device: 'd',
      epoch: 'e',
      useq: 2,
      kind: 'message',
      conversation: 'c',
      seq: 1,
      hash: 'o c 4',
      sender: 'u',
    });
  });
});

test('what was begun over a connection that is gone is not gone on with', async () => {
  const { follower, asked, disconnect } = newFollower([joined, message(2, 1), message(3, 2)]);
  const pulling = follower.pull();
  disconnect();
  await pulling;
  expect(asked.length).toBe(1);
});

test('a long text has one hash, whole or as a preview', () => {
  const text = '🦊'.repeat(5000);
  expect(textHash('🦊'.repeat(4096), 5000)).toBe(textHash(text));
  expect(textHash('🦊'.repeat(4096))).not.toBe(textHash(text));
});
