/**
 * Rates per key by the generic cell rate algorithm (ITU-T I.371): one number a key, the time at which all that was let in
 * would have come at an even pace. Pure but for its own memory; the caller brings the time.
 */

export interface RateLimit {
  /** 0: let in and counted, as `cost` (1 unless given); else the milliseconds after which it would be let in, and nothing is counted. */
  take(key: string, nowMs: number, cost?: number): number;
  /** Counts so much without asking: a debt that has to be paid off before anything is let in. */
  charge(key: string, nowMs: number, cost: number): void;
  /** Keys remembered; one that was used lately may count twice. */
  readonly size: number;
}

export interface RateLimitOptions {
  /** How many a key may have in `perMs`; as many may come at once. */
  readonly count: number;
  readonly perMs: number;
  /** Keys remembered at most; beyond, up to half of them are forgotten, the longest unused ones. */
  readonly maxKeys: number;
}

export const createRateLimit = ({ count, perMs, maxKeys }: RateLimitOptions): RateLimit => {
  const evenPaceMs = perMs / count;
  // Two generations: what is used moves to the young one; when that is full the old one is forgotten as a whole.
  let young = new Map<string, number>();
  let old = new Map<string, number>();

  const dueAt = (key: string): number | undefined => young.get(key) ?? old.get(key);

  const note = (key: string, due: number): void => {
    if (young.size >= maxKeys / 2 && !young.has(key)) {
      old = young;
      young = new Map();
    }
    young.set(key, due);
  };

  return {
    take: (key, nowMs, cost = 1) => {
      if (count <= 0) return perMs;
      const due = Math.max(dueAt(key) ?? nowMs, nowMs);
      // A clock that jumped back must not send anybody away for longer than the period.
      const waitMs = Math.min(due + evenPaceMs - (nowMs + perMs), perMs);
      // A fraction of a millisecond is rounding, not a rate.
      if (waitMs > 0.001) return Math.max(1, Math.ceil(waitMs));
      note(key, due + cost * evenPaceMs);
      return 0;
    },
    charge: (key, nowMs, cost) => {
      if (cost > 0) note(key, Math.max(dueAt(key) ?? nowMs, nowMs) + cost * evenPaceMs);
    },
    get size() {
      return young.size + old.size;
    },
  };
};
