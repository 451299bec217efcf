/** A WebSocket-shaped pair whose frames a test can hold, drop and reorder. */

export type Direction = 'toServer' | 'toClient';
export type FrameData = string | Uint8Array<ArrayBuffer>;

/** A frame on its way. */
export interface Frame {
  readonly direction: Direction;
  readonly data: FrameData;
}

/** What becomes of a frame. */
export type Verdict = 'pass' | 'drop' | 'hold';

interface Handlers {
  readonly open: (() => void)[];
  readonly error: (() => void)[];
  readonly message: ((event: { data: unknown }) => void)[];
  readonly close: ((event: { code: number }) => void)[];
}

/** The client's end. */
export class FakeSocket {
  binaryType = 'arraybuffer';
  readonly #handlers: Handlers = { open: [], error: [], message: [], close: [] };
  readonly #wire: Wire;
  #closed = false;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  addEventListener(type: keyof Handlers, listener: (event: never) => void): void {
    (this.#handlers[type] as ((event: never) => void)[]).push(listener);
  }

  send(data: FrameData): void {
    if (!this.#closed) this.#wire.post({ direction: 'toServer', data: typeof data === 'string' ? data : data.slice() });
  }

  close(code = 1000): void {
    if (!this.#closed) this.#wire.end(code);
  }

  /** Called by the wire. */
  opened(): void {
    for (const listener of this.#handlers.open) listener();
  }

  /** Called by the wire. */
  received(data: FrameData): void {
    for (const listener of this.#handlers.message)
      listener({ data: typeof data === 'string' ? data : data.slice().buffer });
  }

  /** Called by the wire. */
  ended(code: number): void {
    this.#closed = true;
    for (const listener of this.#handlers.close) listener({ code });
  }
}

/** What the server's end does with what comes. */
export interface ServerEnd {
  receive(data: FrameData): void;
  ended(code: number): void;
}

/** Both directions between a socket and the server. Frames keep their order, unless they are held and released otherwise. */
export class Wire {
  /** Frames that wait for `release`. */
  readonly held: Frame[] = [];
  /** Decides about each frame; all pass if undefined. */
  verdict: ((frame: Frame) => Verdict) | undefined;
  readonly socket: FakeSocket;
  readonly #end: ServerEnd;
  #over = false;

  constructor(end: ServerEnd) {
    this.#end = end;
    this.socket = new FakeSocket(this);
    queueMicrotask(() => {
      if (!this.#over) this.socket.opened();
    });
  }

  get over(): boolean {
    return this.#over;
  }

  post(frame: Frame): void {
    const verdict = this.verdict?.(frame) ?? 'pass';
    if (verdict === 'pass') this.#deliver(frame);
    else if (verdict === 'hold') this.held.push(frame);
  }

  /** Delivers held frames: all in their order, or those given in the order given; a frame given twice arrives twice. */
  release(frames: readonly Frame[] = [...this.held]): void {
    for (const frame of frames) {
      const at = this.held.indexOf(frame);
      if (at >= 0) this.held.splice(at, 1);
      this.#deliver(frame);
    }
  }

  /** The connection ends for both sides; what is on its way is lost. */
  end(code: number): void {
    if (this.#over) return;
    this.#over = true;
    this.held.length = 0;
    queueMicrotask(() => {
      this.socket.ended(code);
      this.#end.ended(code);
    });
  }

  #deliver(frame: Frame): void {
    queueMicrotask(() => {
      if (this.#over) return;
      if (frame.direction === 'toServer') this.#end.receive(frame.data);
      else this.socket.received(frame.data);
    });
  }
}
