/** The stored queue of commands (SYN5, SYN6): each ends exactly once, in order, however often it has to be sent. */
import { DuologError, newOutboxId } from '@duolog/protocol';
import type { CommandName, Params, Result, WireError } from '@duolog/protocol';
import { backoffMs } from './clock.ts';
import type { Clock } from './clock.ts';
import type { Answer } from './connection.ts';
import { Lane } from './lane.ts';
import type { Link } from './link.ts';
import { afterPrefix } from './local.ts';
import type { Local } from './local.ts';
import { KEYS } from './records.ts';
import type { LaneRecord, Queued } from './records.ts';
import { Item } from './sending.ts';
import type { Sending } from './sending.ts';
import { deferred } from './waiting.ts';

export interface OutboxEvents {
  /** The state of a command changed, or it was dropped. */
  changed(item: Item): void;
  /** Why a command cannot even be sent, if so. */
  refusal(method: CommandName, params: object): DuologError | undefined;
  /** A command was stored by the server. */
  stored(item: Item): void;
  /** Whether the message of an answered command is among the messages already. */
  applied(conversation: string, seq: number): boolean;
}

type Failure = { readonly error: WireError };

export class Outbox {
  readonly #link: Link;
  readonly #local: Local;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #events: OutboxEvents;
  readonly #lanes = new Map<string, Lane<Item>>();
  /** Messages that were answered but whose entry has not come, or that failed. */
  readonly #kept = new Set<Item>();
  #id = newOutboxId();
  #lastOrder = 0;
  #whenAnswered: () => void = () => undefined;
  /** What was listed since something changed: of an entity, or of all. */
  readonly #lists = new Map<string | undefined, readonly Item[]>();

  constructor(link: Link, local: Local, clock: Clock, random: () => number, events: OutboxEvents) {
    this.#link = link;
    this.#local = local;
    this.#clock = clock;
    this.#random = random;
    this.#events = events;
  }

