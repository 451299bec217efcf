/** Keeps a connection alive: connects, connects again, says in which state it is. */
import { DuologError, mayReconnect } from '@duolog/protocol';
import type { CLOSE_CODES, CloseReason, Entry, Event, MethodName, Params, Result } from '@duolog/protocol';
import { backoffMs } from './clock.ts';
import type { Clock } from './clock.ts';
import { ANSWER_MS, Connection } from './connection.ts';
import type { Numbered, OnAnswer } from './connection.ts';
import type { SocketConstructor, SocketLike } from './socket.ts';
import { deferred, withSignal } from './waiting.ts';
import type { Deferred } from './waiting.ts';

export type LinkState =
  /** Not opened, or closed. */
  | { readonly status: 'idle' }
  | { readonly status: 'connecting'; readonly attempt: number }
  | { readonly status: 'open' }
  /** The connection was lost or refused; another attempt follows at `retryAt`. */
  | { readonly status: 'waiting'; readonly attempt: number; readonly retryAt: number; readonly error?: DuologError }
  /** A person or a programmer has to do something: log in again, update. */
  | { readonly status: 'stopped'; readonly error: DuologError };

/** Where to connect and what to say there. */
export interface Approach {
  readonly address: string;
  readonly hello: Omit<Params<'hello'>, 'versions'>;
}

/** Finds out how to connect; the signal ends the attempt. */
type ApproachOf = (attempt: number, signal: AbortSignal) => Promise<Approach>;

export interface LinkEvents {
  state(state: LinkState): void;
  opened(welcome: Result<'hello'>): void;
  item(item: Entry | Event): void;
  head(useq: number): void;
  closed(): void;
  cursor(): number;
}

/** A connection that lasted this long was a good one: the next attempt begins with short waits again. */
const GOOD_MS = 10_000;

/** Those of the protocol's close codes that make a difference here: the whole table, with its texts, would be a part of the SDK. */
const CLOSED = {
  replaced: 4004,
  tooLarge: 4501,
  unauthenticated: 4502,
  unsupportedVersion: 4503,
} as const satisfies { readonly [R in CloseReason]?: (typeof CLOSE_CODES)[R]['code'] };

const stopError = (code: number): DuologError => {
  switch (code) {
    case CLOSED.tooLarge:
      return new DuologError('tooLarge', 'A frame was too large.');
    case CLOSED.unauthenticated:
      return new DuologError('unauthenticated', 'This device is signed out.');
    case CLOSED.unsupportedVersion:
      return new DuologError('unsupportedVersion', 'There is no common protocol version.');
    default:
      return new DuologError('invalid', `The server closed with code ${code}.`);
  }
};

export const closedError = (): DuologError => new DuologError('unavailable', 'The client is not open.');

export class Link {
  readonly #approach: ApproachOf;
  readonly #socket: SocketConstructor;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #events: LinkEvents;
  #state: LinkState = { status: 'idle' };
  #connection: Connection | undefined;
  #attempt = 0;
  #openedAt: number | undefined;
  /** The server asked to stay away: since when, and for how long. */
  #away = { since: 0, ms: 0 };
  #stopTimer: () => void = () => undefined;
  #whenOpen: Deferred<Connection> = deferred();

