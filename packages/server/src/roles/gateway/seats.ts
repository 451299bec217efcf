/**
 * Numbers of connections, in typed arrays: a timing wheel for beats (PRE5), the head known, and a bucket for requests. A
 * connection holds a seat from its opening to its end; nothing here knows what a connection is.
 */

const NOBODY = -1;
/** Slots of the wheel; who is due later than one round is looked at once a round. */
const WHEEL_SLOTS = 256;

export interface SeatRates {
  /** Tokens a bucket gains each tick, and holds at most. */
  readonly tokensPerTick: number;
  readonly maxTokens: number;
}

export class Seats {
  readonly #rates: SeatRates;
  readonly #wheel = new Int32Array(WHEEL_SLOTS).fill(NOBODY);
  #capacity: number;
  #free: number[] = [];
  #used = 0;
  #tick = 0;
  /** Tick of the last frame; ticks of silence allowed; neighbours in the slot; which slot. */
  #heardAt: Uint32Array;
  #limit: Uint32Array;
  #next: Int32Array;
  #before: Int32Array;
  #slot: Int16Array;
  #heads: Float64Array;
  #tokens: Float64Array;
  #filledAt: Uint32Array;
  #faults: Uint16Array;
  #excess: Uint16Array;

  constructor(rates: SeatRates, capacity = 1_024) {
    this.#rates = rates;
    this.#capacity = capacity;
    this.#heardAt = new Uint32Array(capacity);
    this.#limit = new Uint32Array(capacity);
    this.#next = new Int32Array(capacity);
    this.#before = new Int32Array(capacity);
    this.#slot = new Int16Array(capacity);
    this.#heads = new Float64Array(capacity);
    this.#tokens = new Float64Array(capacity);
    this.#filledAt = new Uint32Array(capacity);
    this.#faults = new Uint16Array(capacity);
    this.#excess = new Uint16Array(capacity);
  }

  /** Ticks that have passed. */
  get tick(): number {
    return this.#tick;
  }

  /** Takes a seat that is due when nothing is heard for `limitTicks`. */
  take(limitTicks: number): number {
    const seat = this.#free.pop() ?? this.#used++;
    if (seat >= this.#capacity) this.#grow();
    this.#heardAt[seat] = this.#tick;
    this.#limit[seat] = limitTicks;
    this.#heads[seat] = 0;
    this.#tokens[seat] = this.#rates.maxTokens;
    this.#filledAt[seat] = this.#tick;
    this.#faults[seat] = 0;
    this.#excess[seat] = 0;
    this.#link(seat);
    return seat;
  }

  /** Gives a seat back; it may be taken by another connection. */
  give(seat: number): void {
    this.#unlink(seat);
    this.#free.push(seat);
  }

  heard(seat: number): void {
    this.#heardAt[seat] = this.#tick;
  }

  /** From now on this much silence is allowed. */
  allow(seat: number, limitTicks: number): void {
    this.#heardAt[seat] = this.#tick;
    this.#limit[seat] = limitTicks;
    this.#unlink(seat);
    this.#link(seat);
  }

  head(seat: number): number {
    return this.#heads[seat] ?? 0;
  }

  /** Heads only grow. True: this one is news. */
  raiseHead(seat: number, head: number): boolean {
    if (head <= (this.#heads[seat] ?? 0)) return false;
    this.#heads[seat] = head;
    return true;
  }

  /** Takes so many tokens if there is one at least; a debt has to be filled before the next. */
  spend(seat: number, tokens = 1): boolean {
    const { tokensPerTick, maxTokens } = this.#rates;
    const elapsed = this.#tick - (this.#filledAt[seat] ?? 0);
    if (elapsed > 0) {
      this.#tokens[seat] = Math.min(maxTokens, (this.#tokens[seat] ?? 0) + elapsed * tokensPerTick);
      this.#filledAt[seat] = this.#tick;
    }
    const left = this.#tokens[seat] ?? 0;
    if (left < 1) return false;
    this.#tokens[seat] = left - tokens;
    return true;
  }

  /** Takes tokens without asking, for what is known to be dear only afterwards: the debt has to be filled first. */
  charge(seat: number, tokens: number): void {
    this.#tokens[seat] = (this.#tokens[seat] ?? 0) - tokens;
  }

  /** Counts something malformed; the count so far. */
  fault(seat: number): number {
    return (this.#faults[seat] = Math.min(0xffff, (this.#faults[seat] ?? 0) + 1));
  }

  /** Counts what is beyond the rate; the count so far. */
  exceed(seat: number, tokens = 1): number {
    return (this.#excess[seat] = Math.min(0xffff, (this.#excess[seat] ?? 0) + tokens));
  }

  /**
   * Moves on by one tick and calls back for every seat whose silence is over its limit. A tick is one call: after a
   * pause of the whole process nobody is due before what waited in the sockets was read.
   */
  advance(due: (seat: number) => void): void {
    this.#tick += 1;
    const slot = this.#tick % WHEEL_SLOTS;
    // Nobody is put into the slot of this tick again, so it ends; whoever is called back may give back any seat.
    for (let seat = this.#wheel[slot] ?? NOBODY; seat !== NOBODY; seat = this.#wheel[slot] ?? NOBODY) {
      this.#unlink(seat);
      this.#faults[seat] = (this.#faults[seat] ?? 0) >> 1;
      this.#excess[seat] = (this.#excess[seat] ?? 0) >> 1;
      if (this.#tick - (this.#heardAt[seat] ?? 0) >= (this.#limit[seat] ?? 0)) due(seat);
      else this.#link(seat);
    }
  }

  #link(seat: number): void {
    const dueAt = Math.max(this.#tick + 1, (this.#heardAt[seat] ?? 0) + (this.#limit[seat] ?? 0));
    const slot = Math.min(dueAt, this.#tick + WHEEL_SLOTS - 1) % WHEEL_SLOTS;
    const first = this.#wheel[slot] ?? NOBODY;
    this.#next[seat] = first;
    this.#before[seat] = NOBODY;
    if (first !== NOBODY) this.#before[first] = seat;
    this.#wheel[slot] = seat;
    this.#slot[seat] = slot;
  }

  #unlink(seat: number): void {
    const slot = this.#slot[seat] ?? NOBODY;
    if (slot === NOBODY) return;
    const [next, before] = [this.#next[seat] ?? NOBODY, this.#before[seat] ?? NOBODY];
    if (before === NOBODY) this.#wheel[slot] = next;
    else this.#next[before] = next;
    if (next !== NOBODY) this.#before[next] = before;
    this.#slot[seat] = NOBODY;
  }

  #grow(): void {
    const capacity = this.#capacity * 2;
    const grown = <A extends Uint32Array | Int32Array | Int16Array | Uint16Array | Float64Array>(
      make: new (length: number) => A,
      old: A,
    ): A => {
      const array = new make(capacity);
      array.set(old);
      return array;
    };
    this.#heardAt = grown(Uint32Array, this.#heardAt);
    this.#limit = grown(Uint32Array, this.#limit);
    this.#next = grown(Int32Array, this.#next);
    this.#before = grown(Int32Array, this.#before);
    this.#slot = grown(Int16Array, this.#slot);
    this.#heads = grown(Float64Array, this.#heads);
    this.#tokens = grown(Float64Array, this.#tokens);
    this.#filledAt = grown(Uint32Array, this.#filledAt);
    this.#faults = grown(Uint16Array, this.#faults);
    this.#excess = grown(Uint16Array, this.#excess);
    this.#capacity = capacity;
  }
}