  /** Reads what was queued when the program ended. */
  async load(): Promise<void> {
    const id = await this.#local.get(KEYS.outbox);
    if (typeof id === 'string') this.#id = id;
    else this.#local.put(KEYS.outbox, this.#id);
    for (const [key, value] of await this.#local.list(KEYS.lanes, afterPrefix(KEYS.lanes))) {
      const entity = key.slice(KEYS.lanes.length);
      this.#lanes.set(entity, new Lane(entity, value as LaneRecord));
    }
    for (const [, value] of await this.#local.list(KEYS.queue, afterPrefix(KEYS.queue))) {
      const item = new Item(value as Queued, true, this.#actions);
      const { entity, outbox, order, result, error } = item.record;
      this.#lastOrder = order;
      if (result !== undefined || error !== undefined) this.#kept.add(item);
      else this.#lane(entity, { outbox, last: 0 }).items.push(item);
    }
  }

  /**
   * Commands that are not answered or whose outcome is not shown elsewhere yet, oldest first: of an entity, or all. The
   * same array as long as none of them changed.
   */
  list(entity?: string): readonly Item[] {
    let list = this.#lists.get(entity);
    if (list === undefined) {
      const lanes = [...this.#lanes.values()].flatMap(({ items }) => items);
      list = [...lanes, ...this.#kept]
        .filter((item) => entity === undefined || item.record.entity === entity)
        .toSorted((a, b) => a.order - b.order);
      this.#lists.set(entity, list);
    }
    return list;
  }

  /** Unanswered commands of an entity, oldest first. */
  unanswered(entity: string): readonly Item[] {
    return this.#lanes.get(entity)?.items ?? [];
  }

  /** Queues a command; what cannot be sent at all has failed already and never gets a number. */
  add<M extends CommandName>(entity: string, method: M, params: Params<M>): Sending<M> {
    const error = this.#events.refusal(method, params)?.toWire();
    const lane = this.#lane(entity, { outbox: this.#id, last: 0 });
    const record: Queued = { order: ++this.#lastOrder, entity, ...lane.next(), method, params, at: this.#clock.now() };
    const item = new Item(error === undefined ? record : { ...record, error }, false, this.#actions);
    if (error === undefined) {
      lane.items.push(item);
      this.#store(lane, [item]);
      this.#changed(item);
    } else this.#keep(item);
    return item as Sending as Sending<M>;
  }

  /** Changes a command that was surely never executed and is not under way. */
  amend(item: Item, params: object): boolean {
    const lane = this.#lanes.get(item.record.entity);
    if (lane === undefined || item.inFlight || item.dangling) return false;
    item.record = { ...item.record, params };
    item.durable = false;
    this.#store(lane, [item]);
    return true;
  }

  /** Gives a command up, whether or not it was executed. */
  abandon(item: Item): void {
    const lane = this.#lanes.get(item.record.entity);
    item.forget?.();
    if (lane !== undefined)
      this.#fail(lane, item, new DuologError('stale', 'The server was restored from a backup.').toWire());
  }

  /** There is a connection: everything unanswered is sent again, as it was. */
  resume(): void {
    for (const lane of this.#lanes.values()) {
      lane.stopTimer();
      lane.troubled = false;
      lane.laterMs = undefined;
      this.#pump(lane);
    }
  }

  /** Nothing is sent again by itself any more. */
  close(): void {
    for (const lane of this.#lanes.values()) lane.stopTimer();
  }

  /** Resolves once no message is of unknown outcome, or after `atMostMs`. */
  async certain(atMostMs: number): Promise<void> {
    const sure = (): boolean =>
      ![...this.#lanes.values()].some(({ items }) => items.some((item) => item.dangling && item.inFlight));
    if (sure()) return;
    const waited = deferred<void>();
    const stop = this.#clock.after(atMostMs, () => waited.resolve());
    this.#whenAnswered = () => sure() && waited.resolve();
    await waited.promise;
    stop();
    this.#whenAnswered = () => undefined;
  }

  /** From now on commands are numbered in a new outbox: an outbox belongs to one device. */
  renew(): void {
    this.#id = newOutboxId();
    this.#local.put(KEYS.outbox, this.#id);
    for (const lane of this.#lanes.values()) this.#store(lane, lane.turnOver(this.#id));
  }

  /** The message of a `sent` entry, which has come to be applied now; undefined if it is not known here. */
  take(entity: string, outbox: string, n: number, seq: number, at: number): Item | undefined {
    const matches = ({ record }: Item): boolean =>
      record.entity === entity && record.outbox === outbox && record.n === n && record.error === undefined;
    const lane = this.#lanes.get(entity);
    const waiting = lane?.items.find(matches);
    if (lane === undefined || waiting === undefined) {
      const kept = [...this.#kept].find(matches);
      if (kept !== undefined) this.#drop(kept);
      return kept;
    }
    waiting.forget?.();
    this.#accept(lane, waiting, { seq, at }, true);
    this.#goOn(lane);
    return waiting;
  }

  /** All messages of a conversation up to a seq are applied: what stood for them here goes. */
  dropApplied(upToSeq: (conversation: string) => number): void {
    for (const item of this.#kept) {
      const { result, entity } = item.record;
      if (result !== undefined && (result as Result<'message.send'>).seq <= upToSeq(entity)) this.#drop(item);
    }
  }

  readonly #actions = {
    retry: (item: Item): Sending => {
      if (item.state.status !== 'failed' || item.discarded) return item.anew ?? item;
      this.#actions.discard(item);
      return (item.anew = this.add(item.record.entity, item.method, item.params));
    },
    discard: (item: Item): void => {
      if (item.state.status !== 'failed') return;
      item.discarded = true;
      this.#drop(item);
    },
  };

  #lane(entity: string, fresh: LaneRecord): Lane<Item> {
    let lane = this.#lanes.get(entity);
    if (lane === undefined) this.#lanes.set(entity, (lane = new Lane<Item>(entity, fresh)));
    return lane;
  }

  /** Stores items; they may be sent after that. */
  #store(lane: Lane<Item>, items: readonly Item[]): void {
    const records = items.map((item) => item.record);
    for (const record of records) this.#local.put(KEYS.queued(record.order), record);
    this.#local.put(KEYS.lane(lane.entity), lane.record);
    void this.#local.durable().then(() => {
      // What was numbered anew meanwhile is stored by another call.
      items.forEach((item, i) => (item.durable ||= item.record === records[i]));
      this.#pump(lane);
    });
  }

  #pump(lane: Lane<Item>): void {
    if (!this.#link.ready) return;
    for (const item of lane.due()) {
      const { method, params, outbox, n } = item.record;
      item.forget = () => undefined;
      const forget = this.#link.request(method, params, (answer) => this.#answered(lane, item, answer), { outbox, n });
      if (item.inFlight) item.forget = forget;
      this.#changed(item);
    }
  }

  #answered(lane: Lane<Item>, item: Item, answer: Answer<CommandName>): void {
    item.forget = undefined;
    if ('result' in answer) this.#accept(lane, item, answer.result, false);
    else this.#refused(lane, item, answer);
    this.#goOn(lane);
  }

  #goOn(lane: Lane<Item>): void {
    if (!lane.troubled) this.#pump(lane);
    else if (!lane.busy) this.#recover(lane);
    this.#whenAnswered();
  }

  #accept(lane: Lane<Item>, item: Item, result: object, applied: boolean): void {
    lane.attempts = 0;
    lane.remove(item);
    this.#local.put(KEYS.lane(lane.entity), lane.record);
    item.record = { ...item.record, result };
    item.settle({ status: 'stored', result });
    const shown =
      item.method !== 'message.send' ||
      applied ||
      this.#events.applied(lane.entity, (result as Result<'message.send'>).seq);
    if (shown) this.#drop(item);
    else this.#keep(item);
    this.#whenSaved(lane, item);
    this.#events.stored(item);
  }

  /** The answer is stored here: what lies a window behind it may go out. */
  #whenSaved(lane: Lane<Item>, { record: { n } }: Item): void {
    void this.#local.durable().then(() => {
      if (lane.unsaved.delete(n)) this.#pump(lane);
    });
  }

  #refused(lane: Lane<Item>, item: Item, { error }: Failure): void {
    const { code, expected, retryAfterMs, retry } = error;
    switch (code) {
      case 'gap':
        item.gap = expected;
        // Answers come in order: what was sent before this one and is not answered was lost on the way.
        for (const earlier of lane.items.slice(0, lane.items.indexOf(item))) if (earlier.inFlight) this.#lose(earlier);
        break;
      case 'stale':
      case 'conflict':
        // This device was restored from an old copy: its numbers are used up by others (SYN5).
        this.#fail(lane, item, error);
        this.#store(lane, lane.turnOver(newOutboxId()));
        return;
      case 'unknown':
      case 'internal':
        item.dangling = true;
        break;
      default:
        if (retry === 'never') return this.#fail(lane, item, error);
    }
    lane.troubled = true;
    if (retry === 'later') lane.laterMs = Math.max(lane.laterMs ?? 0, retryAfterMs ?? 0);
    this.#changed(item);
  }

  #lose(item: Item): void {
    item.forget?.();
    item.forget = undefined;
    item.dangling = true;
    this.#changed(item);
  }

  #fail(lane: Lane<Item>, item: Item, error: WireError): void {
    lane.attempts = 0;
    // A refusal is the answer of its n for good (COM10).
    lane.remove(item);
    this.#local.put(KEYS.lane(lane.entity), lane.record);
    item.record = { ...item.record, error };
    item.settle({ status: 'failed', error: DuologError.fromWire(error) });
    if (item.method === 'message.send') this.#keep(item);
    else this.#drop(item);
    this.#whenSaved(lane, item);
  }

  /** Nothing of this lane is under way and something has to be sent again: from the oldest on, after a while if it fails repeatedly. */
  #recover(lane: Lane<Item>): void {
    const moved = lane.renumber(newOutboxId);
    if (moved.length > 0) this.#store(lane, moved);
    if (!this.#link.ready) return;
    const { laterMs, attempts } = lane;
    lane.laterMs = undefined;
    lane.attempts++;
    const goOn = (): void => {
      lane.troubled = false;
      this.#pump(lane);
    };
    if (laterMs === undefined && attempts === 0) return goOn();
    lane.stopTimer();
    // The first time, a server that names a time is believed; after that waits grow whatever it says.
    const waitMs =
      laterMs !== undefined && laterMs > 0 && attempts === 0
        ? laterMs
        : Math.max(laterMs ?? 0, backoffMs(attempts, this.#random));
    lane.stopTimer = this.#clock.after(waitMs, goOn);
  }

  #changed(item: Item): void {
    this.#lists.clear();
    this.#events.changed(item);
  }

  #keep(item: Item): void {
    this.#kept.add(item);
    this.#local.put(KEYS.queued(item.order), item.record);
    this.#changed(item);
  }

  #drop(item: Item): void {
    this.#kept.delete(item);
    this.#local.drop(KEYS.queued(item.order));
    this.#changed(item);
  }
}
