/** The cursor: entries are applied in order, each once; push is a hint, pull is the truth (SYN2). */
import { DuologError, LIMITS } from '@duolog/protocol';
import type { Conversation, Entry, MethodName, Params, Result } from '@duolog/protocol';
import { backoffMs } from './clock.ts';
import type { Clock } from './clock.ts';
import type { Answer } from './connection.ts';
import type { Link } from './link.ts';

/** How long a missing entry may be late before it is pulled (SYN2). */
const GAP_MS = 300;
/** Live entries that may wait behind a missing one; more are pulled. */
const MAX_AHEAD = 1000;

export interface Position {
  /** Undefined: nothing was ever synced. */
  readonly epoch: string | undefined;
  readonly cursor: number;
}

export interface SyncEvents {
  /** Applies an entry and stores it with this position. False: it cannot be applied as it is, so it has to be pulled. */
  apply(entry: Entry, position: Position): boolean;
  /** Drops the copy (SYN3) and stores this position. */
  reset(conversations: readonly Conversation[], position: Position): void;
  /** What was missed is applied; from now on entries come live. */
  caughtUp(): void;
  fault(detail: string): void;
}

export class Sync {
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #events: SyncEvents;
  #position: Position = { epoch: undefined, cursor: 0 };
  /** The newest number known to exist. */
  #head = 0;
  readonly #ahead = new Map<number, Entry>();
  /** Live entries wait while this is so: a pull is under way or about to begin. */
  #pulling = true;
  #again = false;
  /** Which connection a pull belongs to. */
  #round = 0;
  #pullRound = -1;
  #failures = 0;
  #stopTimer: (() => void) | undefined;

  constructor(link: Link, clock: Clock, random: () => number, events: SyncEvents) {
    this.#link = link;
    this.#clock = clock;
    this.#random = random;
    this.#events = events;
  }

  get position(): Position {
    return this.#position;
  }

  /** Goes on from where this device was when the program ended. */
  restore(position: Position): void {
    this.#position = position;
  }

  /** A connection was made. Entries wait until `start`. */
  opened(): void {
    this.#round++;
    this.#failures = 0;
  }

