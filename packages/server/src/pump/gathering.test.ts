import { expect, test } from 'bun:test';
import { ManualClock } from '../engines/clock-manual.ts';
import { gatherArrivals } from './gathering.ts';

/** Looks until nobody seems to come; `arriving`: how many come before each look, then none. */
const gathered = async (queued: number, arriving: readonly number[], enough = 512): Promise<number> => {
  const clock = new ManualClock();
  let [now, looks] = [queued, 0];
  const arrive = (): void => {
    now += arriving[looks++] ?? 0;
    if (looks < arriving.length) clock.soon(arrive);
  };
  if (arriving.length > 0) clock.soon(arrive);
  await clock.run(gatherArrivals(clock, () => now, enough));
  return now;
};

test('a turn waits for a crowd that comes over several looks', async () => {
  expect(await gathered(0, [0, 40, 100, 160, 100])).toBe(400);
});

test('it waits no longer than for as many as it takes', async () => {
  expect(await gathered(100, [200, 200, 200, 200], 512)).toBe(700);
});

test('a steady stream of few does not keep a turn waiting', async () => {
  expect(
    await gathered(
      64,
      Array.from({ length: 1_000 }, () => 1),
    ),
  ).toBe(67);
});

test('where nobody comes it takes three looks', async () => {
  const clock = new ManualClock();
  let [ended, looks] = [false, 0];
  void gatherArrivals(clock, () => 7, 512).then(() => {
    ended = true;
  });
  while (await clock.step(0)) looks += 1;
  expect([ended, looks]).toEqual([true, 3]);
});
