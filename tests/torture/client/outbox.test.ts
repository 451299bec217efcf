import { expect, test } from 'bun:test';
import type { HistoryEvent } from '../history.ts';
import type { Recordable } from '../record.ts';
import { createOutbox, type Content } from './outbox.ts';
import type { Numbered, Outcome } from './wire.ts';

interface Sent extends Numbered {
  readonly text: string;
  readonly answer: (outcome: Outcome) => Promise<void>;
}

const ok = (seq: number): Outcome => ({ kind: 'ok', result: { seq } });
const error = (code: string, facts: object = {}): Outcome => ({
  kind: 'error',
  error: { code, retry: 'later', detail: '', ...facts },
});
const unknown: Outcome = { kind: 'unknown' };

/** An outbox whose calls the test answers. */
const newOutbox = () => {
  const sent: Sent[] = [];
  const events: Recordable[] = [];
  const timers: (() => void)[] = [];
  let ids = 0;
  let nowMs = 0;
  const outbox = createOutbox({
    user: 'u',
    device: 'd',
    recorder: { record: (event) => events.push(event), flush: () => undefined, close: () => undefined },
    newOutbox: () => `o${++ids}`,
    epoch: () => 'e',
    after: (ms, run) => void timers.push(() => ((nowMs += ms), run())),
    nowMs: () => nowMs,
    call: (_method, params, numbered = { outbox: '', n: 0 }) =>
      new Promise((resolve) => {
        const { text } = params as { readonly text: string };
        const answer = async (outcome: Outcome): Promise<void> => {
          resolve(outcome);
          // The outbox acts on it in the microtasks that follow.
          await new Promise((done) => setImmediate(done));
        };
        sent.push({ ...numbered, text, answer });
      }),
  });
  const content = (text: string): Content => ({
    method: 'message.send',
    params: { text },
    entity: 'c',
    about: { method: 'send', conversation: 'c', hash: text },
  });
  const take = (): readonly Sent[] => sent.splice(0);
  const taken = (): readonly string[] => take().map(({ n, text }) => `${n} ${text}`);
  const say = (text: string): void => void outbox.add(content(text));
  return { outbox, events, timers, content, take, taken, say };
};

/** The named fields of each event. */
const only = (events: readonly Recordable[], ...fields: readonly string[]): readonly Record<string, unknown>[] =>
  events.map((event) => Object.fromEntries(Object.entries(event).filter(([name]) => fields.includes(name))));

