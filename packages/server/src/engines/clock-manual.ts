import { DuologError } from '@duolog/protocol';
import type { Clock, Timer } from '../ports/clock.ts';

interface Waiting {
  readonly at: number;
  /** Breaks ties: what was asked for first comes first. */
  readonly order: number;
  callback: (() => void) | undefined;
}

const before = (a: Waiting, b: Waiting): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/** Waiting callbacks, the first one on top (a binary heap). */
class Agenda {
  readonly #heap: Waiting[] = [];

  get size(): number {
    return this.#heap.length;
  }

  get first(): Waiting | undefined {
    return this.#heap[0];
  }

  add(waiting: Waiting): void {
    const heap = this.#heap;
    let place = heap.push(waiting) - 1;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !before(waiting, parent)) break;
      heap[place] = parent;
      place = above;
    }
    heap[place] = waiting;
  }

  take(): Waiting | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      const [left, right] = [heap[below], heap[below + 1]];
      if (left === undefined) break;
      if (right !== undefined && before(right, left)) below += 1;
      const child = heap[below];
      if (child === undefined || !before(child, last)) break;
      heap[place] = child;
      place = below;
    }
    heap[place] = last;
    return first;
  }
}

/** Lets every promise that can go on do so: they run to their end before the next immediate. */
const settlePromises = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/**
 * A clock that tests move. Callbacks come in the order of their times, then of asking; after each one all promises
 * settle, so a run depends on nothing but what was asked of the clock.
 */
export class ManualClock implements Clock {
  readonly #agenda = new Agenda();
  readonly #startAt: number;
  #elapsedMs = 0;
  #order = 0;

  constructor(startAt: number = Date.UTC(2026, 0, 1)) {
    this.#startAt = startAt;
  }

  now(): number {
    return this.#startAt + this.#elapsedMs;
  }

  monotonic(): number {
    return this.#elapsedMs;
  }

  after(ms: number, callback: () => void): Timer {
    const waiting: Waiting = { at: this.#elapsedMs + Math.max(0, ms), order: this.#order++, callback };
    this.#agenda.add(waiting);
    return {
      cancel: () => {
        waiting.callback = undefined;
      },
    };
  }

  soon(callback: () => void): void {
    this.after(0, callback);
  }

  /** The clock of one node: apart from this one by `offsetMs`, faster by `drift` (0.01: a hundredth). */
  view(offsetMs = 0, drift = 0): ClockView {
    return new ClockView(this, offsetMs, drift);
  }

  /** Whether anything waits for its time. */
  get idle(): boolean {
    return this.#agenda.size === 0;
  }

  /** Moves to the next callback (by at most `withinMs`) and runs it, then lets promises settle. False: there was none. */
  async step(withinMs = Number.POSITIVE_INFINITY): Promise<boolean> {
    const until = this.#elapsedMs + withinMs;
    for (let next = this.#agenda.first; next !== undefined && next.at <= until; next = this.#agenda.first) {
      this.#agenda.take();
      if (next.callback === undefined) continue;
      this.#elapsedMs = Math.max(this.#elapsedMs, next.at);
      next.callback();
      await settlePromises();
      return true;
    }
    return false;
  }

  /** Moves on by `ms`, running everything that falls due. */
  async advance(ms: number): Promise<void> {
    const until = this.#elapsedMs + ms;
    await settlePromises();
    while (await this.step(until - this.#elapsedMs));
    this.#elapsedMs = until;
  }

  /** Moves on until the promise has settled, by at most `withinMs`. */
  async run<T>(promise: Promise<T>, withinMs = 3_600_000): Promise<T> {
    const progress = { settled: false };
    const settle = (): void => {
      progress.settled = true;
    };
    const watching = promise.then(settle, settle);
    const until = this.#elapsedMs + withinMs;
    await settlePromises();
    while (!progress.settled && (await this.step(until - this.#elapsedMs)));
    if (!progress.settled) {
      throw new DuologError(
        'internal',
        'What is waited for does not happen: the clock has nothing more to do in time.',
      );
    }
    await watching;
    return promise;
  }
}

/** What one node sees of a manual clock. It can stand still, as a node does that is paused, and stop for good. */
export class ClockView implements Clock {
  readonly #clock: ManualClock;
  readonly #rate: number;
  readonly #held: (() => void)[] = [];
  #offsetMs: number;
  #state: 'running' | 'paused' | 'stopped' = 'running';

  constructor(clock: ManualClock, offsetMs: number, drift: number) {
    this.#clock = clock;
    this.#offsetMs = offsetMs;
    this.#rate = 1 + drift;
  }

  now(): number {
    return this.#clock.now() + this.#clock.monotonic() * (this.#rate - 1) + this.#offsetMs;
  }

  monotonic(): number {
    return this.#clock.monotonic() * this.#rate;
  }

  after(ms: number, callback: () => void): Timer {
    let wanted: (() => void) | undefined = callback;
    const timer = this.#clock.after(ms / this.#rate, () => this.#call(() => wanted?.()));
    return {
      cancel: () => {
        wanted = undefined;
        timer.cancel();
      },
    };
  }

  soon(callback: () => void): void {
    this.after(0, callback);
  }

  /** The wall clock jumps by this much. */
  jump(ms: number): void {
    this.#offsetMs += ms;
  }

  /** From now on nothing is called; what falls due is called at {@link resume}. Time goes on. */
  pause(): void {
    if (this.#state === 'running') this.#state = 'paused';
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    for (const callback of this.#held.splice(0)) this.#clock.soon(() => this.#call(callback));
  }

  /** Nothing is called any more, ever: the node is dead. */
  stop(): void {
    this.#state = 'stopped';
    this.#held.length = 0;
  }

  get state(): 'running' | 'paused' | 'stopped' {
    return this.#state;
  }

  #call(callback: () => void): void {
    if (this.#state === 'running') callback();
    else if (this.#state === 'paused') this.#held.push(callback);
  }
}
