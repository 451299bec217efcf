/**
 * A WebSocket client over bare TCP, as cheap as it can be: what is sent in one go is one write, frames are read in place, and
 * while a run is measured no frame becomes a string.
 */
import { randomBytes } from 'node:crypto';
import type { Socket } from 'bun';
import type { Channel } from '../system.ts';
import { frameOf } from './template.ts';

export interface ConnectOptions {
  readonly port: number;
  readonly path: string;
  readonly subprotocol?: string;
}

type OnText = (bytes: Buffer, start: number, end: number) => void;

const maxFrameBytes = 64 * 1024 * 1024;
const answerMs = 30_000;

const handshake = (options: ConnectOptions): string =>
  [
    `GET ${options.path} HTTP/1.1`,
    `Host: 127.0.0.1:${options.port}`,
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    'Sec-WebSocket-Version: 13',
    ...(options.subprotocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${options.subprotocol}`]),
    '',
    '',
  ].join('\r\n');

export class Connection {
  #socket: Socket<undefined> | undefined;
  #rest: Buffer | undefined;
  #unsent: Uint8Array | undefined;
  #upgraded = false;
  #opened: ((error?: Error) => void) | undefined;
  /** Takes text frames; the bytes are only good during the call. */
  onText: OnText = () => undefined;
  /** Called once after each chunk of input, when all its frames have been taken. */
  onChunkEnd: () => void = () => undefined;
  onClose: (reason: string) => void = () => undefined;
  closed = false;
  bytesReceived = 0;

  static async open(options: ConnectOptions): Promise<Connection> {
    const connection = new Connection();
    const opened = new Promise<void>((resolve, reject) => {
      connection.#opened = (error) => (error === undefined ? resolve() : reject(error));
    });
    connection.#socket = await Bun.connect({
      hostname: '127.0.0.1',
      port: options.port,
      socket: {
        open: (socket) => {
          socket.setNoDelay(true);
          connection.#socket = socket;
          connection.write(Buffer.from(handshake(options)));
        },
        data: (_socket, chunk) => connection.#take(chunk),
        drain: () => connection.#drain(),
        close: () => connection.#ended('closed by the server'),
        error: (_socket, error) => connection.#ended(error.message),
      },
    });
    await opened;
    return connection;
  }

  /** Writes bytes that are whole frames. They are copied when the kernel does not take them at once. */
  write(bytes: Uint8Array): void {
    if (this.closed) return;
    if (this.#unsent !== undefined) {
      this.#unsent = Buffer.concat([this.#unsent, bytes]);
      return;
    }
    const written = Math.max(0, this.#socket?.write(bytes) ?? 0);
    if (written < bytes.length) this.#unsent = Buffer.from(bytes.subarray(written));
  }

  sendText(text: string): void {
    this.write(frameOf(1, Buffer.from(text)));
  }

  close(): void {
    this.closed = true;
    this.#socket?.end();
  }

  /** Drops the connection without a close frame, as a lost network does. */
  terminate(): void {
    this.closed = true;
    this.#socket?.terminate();
  }

  #drain(): void {
    const bytes = this.#unsent;
    if (bytes === undefined) return;
    this.#unsent = undefined;
    this.write(bytes);
  }

  #ended(reason: string): void {
    this.#opened?.(new Error(reason));
    if (this.closed) return;
    this.closed = true;
    this.onClose(reason);
  }

  #take(chunk: Buffer): void {
    this.bytesReceived += chunk.length;
    let bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    if (!this.#upgraded) {
      const after = this.#takeHandshake(bytes);
      if (after === undefined) return;
      bytes = after;
    }
    const taken = this.#takeFrames(bytes);
    if (taken < bytes.length) this.#rest = bytes.subarray(taken);
    this.onChunkEnd();
  }

  #takeHandshake(bytes: Buffer): Buffer | undefined {
    const end = bytes.indexOf('\r\n\r\n');
    if (end < 0) {
      this.#rest = bytes;
      return undefined;
    }
    const status = bytes.toString('latin1', 0, bytes.indexOf('\r\n'));
    if (!status.startsWith('HTTP/1.1 101')) {
      this.#ended(`no upgrade: ${status}`);
      this.close();
      return undefined;
    }
    this.#upgraded = true;
    this.#opened?.();
    return bytes.subarray(end + 4);
  }

  /** Takes the whole frames at the beginning of `bytes`; returns how many bytes they are. */
  #takeFrames(bytes: Buffer): number {
    let at = 0;
    while (at + 2 <= bytes.length) {
      let length = (bytes[at + 1] ?? 0) & 0x7f;
      let start = at + 2;
      if (length === 126) {
        if (at + 4 > bytes.length) break;
        length = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
        start = at + 4;
      } else if (length === 127) {
        if (at + 10 > bytes.length) break;
        length = Number(bytes.readBigUInt64BE(at + 2));
        start = at + 10;
      }
      if (length > maxFrameBytes) {
        this.#ended(`a frame of ${length} bytes`);
        this.terminate();
        return bytes.length;
      }
      if (start + length > bytes.length) break;
      this.#takeFrame(bytes[at] ?? 0, bytes, start, start + length);
      at = start + length;
    }
    return at;
  }

  #takeFrame(first: number, bytes: Buffer, start: number, end: number): void {
    switch (first) {
      case 0x81:
        this.onText(bytes, start, end);
        return;
      case 0x82:
        return;
      case 0x88:
        this.#ended(
          `close frame ${end - start >= 2 ? bytes.readUInt16BE(start) : ''} ${bytes.toString('utf8', start + 2, end)}`,
        );
        this.close();
        return;
      case 0x89:
        this.write(frameOf(10, bytes.subarray(start, end)));
        return;
      case 0x8a:
        return;
      default:
        // Servers need not fragment and none of those measured does; a run that meets it must not count half a message.
        this.#ended(`a frame of a kind the bench does not read (0x${first.toString(16)})`);
        this.terminate();
    }
  }
}

/** A channel over the connection: from now on its text frames are queued as strings, until the next `onText` is set. */
export const channelOf = (connection: Connection): Channel => {
  const queued: string[] = [];
  let waiting: { resolve(text: string): void; reject(error: Error): void } | undefined;
  connection.onText = (bytes, start, end) => {
    const text = bytes.toString('utf8', start, end);
    if (waiting === undefined) queued.push(text);
    else {
      waiting.resolve(text);
      waiting = undefined;
    }
  };
  connection.onClose = (reason) => {
    waiting?.reject(new Error(reason));
    waiting = undefined;
  };
  return {
    send: (text) => connection.sendText(text),
    sendBytes: (bytes) => connection.write(frameOf(2, bytes)),
    next: () => {
      const text = queued.shift();
      if (text !== undefined) return Promise.resolve(text);
      if (connection.closed) return Promise.reject(new Error('the connection is closed'));
      return new Promise<string>((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting = undefined;
          reject(new Error(`no frame within ${answerMs} ms`));
        }, answerMs);
        waiting = {
          resolve: (frame) => (clearTimeout(timer), resolve(frame)),
          reject: (error) => (clearTimeout(timer), reject(error)),
        };
      });
    },
  };
};
