/** Tells the server the read positions, at most once a second each, so within the two seconds that are promised. */
import type { Params } from '@duolog/protocol';
import type { Clock } from './clock.ts';
import type { Outbox } from './outbox.ts';
import type { Replica } from './replica.ts';
import type { Item } from './sending.ts';

const REPORT_MS = 1000;

export class Reads {
  readonly #replica: Replica;
  readonly #outbox: Outbox;
  readonly #clock: Clock;
  readonly #dirty = new Set<string>();
  #stopTimer: (() => void) | undefined;

  constructor(replica: Replica, outbox: Outbox, clock: Clock) {
    this.#replica = replica;
    this.#outbox = outbox;
    this.#clock = clock;
  }

  /** Positions that were set but not told when the program ended. */
  load(): void {
    for (const [conversation, { view, toldSeq }] of this.#replica.rows)
      if (view.readSeq > toldSeq) this.changed(conversation);
  }

  /** A position was moved by the person or by an own message. */
  changed(conversation: string): void {
    this.#dirty.add(conversation);
    this.#stopTimer ??= this.#clock.after(REPORT_MS, () => this.flush());
  }

  /** Puts what is not told yet into the outbox. */
  flush(): void {
    this.close();
    for (const conversation of this.#dirty) this.#report(conversation);
    this.#dirty.clear();
  }

  /** Positions on their way. */
  queued(): readonly Item[] {
    return this.#outbox.unanswered(this.#replica.user).filter((item) => item.method === 'conversation.read');
  }

  close(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  #report(conversation: string): void {
    const row = this.#replica.row(conversation);
    const { user } = this.#replica;
    if (row === undefined || row.view.readSeq <= row.toldSeq) return;
    const params: Params<'conversation.read'> = { conversation, seq: row.view.readSeq };
    const queued = this.queued().filter((item) => (item.params as typeof params).conversation === conversation);
    // One that was not sent yet takes the newer position, so that a week offline leaves one command, not thousands.
    if (queued.some((item) => (item.params as typeof params).seq >= params.seq || this.#outbox.amend(item, params)))
      return;
    this.#outbox.add(user, 'conversation.read', params);
  }
}
