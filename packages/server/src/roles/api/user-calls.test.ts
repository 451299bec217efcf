import { expect, test } from 'bun:test';
import { DuologError } from '@duolog/protocol';
import { ManualClock } from '../../engines/clock-manual.ts';
import { createUserCalls } from './user-calls.ts';
import type { UserCalls } from './user-calls.ts';

const KIB = 1_024;
const open = () => {
  const clock = new ManualClock();
  const limits = { callsPerSecond: 5, maxUnderWay: 3, maxUnderWayBytes: 600 * KIB };
  return { clock, calls: createUserCalls(clock, limits) };
};

/** Makes a call that is answered at once; how it was refused, if it was. */
const call = (calls: UserCalls, user: string, bodyBytes = 0, answerLength = 0): DuologError | undefined => {
  try {
    calls.begin(user, bodyBytes)(bodyBytes, answerLength);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof DuologError) return thrown;
    throw thrown;
  }
};
const letIn = (calls: UserCalls, user: string, bodyBytes = 0, answerLength = 0): number => {
  let count = 0;
  while (call(calls, user, bodyBytes, answerLength) === undefined) count += 1;
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
  expect(letIn(calls, 'b', 0, 64 * KIB)).toBe(5);
  expect(call(calls, 'c', 0, 20 * 64 * KIB)).toBeUndefined();
  // 21 calls' worth, of which 10 were free.
  expect(call(calls, 'c')?.facts.retryAfterMs).toBe(2_000);
  await clock.advance(2_200);
  expect(call(calls, 'c')?.code).toBe('rateLimited');
  await clock.advance(200);
  expect(call(calls, 'c')).toBeUndefined();
});

test('calls under way are bounded per user, in number and bytes [API14]', async () => {
  const { clock, calls } = open();
  const ends = [1, 2, 3].map(() => calls.begin('a', 0));
  expect(call(calls, 'a')?.code).toBe('overloaded');
  expect(call(calls, 'b')).toBeUndefined();
  ends.forEach((end) => end(0, 0));
  await clock.advance(2_000);
  const end = calls.begin('a', 590 * KIB);
  expect(call(calls, 'a', 11 * KIB)?.code).toBe('overloaded');
  end(0, 0);
  await clock.advance(10_000);
  expect(call(calls, 'a', 11 * KIB)).toBeUndefined();
  expect(calls.size).toBe(0);
});

test('a body of unknown length is counted once it is known [API14]', async () => {
  const { clock, calls } = open();
  const ends = [calls.begin('a', undefined), calls.begin('a', undefined)];
  expect(call(calls, 'a', 100 * KIB)?.code).toBe('overloaded');
  ends[0]?.(160 * KIB, 0);
  // 2 calls, and 10 more for the body.
  expect(call(calls, 'a')?.facts.retryAfterMs).toBe(600);
  ends[1]?.(0, 0);
  await clock.advance(600);
  expect(call(calls, 'a')).toBeUndefined();
});
