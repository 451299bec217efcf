/** The contract of `Clock` as tests: each sentence of ports/clock.ts, run over every engine. */
import { describe, expect, test } from 'bun:test';
import type { Clock } from '../../packages/server/src/ports/clock.ts';

export interface ClockSubject {
  readonly clock: Clock;
  /** Lets this much time pass on that clock, or a little more. */
  readonly pass: (ms: number) => Promise<void>;
}

/** Runs the contract of `Clock` over an engine. */
export const clockContract = (engine: string, makeSubject: () => ClockSubject): void => {
  describe(`${engine} keeps the contract of Clock`, () => {
    test('monotonic time rises, by about what passes', async () => {
      const { clock, pass } = makeSubject();
      const [before, wall] = [clock.monotonic(), clock.now()];
      await pass(20);
      expect(clock.monotonic() - before).toBeGreaterThanOrEqual(19);
      expect(clock.now() - wall).toBeGreaterThanOrEqual(18);
      expect(clock.now()).toBeGreaterThan(Date.UTC(2020, 0, 1));
    });

    test('a timer calls back once, after at least its time', async () => {
      const { clock, pass } = makeSubject();
      const startedAt = clock.monotonic();
      const calls: number[] = [];
      clock.after(15, () => calls.push(clock.monotonic() - startedAt));
      await pass(5);
      expect(calls).toEqual([]);
      await pass(40);
      expect(calls.length).toBe(1);
      // Timers of the platform may be early by a rounding.
      expect(calls[0]).toBeGreaterThanOrEqual(14);
    });

    test('a cancelled timer never calls back, and may be cancelled again', async () => {
      const { clock, pass } = makeSubject();
      let calls = 0;
      const timer = clock.after(5, () => (calls += 1));
      timer.cancel();
      timer.cancel();
      await pass(20);
      expect(calls).toBe(0);
    });

    test('timers call back in the order of their times', async () => {
      const { clock, pass } = makeSubject();
      const calls: string[] = [];
      clock.after(30, () => calls.push('late'));
      clock.after(10, () => calls.push('early'));
      clock.after(20, () => calls.push('between'));
      await pass(60);
      expect(calls).toEqual(['early', 'between', 'late']);
    });

    test('soon is not now, but before any later timer, in order of asking', async () => {
      const { clock, pass } = makeSubject();
      const calls: string[] = [];
      clock.after(10, () => calls.push('timer'));
      clock.soon(() => calls.push('first'));
      clock.soon(() => calls.push('second'));
      expect(calls).toEqual([]);
      await pass(40);
      expect(calls).toEqual(['first', 'second', 'timer']);
    });
  });
};
