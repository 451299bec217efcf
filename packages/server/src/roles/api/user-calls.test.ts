import { expect, test } from 'bun:test';
import { DuologError } from '@duolog/protocol';
import { ManualClock } from '../../engines/clock-manual.ts';
import { createUserCalls } from './user-calls.ts';
import type { UserCalls } from './user-calls.ts';

const KIB = 1_024;
const open = () => {
  const clock = new ManualClock();
  const limits = { callsPerSecond: 5, maxUnderWay: 3, maxUnderWayBytes: 600 * KIB, maxWaitingBytes: 900 * KIB };
  return { clock, calls: createUserCalls(clock, limits) };
};

/** Makes a call that is answered at once; how it was refused, if it was. */
const call = (calls: UserCalls, user: string, bodyBytes = 0, answerCalls = 0): DuologError | undefined => {
  try {
    const begun = calls.begin(user, bodyBytes);
    begun.answered(answerCalls);
    begun.end();
    return undefined;
  } catch (thrown) {
    if (thrown instanceof DuologError) return thrown;
    throw thrown;
  }
};
const letIn = (calls: UserCalls, user: string, bodyBytes = 0, answerCalls = 0): number => {
  let count = 0;
  while (call(calls, user, bodyBytes, answerCalls) === undefined) count += 1;
  return count;
};

test('a user may make twice as many calls at once as in a second, and is told when to come back [API14]', async () => {
  const { clock, calls } = open();
  expect(letIn(calls, 'a')).toBe(10);
  const refused = call(calls, 'a');
  expect([refused?.code, refused?.facts]).toEqual(['rateLimited', { max: 5, retryAfterMs: 200 }]);
  expect(letIn(calls, 'b')).toBe(10);
  await clock.advance(200);
  expect(letIn(calls, 'a')).toBe(1);
});

test('long bodies and long answers count as several calls [API14]', async () => {
  const { clock, calls } = open();
  expect(letIn(calls, 'a', 16 * KIB)).toBe(5);
  expect(letIn(calls, 'b', 0, 1)).toBe(5);
  expect(call(calls, 'c', 0, 20)).toBeUndefined();
  // 21 calls' worth, of which 10 were free.
  expect(call(calls, 'c')?.facts.retryAfterMs).toBe(2_000);
  await clock.advance(2_200);
  expect(call(calls, 'c')?.code).toBe('rateLimited');
  await clock.advance(200);
  expect(call(calls, 'c')).toBeUndefined();
});

test('calls under way are bounded per user, in number and bytes [API14]', async () => {
  const { clock, calls } = open();
  const begun = [1, 2, 3].map(() => calls.begin('a', 0));
  expect(call(calls, 'a')?.code).toBe('overloaded');
  expect(call(calls, 'b')).toBeUndefined();
  begun.forEach((one) => one.end());
  await clock.advance(2_000);
  const large = calls.begin('a', 590 * KIB);
  expect(call(calls, 'a', 11 * KIB)?.code).toBe('overloaded');
  large.end();
  large.end();
  await clock.advance(10_000);
  expect(call(calls, 'a', 11 * KIB)).toBeUndefined();
  expect(calls.size).toBe(0);
});

test('answers of one user that wait take an eighth of the room that is free, so there is some for the next [API14]', () => {
  const { calls } = open();
  const kept = ['a', 'b', 'c'].map((user) => calls.begin(user, 0));
  kept[0]?.keep(100 * KIB);
  const second = calls.begin('a', 0);
  expect(() => second.keep(KIB)).toThrow(
    expect.objectContaining({ code: 'overloaded', facts: { retryAfterMs: 1_000 } }),
  );
  second.end();
  expect(() => kept[1]?.keep(101 * KIB)).toThrow('wait to be taken');
  kept[1]?.keep(100 * KIB);
  expect(() => kept[2]?.keep(88 * KIB)).toThrow('wait to be taken');
  kept[2]?.keep(87 * KIB);
  kept.forEach((one) => one.end());
  calls.begin('a', 0).keep(112 * KIB);
});

test('a call that is under way learns that the answers made meanwhile were all that the user may ask for [API14]', async () => {
  const { clock, calls } = open();
  const [one, other] = [calls.begin('a', 0), calls.begin('a', 0)];
  one.checkRate();
  one.answered(20);
  expect(() => other.checkRate()).toThrow(expect.objectContaining({ code: 'rateLimited' }));
  await clock.advance(5_000);
  other.checkRate();
});

test('a body of unknown length is counted once it is known [API14]', async () => {
  const { clock, calls } = open();
  const [one, other] = [calls.begin('a', undefined), calls.begin('a', undefined)];
  expect(call(calls, 'a', 100 * KIB)?.code).toBe('overloaded');
  one.read(160 * KIB);
  one.end();
  // 2 calls, and 10 more for the body.
  expect(call(calls, 'a')?.facts.retryAfterMs).toBe(600);
  other.end();
  await clock.advance(600);
  expect(call(calls, 'a')).toBeUndefined();
});
