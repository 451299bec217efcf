/** One WebSocket from its opening to its end: hello, requests and their replies, beats. */
import { DuologError, LIMITS, PROTOCOL_VERSIONS, RETRY, decodeBeat, encodeBeat } from '@duolog/protocol';
import type { Entry, Event, MethodName, Params, Result, ServerItem, WireError } from '@duolog/protocol';
import type { Clock } from './clock.ts';
import type { SocketLike } from './socket.ts';

/** Opening and hello, and each request, may take this long; then the outcome is unknown. */
export const ANSWER_MS = 15_000;
/** How long a beat that was sent on purpose may stay without any frame. */
const PROBE_MS = 3000;
const MAX_FRAME_LENGTH = LIMITS.maxFrameBytes / 4;

export type Answer<M extends MethodName> = { readonly result: Result<M> } | { readonly error: WireError };
export type OnAnswer<M extends MethodName> = (answer: Answer<M>) => void;
/** The number of a command (COM10). */
export interface Numbered {
  readonly outbox: string;
  readonly n: number;
}

export interface ConnectionEvents {
  opened(welcome: Result<'hello'>): void;
  item(item: Entry | Event): void;
  /** A beat was answered with this head (SYN7). */
  head(useq: number): void;
  /** Once, at the end; `error` says why if the server said it. */
  closed(code: number, error?: DuologError): void;
  /** The cursor for the next beat. */
  cursor(): number;
}

const wireError = (code: 'unknown' | 'unavailable', detail: string): WireError => ({
  code,
  retry: RETRY[code],
  detail,
});

/** The items of a frame; what is no frame holds none, and what was lost with it is pulled later. */
const parse = (frame: string): readonly ServerItem[] => {
  try {
    const items: unknown = JSON.parse(frame);
    return Array.isArray(items) ? (items as readonly ServerItem[]) : [];
  } catch {
    return [];
  }
};

export class Connection {
  readonly #socket: SocketLike;
  readonly #clock: Clock;
  readonly #events: ConnectionEvents;
  readonly #waiting = new Map<number, { readonly answer: OnAnswer<never>; readonly stop: () => void }>();
  #lastId = 0;
  #unsent: string[] = [];
  #ended = false;
  #draining = false;
  #beatMs = 0;
  #unanswered = 0;
  #stopTimer: () => void;
  #stopProbe: () => void = () => undefined;

  constructor(socket: SocketLike, hello: Omit<Params<'hello'>, 'versions'>, clock: Clock, events: ConnectionEvents) {
    this.#socket = socket;
    this.#clock = clock;
    this.#events = events;
    this.#stopTimer = clock.after(ANSWER_MS, () => this.end(1006));
    socket.binaryType = 'arraybuffer';
    let opened = false;
    socket.addEventListener('open', () => {
      opened = true;
      this.request('hello', { ...hello, versions: [...PROTOCOL_VERSIONS] }, (answer) => this.#welcome(answer));
    });
    socket.addEventListener('message', ({ data }) => this.#receive(data));
    socket.addEventListener('close', ({ code }) => this.end(code));
    // A close follows, but not in Node 22 when no connection could be made.
    socket.addEventListener('error', () => {
      if (!opened) this.end(1006);
    });
  }

  /** Whether requests can be sent over it. */
  get usable(): boolean {
    return !this.#ended && !this.#draining;
  }

  /** Sends a request with the others of this moment in one frame. `answer` is called once. The function returned forgets it. */
  request<M extends MethodName>(method: M, params: Params<M>, answer: OnAnswer<M>, numbered?: Numbered): () => void {
    if (!this.usable) {
      answer({ error: wireError('unavailable', 'There is no connection.') });
      return () => undefined;
    }
    const id = ++this.#lastId;
    const stop = this.#clock.after(ANSWER_MS, () =>
      this.#answer(id, { error: wireError('unknown', 'No answer arrived in time.') }),
    );
    this.#waiting.set(id, { answer: answer as OnAnswer<never>, stop });
    if (this.#unsent.push(JSON.stringify({ id, method, params, ...numbered })) === 1)
      queueMicrotask(() => this.#flush());
    return () => this.#forget(id);
  }

  /** Asks whether anybody is still there; if no frame arrives soon, the connection ends. */
  probe(): void {
    this.#stopProbe();
    if (this.#beatMs === 0) return;
    this.#stopProbe = this.#clock.after(PROBE_MS, () => this.end(1006));
    this.#beat();
  }

  /** Sends nothing new and ends once everything is answered. */
  drain(): void {
    this.#draining = true;
    if (this.#waiting.size === 0) this.end(1000);
  }

  /** Ends the connection from this side, or takes note of its end; what is unanswered is unknown. */
  end(code: number, error?: DuologError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopTimer();
    this.#stopProbe();
    this.#socket.close();
    for (const id of this.#waiting.keys()) {
      this.#answer(id, { error: wireError('unknown', 'The connection was lost.') });
    }
    this.#events.closed(code, error);
  }

  #welcome(answer: Answer<'hello'>): void {
    if (this.#ended) return;
    if ('error' in answer) return this.end(1006, DuologError.fromWire(answer.error));
    this.#beatMs = answer.result.heartbeatMs;
    this.#tick();
    this.#events.opened(answer.result);
  }

  #flush(): void {
    const requests = this.#unsent;
    this.#unsent = [];
    while (!this.#ended && requests.length > 0) {
      let count = 1;
      let length = requests[0]?.length ?? 0;
      while (count < Math.min(requests.length, LIMITS.maxRequestsPerFrame)) {
        length += requests[count]?.length ?? 0;
        if (length > MAX_FRAME_LENGTH) break;
        count++;
      }
      const frame = requests.splice(0, count);
      this.#send(frame.length === 1 ? (frame[0] ?? '') : `[${frame.join(',')}]`);
    }
  }

  #send(data: string | Uint8Array<ArrayBuffer>): void {
    try {
      this.#socket.send(data);
    } catch {
      // Platforms differ in whether they throw when the socket is closing; it is the end in any case.
      this.end(1006);
    }
  }

  #receive(data: unknown): void {
    if (this.#ended) return;
    this.#unanswered = 0;
    this.#stopProbe();
    if (typeof data !== 'string') {
      const head = data instanceof ArrayBuffer ? decodeBeat(new Uint8Array(data)) : undefined;
      if (head !== undefined) this.#events.head(head);
      return;
    }
    for (const item of parse(data)) {
      // An item may have ended the connection, or its listener the client.
      if (this.#ended) return;
      if (item.type === 'reply') this.#answer(item.id, item);
      else this.#events.item(item);
    }
  }

  #answer(id: number, answer: Answer<MethodName>): void {
    const waiting = this.#waiting.get(id);
    this.#forget(id);
    waiting?.answer(answer);
  }

  #forget(id: number): void {
    this.#waiting.get(id)?.stop();
    this.#waiting.delete(id);
    if (this.#draining && this.#waiting.size === 0) this.end(1000);
  }

  #tick(): void {
    this.#stopTimer();
    // Two missed answers: the other side is gone though nothing was closed.
    if (this.#unanswered >= 2) return this.end(1006);
    this.#beat();
    if (!this.#ended) this.#stopTimer = this.#clock.after(this.#beatMs, () => this.#tick());
  }

  #beat(): void {
    this.#unanswered++;
    this.#send(encodeBeat(this.#events.cursor()));
  }
}
