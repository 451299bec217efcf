import { DuologError } from '@duolog/protocol';
import type { Clock } from '../ports/clock.ts';

/** A small seeded generator (mulberry32): a number in [0, 1) at each call. */
export const seededRandom = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
};

/** From … to, both included. */
export type Span = readonly [from: number, to: number];

/** How badly memory engines behave. Probabilities are per request or message. */
export interface FaultRates {
  /** Each way of a request, and each message, takes this long. */
  readonly delayMs: Span;
  /** A write takes effect, but its answer says `unknown`. */
  readonly unknownDone: number;
  /** A write is answered `unknown` and takes effect later, after its sender's death too. */
  readonly unknownLate: number;
  /** A write is answered `unknown` and never takes effect. */
  readonly unknownLost: number;
  /** A write takes effect twice: at once, and again later. */
  readonly doubled: number;
  /** How much later the late ones take effect. */
  readonly lateMs: Span;
  /** A read is answered `unavailable`. */
  readonly unavailable: number;
  /** A read of the journal shows what was there some time ago. */
  readonly stale: number;
  readonly staleMs: Span;
  /** An append is refused because one is still under way. */
  readonly refusedUnderWay: number;
  /** A repeat of a stored append is refused instead of being taken for the duplicate it is. */
  readonly refusedRepeat: number;
  /** An append finds the journal full. */
  readonly full: number;
  /** A write of the atomic ledger fails although it took effect, or without; that ledger takes nothing more. */
  readonly failedDone: number;
  readonly failedLost: number;
  /** A bus message is lost, or comes twice (worse than any real bus promises). */
  readonly messageLost: number;
  readonly messageDoubled: number;
}

/** No fault at all: what a healthy engine does. */
export const CALM: FaultRates = {
  delayMs: [0, 0],
  unknownDone: 0,
  unknownLate: 0,
  unknownLost: 0,
  doubled: 0,
  lateMs: [0, 0],
  unavailable: 0,
  stale: 0,
  staleMs: [0, 0],
  refusedUnderWay: 0,
  refusedRepeat: 0,
  full: 0,
  failedDone: 0,
  failedLost: 0,
  messageLost: 0,
  messageDoubled: 0,
};

/** Every fault now and then: the measure for code that must stand them all. */
export const ROUGH: FaultRates = {
  delayMs: [0, 20],
  unknownDone: 0.05,
  unknownLate: 0.05,
  unknownLost: 0.05,
  doubled: 0.05,
  lateMs: [1, 3_000],
  unavailable: 0.05,
  stale: 0.2,
  staleMs: [1, 2_000],
  refusedUnderWay: 0.5,
  refusedRepeat: 0.5,
  full: 0.02,
  failedDone: 0.01,
  failedLost: 0.01,
  messageLost: 0.02,
  messageDoubled: 0.01,
};

/** The one source of misbehaviour of a world of memory engines: all of it follows from the seed. */
export class Faults {
  readonly #random: () => number;
  /** May be changed at any time: a world grows rough, or calms down. */
  rates: FaultRates;
  /** The disk under atomic ledgers is full. */
  storageFull = false;

  constructor(random: () => number, rates: FaultRates) {
    this.#random = random;
    this.rates = rates;
  }

  /** Whether something of this probability happens now. */
  strikes(probability: number): boolean {
    return probability > 0 && this.#random() < probability;
  }

  /** A number of the span. */
  within([from, to]: Span): number {
    return from === to ? from : from + this.#random() * (to - from);
  }
}

/** How an engine of one node behaves: by whose clock its answers come, in which world, how badly. */
export interface Conduct {
  /** The node's own clock: a paused node hears nothing, a dead one never again. */
  readonly clock: Clock;
  /** The world's clock: what was sent takes effect whatever becomes of the sender. */
  readonly world: Clock;
  readonly faults: Faults;
}

const silence = { error: new DuologError('unavailable', 'The engine does not answer.') };

const attempt = <T>(read: () => T): { readonly answer: T } | { readonly error: Error } => {
  try {
    return { answer: read() };
  } catch (error) {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }
};

/** Sends a read to a server of the world: answers late, or `unavailable`. */
export const ask = <T>(conduct: Conduct | undefined, read: () => T): Promise<T> => {
  if (conduct === undefined) return Promise.try(read);
  const { clock, world, faults } = conduct;
  const { rates } = faults;
  return new Promise((resolve, reject) => {
    world.after(faults.within(rates.delayMs), () => {
      const found = faults.strikes(rates.unavailable) ? silence : attempt(read);
      clock.after(faults.within(rates.delayMs), () => {
        if ('answer' in found) resolve(found.answer);
        else reject(found.error);
      });
    });
  });
};

/** Sends a write to a server of the world. `underWay` learns of each copy that has yet to take effect: +1, then -1. */
export const tell = <T>(
  conduct: Conduct | undefined,
  write: () => T,
  unknown: T,
  underWay: (copies: number) => void = () => undefined,
): Promise<T> => {
  if (conduct === undefined) return Promise.resolve(write());
  const { clock, world, faults } = conduct;
  const { rates } = faults;
  const later = (): void => {
    underWay(1);
    world.after(faults.within(rates.lateMs), () => {
      underWay(-1);
      write();
    });
  };
  return new Promise((resolve) => {
    const answer = (outcome: T): void => void clock.after(faults.within(rates.delayMs), () => resolve(outcome));
    world.after(faults.within(rates.delayMs), () => {
      if (faults.strikes(rates.unknownLost)) return answer(unknown);
      if (faults.strikes(rates.unknownLate)) {
        later();
        return answer(unknown);
      }
      const outcome = write();
      if (faults.strikes(rates.doubled)) later();
      answer(faults.strikes(rates.unknownDone) ? unknown : outcome);
    });
  });
};
