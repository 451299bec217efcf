import { expect, test } from 'bun:test';
import { LIMITS, directId } from '@duolog/protocol';
import * as fc from 'fast-check';
import { alice, asks, bob, numbered, userNamed } from '../../testing/people.ts';
import { PumpRig } from '../../testing/pump-rig.ts';
import { OUTBOX_STRIDE } from '../core/outbox.ts';
import { decodeMessage, outboxKey } from '../core/rows.ts';
import type { Outcome } from './messages.ts';

const direct = directId(alice, bob);
const begin = asks(`c/${direct}`, alice, { kind: 'createDirect' });
const say = (n: number, text = `text ${n}`, user = alice, outbox = 'outbox-1') =>
  numbered(n, asks(`c/${direct}`, user, { kind: 'send', text }), outbox);

const openConversation = async (window = 1) => {
  const rig = new PumpRig({ window });
  const owner = await rig.openOwner();
  await rig.results(begin);
  return { rig, owner };
};

/** The same world under another owner: everything in memory is gone. */
const restart = (rig: PumpRig, node: string) => rig.openOwner(node);

const texts = (rig: PumpRig): readonly string[] =>
  rig.world.rows
    .range(`c/${direct}/0`, { limit: 1_000 })
    .map(({ value }) => (JSON.parse(decodeMessage(value)) as { text: string }).text);

const failure = (outcome: Outcome | undefined) => (outcome?.ok === false ? outcome.failure : undefined);

test.each(['before', 'after'])(
  'a command sent again gets its first answer %s a restart, and is not executed twice [COM10]',
  async (when) => {
    const { rig } = await openConversation();
    const [first] = await rig.ask(say(1));
    await rig.ask(say(2));
    if (when === 'after') await restart(rig, 'second');
    await rig.clock.advance(5_000);
    expect(await rig.ask(say(1))).toEqual([first]);
    expect(texts(rig)).toEqual(['text 1', 'text 2']);
  },
);

test.each(['before', 'after'])(
  'gap, stale and conflict are told %s a restart, and nothing is executed [COM10]',
  async (when) => {
    const { rig } = await openConversation();
    for (let n = 1; n <= 10; n++) await rig.results(say(n));
    if (when === 'after') await restart(rig, 'second');
    const [gap, stale, conflict, oldest] = await rig.ask(say(12), say(2), say(10, 'another text'), say(3));
    expect(failure(gap)).toMatchObject({ code: 'gap', facts: { expected: 11 } });
    expect(failure(stale)?.code).toBe('stale');
    expect(failure(conflict)?.code).toBe('conflict');
    expect(oldest).toMatchObject({ ok: true });
    expect(texts(rig)).toHaveLength(10);
    expect(await rig.results(say(11))).toMatchObject([{ seq: 11 }]);
  },
);

test('answers are found after a restart, wherever the last row of their outbox stands in the log [COM10]', async () => {
  const step = fc.record({
    from: fc.constantFrom<readonly [string, string]>([alice, 'outbox-1'], [alice, 'outbox-2'], [bob, 'outbox-1']),
    count: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: OUTBOX_STRIDE + 8 })),
    restarts: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async (steps) => {
      const { rig } = await openConversation();
      const given = new Map<string, (Outcome | undefined)[]>();
      let [owners, said] = [0, 0];
      for (const { from, count, restarts } of steps) {
        const [user, outbox] = from;
        const answers: (Outcome | undefined)[] = given.get(`${user} ${outbox}`) ?? [];
        given.set(`${user} ${outbox}`, answers);
        const next = (i: number) => say(answers.length + i + 1, 'x', user, outbox);
        const outcomes = await rig.ask(...Array.from({ length: count }, (_, i) => next(i)));
        said += count;
        answers.push(...outcomes);
        if (restarts) await restart(rig, `owner-${++owners}`);
        const oldest = Math.max(1, answers.length - LIMITS.outboxWindow + 1);
        const repeats = Array.from({ length: answers.length - oldest + 1 }, (_, i) =>
          say(oldest + i, 'x', user, outbox),
        );
        expect(await rig.ask(...repeats)).toEqual(answers.slice(oldest - 1));
      }
      expect(texts(rig)).toHaveLength(said);
    }),
    { numRuns: 40 },
  );
});

test('an outbox that goes on in the same conversation is not written with each message [COM10]', async () => {
  const { rig } = await openConversation();
  const rowOf = () => rig.world.rows.get(`c/${direct}`, outboxKey(alice, 'outbox-1'));
  await rig.results(say(1));
  const first = rowOf();
  for (let n = 2; n <= OUTBOX_STRIDE; n++) await rig.results(say(n));
  expect(rowOf()).toBe(first);
  for (let n = OUTBOX_STRIDE + 1; n <= OUTBOX_STRIDE + 2; n++) await rig.results(say(n));
  expect(rowOf()).not.toBe(first);
});

test('twice in the same turn is once [COM10]', async () => {
  const { rig } = await openConversation();
  const [first, second, other] = await rig.ask(say(1), say(1), say(1, 'other'));
  expect(first).toMatchObject({ ok: true });
  expect(second).toEqual(first);
  expect(failure(other)?.code).toBe('conflict');
  expect(texts(rig)).toEqual(['text 1']);
});

test('eight under way in one turn are executed in order; a lost one holds back those after it [COM10] [MSG3]', async () => {
  const { rig } = await openConversation();
  const outcomes = await rig.ask(say(1), say(2), say(4), say(5), say(3), say(4), say(5));
  expect(outcomes.map((outcome) => failure(outcome)?.facts?.expected ?? 'ok')).toEqual([
    'ok',
    'ok',
    3,
    3,
    'ok',
    'ok',
    'ok',
  ]);
  expect(texts(rig)).toEqual([1, 2, 3, 4, 5].map((n) => `text ${n}`));
});

