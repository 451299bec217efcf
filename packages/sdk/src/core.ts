/** Joins the parts of a client: what comes over the link goes to the copy, what the copy needs goes over the link. */
import { DuologError, LIMITS } from '@duolog/protocol';
import type { Entry, Event, Limits, Params, Result, User } from '@duolog/protocol';
import type { Clock } from './clock.ts';
import { Emitter } from './emitter.ts';
import type { ClientEvents, ClientState } from './events.ts';
import { Link } from './link.ts';
import type { LinkState } from './link.ts';
import { Local } from './local.ts';
import type { Settings } from './options.ts';
import { Outbox } from './outbox.ts';
import { People } from './people.ts';
import { Reads } from './reads.ts';
import { COPIED, KEYS } from './records.ts';
import type { Place } from './records.ts';
import { refusalOf } from './refusal.ts';
import { Replica } from './replica.ts';
import type { AnySending, Item } from './sending.ts';
import { SessionKeeper } from './session.ts';
import { Sync } from './sync.ts';
import type { Position } from './sync.ts';

/** How long a pull waits for the outcome of messages that may have been stored: else they would show twice for a moment. */
const CERTAIN_MS = 1000;
/** After this long `watch` is asked again, where the server names no time. */
const WATCH_MS = 1000;

export class Core {
  readonly emitter = new Emitter<ClientEvents>();
  readonly local: Local;
  readonly session: SessionKeeper;
  readonly link: Link;
  readonly replica: Replica;
  readonly outbox: Outbox;
  readonly reads: Reads;
  readonly people: People;
  readonly #sync: Sync;
  state: ClientState = { status: 'idle' };
  account: User | undefined;
  skippedEntries = 0;
  watched: readonly string[] = [];
  readonly #clock: Clock;
  #stopWatch: () => void = () => undefined;
  #place: Partial<Place> = {};
  #limits: Limits = LIMITS;

