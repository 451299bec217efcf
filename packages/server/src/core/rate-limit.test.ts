import { expect, test } from 'bun:test';
import { createRateLimit } from './rate-limit.ts';

test('as many as the rate may come at once, then one at an even pace [API6]', () => {
  const limit = createRateLimit({ count: 3, perMs: 300, maxKeys: 10 });
  expect([0, 0, 0].map((now) => limit.take('a', now))).toEqual([0, 0, 0]);
  expect(limit.take('a', 0)).toBe(100);
  expect(limit.take('a', 99)).toBe(1);
  expect(limit.take('a', 100)).toBe(0);
  expect(limit.take('a', 100)).toBe(100);
  expect(limit.take('b', 100)).toBe(0);
});

test('over any time no more come through than the rate and one burst [API6]', () => {
  const limit = createRateLimit({ count: 20, perMs: 1_000, maxKeys: 10 });
  let taken = 0;
  for (let now = 0; now < 10_000; now += 7) if (limit.take('a', now) === 0) taken += 1;
  expect(taken).toBeLessThanOrEqual(20 + 200);
  expect(taken).toBeGreaterThanOrEqual(200);
});

test('a rate of 0 lets nobody in [API6]', () => {
  expect(createRateLimit({ count: 0, perMs: 1_000, maxKeys: 10 }).take('a', 0)).toBe(1_000);
});

test('a clock that jumps back shuts nobody out for longer than the period [API6]', () => {
  const limit = createRateLimit({ count: 1, perMs: 1_000, maxKeys: 10 });
  expect(limit.take('a', 1_000_000)).toBe(0);
  expect(limit.take('a', 0)).toBeLessThanOrEqual(1_000);
});

test('no more keys are remembered than allowed: the longest unused one goes [API6]', () => {
  const limit = createRateLimit({ count: 1, perMs: 1_000, maxKeys: 2 });
  for (const key of ['a', 'b', 'c']) limit.take(key, 0);
  expect(limit.size).toBe(2);
  expect(limit.take('b', 1)).toBeGreaterThan(0);
  expect(limit.take('c', 1)).toBeGreaterThan(0);
  expect(limit.take('a', 1)).toBe(0);
});

test('what costs more counts as several, also behind the rate: a debt is paid off first [API14]', () => {
  const limit = createRateLimit({ count: 10, perMs: 1_000, maxKeys: 10 });
  expect(limit.take('a', 0, 4)).toBe(0);
  expect(limit.take('a', 0, 100)).toBe(0);
  expect(limit.take('a', 0)).toBe(1_000);
  expect(limit.take('a', 9_400)).toBe(100);
  expect(limit.take('a', 9_500)).toBe(0);
  limit.charge('b', 0, 15);
  expect(limit.take('b', 500)).toBe(100);
  expect(limit.take('b', 600)).toBe(0);
});
