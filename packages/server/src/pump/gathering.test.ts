import { expect, test } from 'bun:test';
import { ManualClock } from '../engines/clock-manual.ts';
import type { Clock } from '../ports/clock.ts';
import { gatherArrivals } from './gathering.ts';

/** How many are queued when the turn begins; `arriving`: how many come before each look, then none. */
const gathered = async (queued: number, arriving: readonly number[], enough = 512): Promise<number> => {
  const clock = new ManualClock();
  let [now, looks] = [queued, 0];
  const arrive = (): void => {
    now += arriving[looks++] ?? 0;
    if (looks < arriving.length) clock.soon(arrive);
  };
  if (arriving.length > 0) clock.soon(arrive);
  await clock.run(gatherArrivals(clock, () => now, enough, 5));
  return now;
};

test('a turn waits for a crowd that comes over several looks', async () => {
  expect(await gathered(0, [0, 40, 100, 160, 100])).toBe(400);
});

test('it waits no longer than for as many as it takes', async () => {
  expect(await gathered(100, [200, 200, 200, 200], 512)).toBe(700);
});

test('people who come now and then do not keep a turn waiting', async () => {
  const arriving = Array.from({ length: 1_000 }, (_, look) => look % 2);
  expect(await gathered(64, arriving)).toBe(66);
});

test('where each look takes long, a turn waits as long as it may and a look', async () => {
  const clock = new ManualClock();
  const slow: Clock = {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    after: (ms, callback) => clock.after(ms, callback),
    soon: (callback) => void clock.after(2, callback),
  };
  let queued = 0;
  const arrive = (): void => {
    queued += 1;
    clock.after(1, arrive);
  };
  arrive();
  await clock.run(gatherArrivals(slow, () => queued, 512, 5));
  expect(clock.monotonic()).toBe(6);
});

test('where nobody comes it takes three looks', async () => {
  const clock = new ManualClock();
  let [ended, looks] = [false, 0];
  void gatherArrivals(clock, () => 7, 512, 5).then(() => {
    ended = true;
  });
  while (await clock.step(0)) looks += 1;
  expect([ended, looks]).toEqual([true, 3]);
});