test('outboxes count for themselves: other devices, other users, other entities [COM10]', async () => {
  const { rig } = await openConversation();
  const read = numbered(1, asks(`u/${alice}`, alice, { kind: 'read', conversation: direct, seq: 1 }));
  await rig.results(
    say(1),
    say(1, 'of the other device', alice, 'outbox-2'),
    say(1, 'of the other user', bob, 'outbox-1'),
    read,
  );
  expect(texts(rig)).toEqual(['text 1', 'of the other device', 'of the other user']);
});

test('a refusal is the answer for good, though the command could be executed by now [COM10]', async () => {
  const { rig } = await openConversation();
  const group = 'g.0123456789abcdef';
  const early = numbered(1, asks(`c/${group}`, bob, { kind: 'send', text: 'early' }));
  const [refused] = await rig.ask(early);
  expect(failure(refused)?.code).toBe('notFound');
  await rig.results(asks(`c/${group}`, alice, { kind: 'createGroup', name: 'x', members: [bob] }));
  expect(await rig.ask(early)).toEqual([refused]);
  await restart(rig, 'second');
  expect(await rig.ask(early)).toEqual([refused]);
  expect(await rig.results(numbered(2, asks(`c/${group}`, bob, { kind: 'send', text: 'now' })))).toMatchObject([
    { seq: 2 },
  ]);
});

test('what the edge’s look-ups refused is remembered under its n [COM10] [COM6]', async () => {
  const { rig } = await openConversation();
  const refusal = { code: 'notFound', detail: 'There is no such user.' } as const;
  const refused = numbered(1, asks(`c/${direct}`, alice, { kind: 'refused', refusal }));
  expect(await rig.ask(refused, refused)).toEqual([
    { ok: false, failure: refusal },
    { ok: false, failure: refusal },
  ]);
  expect(await rig.results(say(2))).toMatchObject([{ seq: 1 }]);
});

test('without an outbox each one is executed as it comes [COM10]', async () => {
  const { rig } = await openConversation();
  const plain = asks(`c/${direct}`, alice, { kind: 'send', text: 'again' });
  await rig.results(plain, plain);
  await rig.results(plain);
  expect(texts(rig)).toEqual(['again', 'again', 'again']);
});

test('a repeat is told nothing while the first one’s commit is open, and the same after it failed over [COM10] [COM2]', async () => {
  const { rig, owner } = await openConversation(2);
  owner.commits.close();
  rig.send(say(1));
  await rig.clock.advance(0);
  const [repeat = 0] = rig.send(say(1));
  await rig.clock.advance(0);
  await restart(rig, 'second');
  owner.commits.open();
  await rig.clock.advance(0);
  expect(rig.outcomes.has(repeat)).toBe(false);
  // The first never became durable, so the second owner executes it, once.
  expect(await rig.results(say(1))).toMatchObject([{ seq: 1 }]);
  expect(texts(rig)).toEqual(['text 1']);
});

test.each(['overloaded', 'storageFull'] as const)(
  'while nothing new is taken (%s) a repeat still gets its first answer [COM10] [LIM9]',
  async (readiness) => {
    const { rig, owner } = await openConversation();
    const [first] = await rig.ask(say(1));
    owner.readiness = readiness;
    const [repeat, next] = await rig.ask(say(1), say(2));
    expect(repeat).toEqual(first);
    expect(failure(next)?.code).toBe(readiness);
  },
);

test.each([
  ['a gap', say(9)],
  ['a refusal', asks(`c/${direct}`, userNamed('carol'), { kind: 'send', text: 'x' })],
])(
  'an owner that was fenced without knowing it does not answer %s from what it remembers [COM2] [COM10]',
  async (_what, command) => {
    const { rig, owner } = await openConversation();
    await rig.results(say(1));
    const rival = rig.openWorker('rival');
    await rival.worker.claim(0);
    // The edge still takes the old one for the owner.
    expect(await rig.ask(command)).toEqual([undefined]);
    expect(owner.lost).toEqual([0]);
  },
);

/** A client that keeps to COM10: up to 8 unanswered, sent again after loss, from the oldest unanswered after a gap. */
test('whatever is lost, doubled or restarted, every message of a client is there once and in order [COM10] [SYN5]', async () => {
  const step = fc.constantFrom('send', 'send', 'lose', 'repeat', 'restart', 'old copy');
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), async (steps) => {
      const { rig } = await openConversation(2);
      let owners = 0;
      let [answered, sent] = [0, 0];
      const deliver = async (...numbers: readonly number[]): Promise<void> => {
        for (const outcome of await rig.ask(...numbers.map((n) => say(n)))) {
          if (outcome?.ok === true) answered = Math.max(answered, (JSON.parse(outcome.result) as { seq: number }).seq);
        }
      };
      for (const what of steps) {
        if (what === 'restart') await restart(rig, `owner ${++owners}`);
        else if (what === 'old copy' && sent > 0) await rig.ask(say(Math.max(1, sent - 11)));
        else if (what === 'repeat' && sent > answered)
          await deliver(...Array.from({ length: sent - answered }, (_, i) => answered + 1 + i));
        else if (sent < answered + 8) {
          sent += 1;
          if (what === 'send') await deliver(sent);
        }
      }
      if (sent > answered) await deliver(...Array.from({ length: sent - answered }, (_, i) => answered + 1 + i));
      expect(texts(rig)).toEqual(Array.from({ length: sent }, (_, i) => `text ${i + 1}`));
    }),
    { numRuns: 60 },
  );
});