  constructor(settings: Settings) {
    const { cache, clock, random } = settings;
    this.#clock = clock;
    const { emitter } = this;
    this.local = new Local(cache, clock, random, (error) => emitter.emit('alarm', { kind: 'storage', error }));
    this.session = new SessionKeeper(settings, this.local);
    this.link = new Link(
      (attempt, signal) => this.session.approach(attempt, signal),
      settings.webSocket,
      clock,
      random,
      {
        state: (state) => this.#linked(state),
        opened: (welcome) => this.#opened(welcome),
        item: (item) => this.#item(item),
        head: (useq) => this.#sync.headIs(useq),
        closed: () => {
          this.#stopWatch();
          this.#sync.closed();
        },
        cursor: () => this.#sync.position.cursor,
      },
    );
    this.replica = new Replica(this.local, emitter, settings.cachedMessages, {
      hole: (conversation, first, last) => this.#background(this.#fill(conversation, first, last)),
      stub: (conversation) => this.#background(this.people.members(conversation)),
      read: (conversation) => this.reads.changed(conversation),
    });
    this.outbox = new Outbox(this.link, this.local, clock, random, {
      changed: (item) => emitter.emit('sending', item as AnySending),
      refusal: (method, params) => refusalOf(method, params, this.#limits),
      stored: (item) => this.#stored(item),
      applied: (conversation, seq) => (this.replica.row(conversation)?.view.lastSeq ?? 0) >= seq,
    });
    this.reads = new Reads(this.replica, this.outbox, clock);
    this.people = new People(this.link, this.local, this.replica, emitter);
    this.#sync = new Sync(this.link, clock, random, {
      apply: (entry, position) => this.#apply(entry, position),
      reset: (conversations, position) => this.#reset(conversations, position),
      caughtUp: () => this.#set({ status: 'live' }),
      fault: (detail) => this.#fault(detail),
    });
    emitter.on('alarm', ({ kind }) => {
      if (kind === 'skipped') this.skippedEntries++;
    });
    emitter.on('account', (account) => {
      this.account = account;
      this.people.learnt(account);
      this.#background(this.session.renamed(account.handle));
    });
  }

  /** Reads the local copy. */
  async load(): Promise<void> {
    // A cache that was emptied while it was in use has what was put since: the rest of the copy is gone.
    if ((await this.local.get(KEYS.format)) === undefined) {
      this.local.drop(KEYS.place);
      for (const prefix of COPIED) this.local.drop(prefix);
      this.local.put(KEYS.format, 1);
    }
    const place = (await this.local.get(KEYS.place)) as Place | undefined;
    if (place !== undefined) {
      this.#place = place;
      this.replica.user = place.user;
      this.#sync.restore({ epoch: place.epoch, cursor: place.cursor });
    }
    this.account = (await this.local.get(KEYS.account)) as User | undefined;
    await this.replica.load();
    await this.outbox.load();
    this.reads.load();
  }

  watch(conversations: readonly string[]): void {
    this.watched = conversations;
    this.#stopWatch();
    if (!this.link.ready) return;
    // Of one that was left nothing comes, and it would have all of them refused.
    const joined = conversations.filter((id) => this.replica.row(id)?.view.state !== 'left');
    this.link.request('watch', { conversations: joined }, (answer) => {
      if (!('error' in answer)) return;
      const { retry, detail, retryAfterMs = WATCH_MS } = answer.error;
      if (retry === 'never') this.#fault(`watch: ${detail}`);
      else this.#stopWatch = this.#clock.after(retryAfterMs, () => this.watch(this.watched));
    });
  }

  #set(state: ClientState): void {
    this.state = state;
    this.emitter.emit('state', state);
  }

  #linked(state: LinkState): void {
    if (state.status === 'stopped' && state.error.code === 'unauthenticated') this.session.forget();
    this.#set(state.status === 'open' ? { status: 'syncing' } : state);
  }

  #opened(welcome: Result<'hello'>): void {
    const { user, device, epoch, limits } = welcome;
    if (this.#place.user !== undefined && this.#place.user !== user) {
      return this.link.stop(new DuologError('conflict', 'The cache belongs to another account.'));
    }
    if (this.#place.device !== undefined && this.#place.device !== device) this.outbox.renew();
    // A position counts messages of its epoch: in another one it would pass over messages that nobody has read.
    if (epoch !== this.#place.epoch) for (const item of this.reads.queued()) this.outbox.abandon(item);
    this.#place = { ...this.#place, user, device };
    this.#limits = { ...LIMITS, ...(limits as Limits) };
    this.replica.user = user;
    this.#keepPlace(this.#sync.position);
    this.#sync.opened();
    this.outbox.resume();
    if (this.watched.length > 0) this.watch(this.watched);
    if (this.account === undefined) this.#askAccount();
    const { state } = this;
    this.#background(
      this.outbox.certain(CERTAIN_MS).then(() => {
        // Each time it opens the state is another object.
        if (this.state === state) this.#sync.start(welcome);
      }),
    );
  }

  #item(item: Entry | Event): void {
    switch (item.type) {
      case 'entry':
        return this.#sync.take(item);
      case 'head':
        return this.#sync.headIs(item.useq, item.epoch);
      case 'positions':
        return this.people.moved(item.conversation, item.read);
      default:
      // `bye` went to the link; events of a later version are hints that may be missed (SYN10).
    }
  }

  #apply(entry: Entry, position: Position): boolean {
    if (entry.kind === 'sent') {
      const { conversation, outbox, n, seq, at, type, useq } = entry;
      const item = this.outbox.take(conversation, outbox, n, seq, at);
      if (item === undefined) return false;
      const { text } = item.params as Params<'message.send'>;
      this.replica.apply({
        type,
        useq,
        kind: 'message',
        message: { conversation, seq, kind: 'text', sender: this.replica.user, at, text },
      });
    } else {
      this.replica.apply(entry);
      if (entry.kind === 'membership' && this.watched.includes(entry.conversation)) this.watch(this.watched);
      if (entry.kind === 'message') {
        const { conversation, seq } = entry.message;
        this.outbox.dropApplied((id) => (id === conversation ? seq : 0));
      }
    }
    this.#keepPlace(position);
    return true;
  }

  #reset(conversations: Result<'conversation.list'>['conversations'], position: Position): void {
    const sameEpoch = position.epoch === this.#place.epoch;
    this.replica.reset(conversations, sameEpoch);
    // What was answered is in the conversations; in another epoch it may have been lost with them.
    this.outbox.dropApplied((id) => (sameEpoch && this.replica.row(id)?.view.lastSeq) || Number.POSITIVE_INFINITY);
    this.#keepPlace(position);
    this.#askAccount();
  }

  #keepPlace({ epoch, cursor }: Position): void {
    this.#place = { ...this.#place, ...(epoch === undefined ? {} : { epoch }), cursor };
    this.local.put(KEYS.place, this.#place);
  }

  #stored({ method, params, record }: Item): void {
    if (method !== 'conversation.read') return;
    const { conversation } = params as Params<'conversation.read'>;
    this.replica.told(conversation, (record.result as Result<'conversation.read'>).seq);
  }

  #askAccount(): void {
    const asked = this.link.query('account.get', {}).then(({ account }) => {
      this.local.put(KEYS.account, account);
      this.emitter.emit('account', account);
    });
    this.#background(asked);
  }

  /** SYN12: fetches what should have come. */
  async #fill(conversation: string, first: number, last: number): Promise<void> {
    this.emitter.emit('alarm', { kind: 'hole', conversation, first, last });
    for (let after = first - 1; after < last;) {
      const { messages } = await this.link.query('message.list', {
        conversation,
        after,
        limit: Math.min(LIMITS.maxPage, last - after),
        hole: after < first,
      });
      if (messages.length === 0) return;
      this.replica.fetched(conversation, messages);
      for (const message of messages) this.emitter.emit('message', message);
      after = messages.at(-1)?.seq ?? last;
    }
  }

  #fault(detail: string): void {
    this.emitter.emit('alarm', { kind: 'protocol', detail });
  }

  /** Work nobody waits for: the end of the connection is no news, anything else is told. */
  #background(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (!(error instanceof DuologError && error.retryable)) this.#fault(String(error));
    });
  }
}
