import type { Clock } from '../clock.ts';

/** A clock that stands still until it is moved. */
export interface MovedClock extends Clock {
  /** Moves on by `ms`; timers that fall due on the way go off at their time, each after what the one before set off has happened. */
  advance(ms: number): Promise<void>;
}

/** Lets everything happen that waits for nothing but its turn. */
export const settle = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 0));

export const movedClock = (startAt = 1_700_000_000_000): MovedClock => {
  let now = startAt;
  const timers = new Set<{ readonly at: number; readonly callback: () => void }>();
  const next = (until: number): { readonly at: number; readonly callback: () => void } | undefined => {
    let first: { readonly at: number; readonly callback: () => void } | undefined;
    for (const timer of timers) if (timer.at <= until && (first === undefined || timer.at < first.at)) first = timer;
    return first;
  };
  return {
    now: () => now,
    after: (delayMs, callback) => {
      const timer = { at: now + Math.max(0, delayMs), callback };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance: async (ms) => {
      const until = now + ms;
      await settle();
      for (let timer = next(until); timer !== undefined; timer = next(until)) {
        timers.delete(timer);
        now = timer.at;
        timer.callback();
        await settle();
      }
      now = until;
    },
  };
};
