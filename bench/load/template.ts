/** Frames that differ in one number only, written by copying bytes and patching digits. */

// A zero mask: the frame is what RFC 6455 asks of a client, and costs the generator nothing.
const maskBytes = 4;

const headerBytes = (length: number): number => (length < 126 ? 2 : length < 65_536 ? 4 : 10);

/** Writes a client frame (opcode 1 text, 2 binary, 8 close, 9 ping, 10 pong) into `into` at `at`; returns where it ends. */
const writeFrame = (opcode: number, payload: Uint8Array, into: Uint8Array, at: number): number => {
  const length = payload.length;
  const header = headerBytes(length);
  into[at] = 0x80 | opcode;
  if (header === 2) into[at + 1] = 0x80 | length;
  else if (header === 4) {
    into[at + 1] = 0x80 | 126;
    into[at + 2] = length >>> 8;
    into[at + 3] = length & 255;
  } else {
    into[at + 1] = 0x80 | 127;
    new DataView(into.buffer, into.byteOffset).setBigUint64(at + 2, BigInt(length));
  }
  into.fill(0, at + header, at + header + maskBytes);
  into.set(payload, at + header + maskBytes);
  return at + header + maskBytes + length;
};

export const frameOf = (opcode: number, payload: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(headerBytes(payload.length) + maskBytes + payload.length);
  writeFrame(opcode, payload, bytes, 0);
  return bytes;
};

const placeholder = '`';
const digitsOf = new Uint8Array(16);

/** The frames of one sender's messages. `build(n)` gives the text frame of message `n`. */
export class SendTemplate {
  readonly #build: (n: string) => string;
  #digits = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #places: number[] = [];

  constructor(build: (n: string) => string) {
    this.#build = build;
  }

  /** Writes message `n` into `into` at `at`; returns where it ends. */
  write(n: number, into: Uint8Array, at: number): number {
    let digits = 0;
    for (let rest = n; rest > 0; rest = (rest - (rest % 10)) / 10) digitsOf[digits++] = 48 + (rest % 10);
    if (digits !== this.#digits) this.#rebuild(digits);
    into.set(this.#bytes, at);
    for (const place of this.#places) {
      for (let index = 0; index < digits; index++) into[at + place + index] = digitsOf[digits - 1 - index] ?? 0;
    }
    return at + this.#bytes.length;
  }

  #rebuild(digits: number): void {
    const sentinel = placeholder.repeat(digits);
    const bytes = Buffer.from(frameOf(1, Buffer.from(this.#build(sentinel))).buffer);
    this.#places = [];
    for (let place = bytes.indexOf(sentinel); place >= 0; place = bytes.indexOf(sentinel, place + digits)) {
      this.#places.push(place);
    }
    this.#bytes = bytes;
    this.#digits = digits;
  }
}
