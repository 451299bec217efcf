/** The server's end of one connection. */
import type { Entry, Event, Reply } from '@duolog/protocol';
import { CLOSE_CODES, decodeBeat, encodeBeat } from '@duolog/protocol';
import type { FrameData, ServerEnd, Wire } from './fake-socket.ts';
import type { FakeUser } from './fake-world.ts';

/** How frames leave: a wire in memory or a real socket. */
export interface Transport {
  send(data: FrameData): void;
  close(code: number): void;
}

export interface ConnectionHost {
  /** All requests of a frame. */
  requests(connection: FakeConnection, requests: readonly object[]): void;
  gone(connection: FakeConnection): void;
}

export type Item = Reply | Entry | Event;

export class FakeConnection implements ServerEnd {
  /** Its frames can be held, dropped and reordered; undefined over a real socket. */
  readonly wire: Wire | undefined;
  /** Who it is, after hello. */
  user: FakeUser | undefined;
  device = '';
  watched: readonly string[] = [];
  /** Cursors of the beats that came. */
  readonly beats: number[] = [];
  /** Set to false to leave beats unanswered. */
  answersBeats = true;
  readonly #transport: Transport;
  readonly #host: ConnectionHost;
  #unsent: Item[] = [];

  constructor(host: ConnectionHost, transport: Transport | undefined, wire: (end: ServerEnd) => Wire | undefined) {
    this.#host = host;
    this.wire = wire(this);
    const { wire: own } = this;
    this.#transport = transport ?? {
      send: (data) => own?.post({ direction: 'toClient', data }),
      close: (code) => own?.end(code),
    };
  }

  /** Queues an item for the next frame. */
  push(item: Item): void {
    this.#unsent.push(item);
  }

  /** Sends what is queued as one frame. */
  flush(): void {
    if (this.#unsent.length === 0) return;
    const frame = JSON.stringify(this.#unsent);
    this.#unsent = [];
    this.#transport.send(frame);
  }

  /** Sends items as a frame of their own. */
  send(...items: readonly Item[]): void {
    this.#unsent.push(...items);
    this.flush();
  }

  /** Closes with a code of `CLOSE_CODES`, behind what was sent before. */
  close(code: number): void {
    queueMicrotask(() => this.#transport.close(code));
  }

  /** The connection is lost, with what is on its way. */
  cut(): void {
    this.#transport.close(1006);
  }

  /** Says that the server is draining; the client is to end the connection. */
  bye(reconnectAfterMs: number): void {
    this.send({ type: 'bye', reconnectAfterMs });
  }

  receive(data: FrameData): void {
    if (typeof data !== 'string') {
      const cursor = decodeBeat(data);
      if (cursor === undefined || this.user === undefined) return this.close(CLOSE_CODES.badFrame.code);
      this.beats.push(cursor);
      if (this.answersBeats) this.#transport.send(encodeBeat(this.user.entries.length));
      return;
    }
    const frame: unknown = JSON.parse(data);
    this.#host.requests(this, (Array.isArray(frame) ? frame : [frame]) as readonly object[]);
  }

  ended(): void {
    this.#host.gone(this);
  }
}