  /** Pulls what was missed, if anything was. */
  start({ epoch, head }: { readonly epoch: string; readonly head: number }): void {
    const { cursor } = this.#position;
    this.#head = head;
    if (epoch === this.#position.epoch && head === cursor) this.#caughtUp();
    else this.#pull();
  }

  closed(): void {
    this.#round++;
    this.#pulling = true;
    this.#again = false;
    this.#ahead.clear();
    this.#clearTimer();
  }

  /** A live entry. */
  take(entry: Entry): void {
    const { cursor } = this.#position;
    if (entry.useq <= cursor) return;
    this.#head = Math.max(this.#head, entry.useq);
    if (this.#pulling || entry.useq > cursor + 1) {
      if (this.#ahead.size < MAX_AHEAD) this.#ahead.set(entry.useq, entry);
      this.#suspect();
      return;
    }
    if (this.#apply(entry)) this.#advance();
    else this.#pull();
  }

  /** The server knows this head (SYN7). */
  headIs(useq: number, epoch: string | undefined = this.#position.epoch): void {
    // A pull that is under way learns the epoch by itself.
    if (epoch !== this.#position.epoch && !this.#pulling) return this.#pull();
    this.#head = Math.max(this.#head, useq);
    if (useq > this.#position.cursor) this.#suspect();
  }

  #clearTimer(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  /** Something is missing: it may be on its way. */
  #suspect(): void {
    if (this.#pulling) return;
    this.#stopTimer ??= this.#clock.after(GAP_MS, () => {
      this.#stopTimer = undefined;
      if (this.#head > this.#position.cursor) this.#pull();
    });
  }

  #apply(entry: Entry): boolean {
    const position = { ...this.#position, cursor: entry.useq };
    if (!this.#events.apply(entry, position)) return false;
    this.#position = position;
    return true;
  }

  /** Applies what waited behind the cursor. */
  #advance(): void {
    for (const useq of this.#ahead.keys()) if (useq <= this.#position.cursor) this.#ahead.delete(useq);
    for (;;) {
      const entry = this.#ahead.get(this.#position.cursor + 1);
      if (entry === undefined) break;
      this.#ahead.delete(entry.useq);
      if (!this.#apply(entry)) return this.#pull();
    }
    if (this.#head <= this.#position.cursor) this.#clearTimer();
    else this.#suspect();
  }

  #pull(): void {
    this.#clearTimer();
    if (this.#pulling && this.#round === this.#pullRound) {
      this.#again = true;
      return;
    }
    this.#pulling = true;
    this.#again = false;
    const round = (this.#pullRound = this.#round);
    this.#pages().then(
      () => {
        if (round !== this.#round) return;
        this.#pullRound = -1;
        this.#failures = 0;
        this.#caughtUp();
        if (this.#again) this.#pull();
      },
      (error: unknown) => {
        // Without its connection a pull is over: the next connection begins one of its own.
        if (round === this.#round) this.#retry(error);
      },
    );
  }

  #caughtUp(): void {
    this.#pulling = false;
    this.#events.caughtUp();
    this.#advance();
  }

  #retry(error: unknown): void {
    this.#pullRound = -1;
    const known = error instanceof DuologError ? error : new DuologError('internal', String(error), { cause: error });
    if (!known.retryable) this.#events.fault(`A pull was refused: ${known.message}`);
    const waitMs = Math.max(known.facts.retryAfterMs ?? 0, backoffMs(this.#failures++, this.#random));
    this.#stopTimer = this.#clock.after(waitMs, () => this.#pull());
  }

  /** Pulls page after page until there is no more. */
  async #pages(): Promise<void> {
    for (;;) {
      const { epoch, cursor } = this.#position;
      const params = { cursor, limit: LIMITS.maxPage, ...(epoch === undefined ? {} : { epoch }) };
      const page = await this.#ask('sync', params);
      this.#head = page.epoch === epoch ? Math.max(this.#head, page.head) : page.head;
      if (page.state === 'reset') await this.#reset(page);
      else {
        this.#position = { epoch: page.epoch, cursor };
        this.#run(page.entries);
        // A page without entries that promises more is a fault; what is missing is noticed by its head.
        if (!page.more || page.entries.length === 0) return;
      }
    }
  }

  #run(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.useq <= this.#position.cursor) continue;
      if (entry.useq !== this.#position.cursor + 1)
        throw new DuologError('internal', `sync jumped from ${this.#position.cursor} to ${entry.useq}`);
      if (!this.#apply(entry)) throw new DuologError('internal', `sync sent an entry of kind ${entry.kind}`);
    }
  }

  async #reset({ epoch, head }: Result<'sync'>): Promise<void> {
    const conversations: Conversation[] = [];
    for (let more = true; more;) {
      const after = conversations.at(-1)?.conversation;
      const page = await this.#ask('conversation.list', {
        limit: LIMITS.maxPage,
        ...(after === undefined ? {} : { after }),
      });
      conversations.push(...page.conversations);
      more = page.more && page.conversations.length > 0;
    }
    this.#position = { epoch, cursor: head };
    this.#events.reset(conversations, this.#position);
  }

  /** Asks until the rate allows it: a page that has to wait is no reason to begin the list anew. */
  async #ask<M extends MethodName>(method: M, params: Params<M>): Promise<Result<M>> {
    for (;;) {
      const answer = await new Promise<Answer<M>>((resolve) => void this.#link.request(method, params, resolve));
      if ('result' in answer) return answer.result;
      const { code, retryAfterMs = GAP_MS } = answer.error;
      if (code !== 'rateLimited') throw DuologError.fromWire(answer.error);
      // If the connection ends meanwhile, so does this pull, and nobody waits for it.
      await new Promise<void>((resolve) => void (this.#stopTimer = this.#clock.after(retryAfterMs, resolve)));
      this.#clearTimer();
    }
  }
}