  constructor(approach: ApproachOf, socket: SocketConstructor, clock: Clock, random: () => number, events: LinkEvents) {
    this.#approach = approach;
    this.#socket = socket;
    this.#clock = clock;
    this.#random = random;
    this.#events = events;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Whether requests can be sent now. */
  get ready(): boolean {
    return this.#state.status === 'open' && this.#connection?.usable === true;
  }

  start(): void {
    if (this.#state.status === 'idle' || this.#state.status === 'stopped') this.#connect();
  }

  /** Ends everything; with an error as `stopped`. Queries that wait are rejected. */
  stop(error?: DuologError): void {
    if (this.#state.status === 'idle' || (this.#state.status === 'stopped' && error !== undefined)) return;
    this.#stopTimer();
    this.#set(error === undefined ? { status: 'idle' } : { status: 'stopped', error });
    this.#connection?.end(1000);
    this.#whenOpen.reject(error ?? closedError());
    this.#whenOpen = deferred();
  }

  /** The device woke up or its network is back: do not wait for timers. */
  wake(): void {
    if (this.#state.status === 'open') this.#connection?.probe();
    else if (this.#state.status === 'waiting' && this.#awayMs() === 0) {
      this.#stopTimer();
      this.#connect();
    }
  }

  /** Sends a request over the open connection; if there is none, the answer is `unavailable`. Returns how to forget it. */
  request<M extends MethodName>(method: M, params: Params<M>, answer: OnAnswer<M>, numbered?: Numbered): () => void {
    if (this.#connection !== undefined && this.#state.status === 'open') {
      return this.#connection.request(method, params, answer, numbered);
    }
    answer({ error: new DuologError('unavailable', 'There is no connection.').toWire() });
    return () => undefined;
  }

  /**
   * Asks until it is answered, over as many connections as it takes. Rejects with the server's error, with `unavailable`
   * after 30 s without an answer or when the client is closed, or with the signal's reason.
   */
  async query<M extends MethodName>(method: M, params: Params<M>, signal?: AbortSignal): Promise<Result<M>> {
    const outcome = deferred<Result<M>>();
    let over = false;
    const ask = async (): Promise<void> => {
      if (this.#state.status === 'stopped') throw this.#state.error;
      if (this.#state.status === 'idle') throw closedError();
      const connection = await this.#whenOpen.promise;
      if (over) return;
      connection.request(method, params, (answer) => {
        if ('result' in answer) outcome.resolve(answer.result);
        else if (connection.usable) outcome.reject(DuologError.fromWire(answer.error));
        else ask().catch(outcome.reject);
      });
    };
    const stop = this.#clock.after(2 * ANSWER_MS, () =>
      outcome.reject(new DuologError('unavailable', 'No answer arrived in time.')),
    );
    ask().catch(outcome.reject);
    try {
      return await withSignal(outcome.promise, signal);
    } finally {
      over = true;
      stop();
    }
  }

  #set(state: LinkState): void {
    this.#state = state;
    this.#events.state(state);
  }

  #connect(): void {
    const attempt = this.#attempt;
    const connecting: LinkState = { status: 'connecting', attempt };
    this.#away.ms = 0;
    this.#set(connecting);
    // An attempt that was overtaken by stop() is dropped; each attempt has a state of its own.
    const current = (): boolean => this.#state === connecting;
    const abort = new AbortController();
    const late = new DuologError('unavailable', 'No answer arrived in time.');
    const stopTimer = this.#clock.after(ANSWER_MS, () => abort.abort(late));
    this.#stopTimer = () => {
      stopTimer();
      abort.abort(closedError());
    };
    withSignal(this.#approach(attempt, abort.signal), abort.signal)
      .finally(stopTimer)
      .then(
        (approach) => {
          if (current()) this.#open(approach);
        },
        (error: unknown) => {
          if (current())
            this.#lost(
              1006,
              error instanceof DuologError ? error : new DuologError('internal', String(error), { cause: error }),
            );
        },
      );
  }

  #open({ address, hello }: Approach): void {
    let socket: SocketLike;
    try {
      socket = new this.#socket(address) as SocketLike;
    } catch (cause) {
      return this.stop(new DuologError('invalid', `There is no WebSocket to ${address}.`, { cause }));
    }
    const whenOpen = this.#whenOpen;
    const connection = new Connection(socket, hello, this.#clock, {
      opened: (welcome) => {
        this.#openedAt = this.#clock.now();
        this.#set({ status: 'open' });
        whenOpen.resolve(connection);
        this.#events.opened(welcome);
      },
      item: (item) => (item.type === 'bye' ? this.#bye(connection, item.reconnectAfterMs) : this.#events.item(item)),
      head: (useq) => this.#events.head(useq),
      closed: (code, error) => {
        this.#connection = undefined;
        // After `bye` there is a new one already.
        if (this.#state.status === 'open' && this.#whenOpen === whenOpen) this.#whenOpen = deferred();
        if (this.#state.status === 'open' || this.#state.status === 'connecting') this.#lost(code, error);
        this.#events.closed();
      },
      cursor: () => this.#events.cursor(),
    });
    this.#connection = connection;
  }

  #bye(connection: Connection, reconnectAfterMs: number): void {
    this.#away = { since: this.#clock.now(), ms: reconnectAfterMs };
    // Queries from now on are for the next connection.
    this.#whenOpen = deferred();
    connection.drain();
  }

  /** How long to stay away yet; never longer than the server said, whatever the clock does. */
  #awayMs(): number {
    const { since, ms } = this.#away;
    return Math.max(0, Math.min(ms, ms - (this.#clock.now() - since)));
  }

  #lost(code: number, error: DuologError | undefined): void {
    const final = error === undefined ? !mayReconnect(code) : !error.retryable;
    if (final) return this.stop(error ?? stopError(code));
    const now = this.#clock.now();
    // Two clients with the same device replace each other: that must not become a race.
    if (this.#openedAt !== undefined && now - this.#openedAt >= GOOD_MS && code !== CLOSED.replaced) this.#attempt = 0;
    this.#openedAt = undefined;
    const ms = error?.facts.retryAfterMs;
    if (ms !== undefined) this.#away = { since: now, ms };
    const away = this.#awayMs();
    const waitMs = ms === undefined && away > 0 ? away : Math.max(away, backoffMs(this.#attempt, this.#random));
    this.#set({
      status: 'waiting',
      attempt: this.#attempt++,
      retryAt: now + waitMs,
      ...(error === undefined ? {} : { error }),
    });
    this.#stopTimer = this.#clock.after(waitMs, () => this.#connect());
  }
}