test('eight commands of an entity are under way at most, and one that is answered lets the next go', async () => {
  const { outbox, say, take, taken } = newOutbox();
  outbox.resume();
  for (let i = 1; i <= 10; i++) say(`t${i}`);
  const first = take();
  expect(first.map(({ n }) => n)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  await first[1]?.answer(ok(2));
  expect(taken()).toEqual([]);
  await first[0]?.answer(ok(1));
  expect(taken()).toEqual(['9 t9', '10 t10']);
});

test('an attempt is taken down before it is sent, and its answer when it came', async () => {
  const { outbox, say, take, events } = newOutbox();
  outbox.resume();
  say('hello');
  expect(only(events, 'type', 'outbox', 'n', 'hash', 'epoch')).toEqual([
    { type: 'asked', outbox: 'o1', n: 1, hash: 'hello', epoch: 'e' },
  ]);
  await take()[0]?.answer(ok(7));
  expect(only(events.slice(1), 'type', 'result', 'seq')).toEqual([{ type: 'answered', result: 'ok', seq: 7 }]);
});

test('after a break everything unanswered is sent again as it was, oldest first', async () => {
  const { outbox, say, take, taken, events } = newOutbox();
  outbox.resume();
  for (const text of ['a', 'b', 'c']) say(text);
  const [a, b, c] = take();
  await a?.answer(ok(1));
  outbox.pause();
  await b?.answer(unknown);
  await c?.answer(unknown);
  say('d');
  expect(taken()).toEqual([]);
  outbox.resume();
  expect(taken()).toEqual(['2 b', '3 c', '4 d']);
  const asked = events.filter((event): event is HistoryEvent & { type: 'asked' } => event.type === 'asked');
  const ofB = asked.filter(({ hash }) => hash === 'b');
  expect(new Set(ofB.map(({ command }) => command)).size).toBe(1);
  expect(new Set(ofB.map(({ attempt }) => attempt)).size).toBe(2);
});

test('an answer that comes after the break is taken down, and the command is sent again all the same', async () => {
  const { outbox, say, take, taken, events } = newOutbox();
  outbox.resume();
  say('a');
  const [a] = take();
  outbox.pause();
  await a?.answer(ok(1));
  outbox.resume();
  expect(taken()).toEqual(['1 a']);
  expect(only(events, 'type', 'result').slice(1, 2)).toEqual([{ type: 'answered', result: 'ok' }]);
});

test('what may be tried again is, after its time, and those behind it follow', async () => {
  const { outbox, say, take, taken, timers, events } = newOutbox();
  outbox.resume();
  say('a');
  say('b');
  const [a, b] = take();
  await a?.answer(error('overloaded', { retryAfterMs: 30 }));
  await b?.answer(error('gap', { expected: 1 }));
  expect(taken()).toEqual([]);
  timers.shift()?.();
  expect(taken()).toEqual(['1 a', '2 b']);
  expect(only(events, 'code', 'settles').filter((facts) => 'code' in facts)).toEqual([
    { code: 'overloaded', settles: false },
    { code: 'gap', settles: false },
  ]);
});

test('a refusal is the end of its command', async () => {
  const { outbox, say, take, taken, events } = newOutbox();
  outbox.resume();
  say('a');
  await take()[0]?.answer(error('notFound'));
  expect(outbox.waiting()).toBe(0);
  say('b');
  expect(taken()).toEqual(['2 b']);
  expect(only(events, 'code', 'settles')[1]).toEqual({ code: 'notFound', settles: true });
});

test('a server that expects a lower number gets it', async () => {
  const { outbox, say, take, taken } = newOutbox();
  outbox.resume();
  for (const text of ['a', 'b', 'c', 'd']) say(text);
  const [a, b, c, d] = take();
  await a?.answer(ok(1));
  await b?.answer(ok(2));
  await c?.answer(error('gap', { expected: 2 }));
  await d?.answer(error('gap', { expected: 2 }));
  expect(taken()).toEqual(['2 c', '3 d']);
  say('e');
  expect(taken()).toEqual(['4 e']);
});

test('giving up takes down what was asked and begins another outbox', async () => {
  const { outbox, say, take, taken, events } = newOutbox();
  say('never asked');
  outbox.abandon();
  outbox.resume();
  say('a');
  const [a] = take();
  outbox.abandon();
  await a?.answer(ok(1));
  expect(only(events, 'type')).toEqual([{ type: 'asked' }, { type: 'abandoned' }, { type: 'answered' }]);
  say('b');
  expect(outbox.id()).toBe('o3');
  expect(taken()).toEqual(['1 b']);
});

test('a repeat goes out under the old number; with other content it is another command', async () => {
  const { outbox, say, take, events, content } = newOutbox();
  outbox.resume();
  say('a');
  await take()[0]?.answer(ok(1));
  const [done] = outbox.done;
  if (done === undefined) throw new Error('nothing was done');
  const repeat = outbox.again(done);
  const altered = outbox.again(done, content('other'));
  const [one, two] = take();
  await one?.answer(ok(1));
  await two?.answer(unknown);
  await Promise.all([repeat, altered]);
  const asked = events.filter((event): event is HistoryEvent & { type: 'asked' } => event.type === 'asked');
  expect(asked.map(({ n, hash }) => [n, hash])).toEqual([
    [1, 'a'],
    [1, 'a'],
    [1, 'other'],
  ]);
  expect(asked[1]?.command).toBe(asked[0]?.command ?? '');
  expect(asked[2]?.command).not.toBe(asked[0]?.command ?? '');
  expect(events.at(-1)).toMatchObject({ type: 'abandoned', command: asked[2]?.command });
});
