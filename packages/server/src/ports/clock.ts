/** A timer under way. */
export interface Timer {
  cancel(): void;
}

/** Time, so that tests can move it. */
export interface Clock {
  /** Wall clock, milliseconds since 1970, with fractions where the platform has them. May jump. */
  now(): number;
  /** Milliseconds that only rise, for durations. */
  monotonic(): number;
  /** Calls back once after at least this many milliseconds. */
  after(ms: number, callback: () => void): Timer;
  /** Calls back once the events that are at hand now have been handled, before any later timer. */
  soon(callback: () => void): void;
}
