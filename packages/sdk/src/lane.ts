/**
 * The numbering of one entity's commands (COM10, SYN5): which may be under way, and what numbers they get when the
 * server misses one.
 */
import { LIMITS } from '@duolog/protocol';
import type { LaneRecord, Queued } from './records.ts';

/** A command that waits for its answer. */
export interface LaneItem {
  record: Queued;
  /** Stored on this device; before that it must not be sent. */
  durable: boolean;
  /** Under way over the present connection. */
  inFlight: boolean;
  /** A copy sent earlier may still be executed: nobody said that it was not. */
  dangling: boolean;
  /** The number the server expects before this one can be executed. */
  gap: number | undefined;
}

export class Lane<I extends LaneItem = LaneItem> {
  readonly entity: string;
  /** Unanswered commands, oldest first. */
  readonly items: I[] = [];
  #outbox: string;
  #last: number;
  /** Waits until nothing is under way, or for a time, before it goes on. */
  troubled = false;
  /** Rounds without progress. */
  attempts = 0;
  /** The longest wait that an answer of this round asked for; undefined: none did. */
  laterMs: number | undefined;
  stopTimer: () => void = () => undefined;

  constructor(entity: string, { outbox, last }: LaneRecord) {
    this.entity = entity;
    this.#outbox = outbox;
    this.#last = last;
  }

  /**
   * Numbers whose answers are not stored here yet. They hold the window back: after a restart they would be sent again,
   * and the server remembers no more than a window of answers.
   */
  readonly unsaved = new Set<number>();

  get record(): LaneRecord {
    return { outbox: this.#outbox, last: this.#last };
  }

  get busy(): boolean {
    return this.items.some((item) => item.inFlight);
  }

  /** The number for a new command. */
  next(): { readonly outbox: string; readonly n: number } {
    const used = this.items.filter(({ record }) => record.outbox === this.#outbox).map(({ record }) => record.n);
    return { outbox: this.#outbox, n: Math.max(this.#last, ...used) + 1 };
  }

  /** What may be sent now: the oldest unanswered and what lies within the window behind it, in order. */
  due(): readonly I[] {
    const first = this.items[0]?.record;
    if (this.troubled || first === undefined) return [];
    const due: I[] = [];
    const oldest = Math.min(first.n, ...this.unsaved);
    for (const item of this.items) {
      const { outbox, n } = item.record;
      if (outbox !== first.outbox || n >= oldest + LIMITS.outboxWindow || !item.durable) break;
      if (!item.inFlight) due.push(item);
    }
    return due;
  }

  /**
   * Takes a command out that was answered. Its number is used up, by a refusal too; where the server did not even
   * understand it, the next one gets `gap` and is numbered anew.
   */
  remove(item: I): void {
    const { outbox, n } = item.record;
    if (outbox === this.#outbox) {
      this.#last = Math.max(this.#last, n);
      this.unsaved.add(n);
    }
    const at = this.items.indexOf(item);
    if (at >= 0) this.items.splice(at, 1);
  }

  /**
   * If the server misses numbers below the oldest unanswered command (the server was restored, or did not understand one
   * before it), none of these commands was executed: they are numbered anew from the one expected. If a copy of one may
   * still be under way, they go into a fresh outbox instead, lest a late copy fits a number that became free. Returns
   * what has changed.
   */
  renumber(freshOutbox: () => string): readonly I[] {
    const first = this.items[0];
    const expected = first?.gap;
    for (const item of this.items) item.gap = undefined;
    if (first === undefined || expected === undefined || expected >= first.record.n) return [];
    const safe = this.items.every(({ record, dangling }) => record.outbox === this.#outbox && !dangling);
    if (!safe) this.#outbox = freshOutbox();
    this.unsaved.clear();
    this.#last = safe ? expected - 1 : 0;
    let n = this.#last;
    for (const item of this.items) this.#move(item, ++n);
    return this.items;
  }

  /** A new outbox, because the old one is used elsewhere (SYN5). What may have been executed keeps its number; the rest moves. */
  turnOver(outbox: string): readonly I[] {
    this.#outbox = outbox;
    this.#last = 0;
    this.unsaved.clear();
    const moving = this.items.filter((item) => !item.inFlight && !item.dangling);
    moving.forEach((item, i) => this.#move(item, i + 1));
    return moving;
  }

  #move(item: I, n: number): void {
    item.record = { ...item.record, outbox: this.#outbox, n };
    item.dangling = false;
    item.durable = false;
  }
}
