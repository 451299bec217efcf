/** A WebSocket client made by hand (RFC 6455): it can send what a proper one never would, and stop reading. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { SOCKET_PATH } from '@duolog/protocol';
import type { MethodName, Params, Reply, Result, ServerItem } from '@duolog/protocol';
import { until } from '../system/server-process.ts';

export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameShape {
  readonly opcode: number;
  /** The last part of a message. */
  readonly fin?: boolean;
  /** Clients have to mask. */
  readonly masked?: boolean;
  /** Length that the header claims; that of the payload unless given. */
  readonly claimedLength?: number;
}

/** The bytes of a frame. The mask is zeros, which is one like any other. */
export const frameBytes = (
  payload: Uint8Array,
  { opcode, fin = true, masked = true, claimedLength = payload.byteLength }: FrameShape,
): Buffer => {
  const first = (fin ? 0x80 : 0) | opcode;
  const bit = masked ? 0x80 : 0;
  const header =
    claimedLength < 126 ? Buffer.from([first, bit | claimedLength]) : Buffer.alloc(claimedLength < 65_536 ? 4 : 10);
  if (claimedLength >= 126) {
    header[0] = first;
    header[1] = bit | (claimedLength < 65_536 ? 126 : 127);
    if (claimedLength < 65_536) header.writeUInt16BE(claimedLength, 2);
    else header.writeBigUInt64BE(BigInt(claimedLength), 2);
  }
  return Buffer.concat([header, masked ? Buffer.alloc(4) : Buffer.alloc(0), payload]);
};

export const textFrame = (text: string): Buffer => frameBytes(Buffer.from(text), { opcode: OPCODES.text });

/** A frame that the server sent, and how many bytes it took. */
const readFrame = (
  bytes: Buffer,
): { readonly opcode: number; readonly payload: Buffer; readonly length: number } | undefined => {
  if (bytes.length < 2) return undefined;
  const short = (bytes[1] ?? 0) & 0x7f;
  const headLength = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < headLength) return undefined;
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes.length < headLength + length) return undefined;
  return {
    opcode: (bytes[0] ?? 0) & 0x0f,
    payload: bytes.subarray(headLength, headLength + length),
    length: headLength + length,
  };
};

export class RawSocket {
  readonly items: ServerItem[] = [];
  readonly beats: Buffer[] = [];
  /** Code of the server's close frame, or `gone` if it closed without one. */
  closed: number | 'gone' | undefined;
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #upgraded = false;
  #id = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    // A reset is one way in which a server ends a connection.
    socket.on('error', () => undefined);
    socket.on('close', () => (this.closed ??= 'gone'));
  }

  /** A TCP connection and nothing more. */
  static async dial(url: string): Promise<RawSocket> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return new RawSocket(socket);
  }

  /** A WebSocket that has said nothing. */
  static async open(url: string): Promise<RawSocket> {
    const raw = await RawSocket.dial(url);
    const key = randomBytes(16).toString('base64');
    raw.write(
      `GET ${SOCKET_PATH} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    );
    await until('the handshake is done', () => raw.#upgraded || raw.closed !== undefined);
    if (!raw.#upgraded) throw new Error('the handshake failed');
    return raw;
  }

  /** A WebSocket that is signed in. */
  static async join(url: string, token: string): Promise<RawSocket> {
    const raw = await RawSocket.open(url);
    await raw.result('hello', { versions: [1], token });
    return raw;
  }

  write(bytes: Uint8Array | string): void {
    this.#socket.write(bytes);
  }

  /** Whether everything written so far has left this process. */
  get flushed(): boolean {
    return this.#socket.writableLength === 0;
  }

  text(text: string): void {
    this.write(textFrame(text));
  }

  say(method: string, params: unknown, more: object = {}): number {
    const id = ++this.#id;
    this.text(JSON.stringify({ id, method, params, ...more }));
    return id;
  }

  reply<M extends MethodName>(id: number): Reply<M> | undefined {
    return this.items.find((item): item is Reply<M> => item.type === 'reply' && item.id === id);
  }

  /** The reply to a request; undefined if the connection ended instead. */
  async ask(method: string, params: unknown, more: object = {}): Promise<Reply | undefined> {
    const id = this.say(method, params, more);
    await until(`${method} is answered`, () => this.reply(id) !== undefined || this.closed !== undefined);
    return this.reply(id);
  }

  async result<M extends MethodName>(method: M, params: Params<M>, more: object = {}): Promise<Result<M>> {
    const reply = await this.ask(method, params, more);
    if (reply === undefined || 'error' in reply) throw new Error(`${method}: ${JSON.stringify(reply ?? this.closed)}`);
    return reply.result as Result<M>;
  }

  async end(): Promise<number | 'gone'> {
    await until('the server closes the connection', () => this.closed !== undefined);
    return this.closed ?? 'gone';
  }

  /** Reads nothing any more; what the server sends piles up. */
  stopReading(): void {
    this.#socket.pause();
  }

  readAgain(): void {
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    if (!this.#upgraded) {
      const end = this.#received.indexOf('\r\n\r\n');
      if (end < 0) return;
      if (!this.#received.subarray(0, end).toString().startsWith('HTTP/1.1 101')) return this.destroy();
      this.#upgraded = true;
      this.#received = this.#received.subarray(end + 4);
    }
    for (let frame = readFrame(this.#received); frame !== undefined; frame = readFrame(this.#received)) {
      this.#received = this.#received.subarray(frame.length);
      if (frame.opcode === OPCODES.text) this.items.push(...(JSON.parse(frame.payload.toString()) as ServerItem[]));
      if (frame.opcode === OPCODES.binary) this.beats.push(frame.payload);
      if (frame.opcode === OPCODES.close)
        this.closed = frame.payload.length >= 2 ? frame.payload.readUInt16BE(0) : 'gone';
    }
  }
}
