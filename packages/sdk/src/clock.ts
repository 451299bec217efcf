/** Time as the client sees it; tests pass one they can move. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls back once after at least `delayMs`; the function returned cancels it. */
  after(delayMs: number, callback: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
};

/**
 * How long to wait before attempt number `attempt` (0, 1, 2 …), milliseconds: full jitter between half a second and a
 * bound that doubles from one second to thirty.
 */
export const backoffMs = (attempt: number, random: () => number): number =>
  500 + random() * (Math.min(30_000, 1000 * 2 ** Math.min(attempt, 5)) - 500);
