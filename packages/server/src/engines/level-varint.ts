/** Numbers as LevelDB writes them: seven bits a byte, the lowest first. */

/** Reads numbers, and bytes with their length before them, one after another. Throws RangeError where they end too early. */
export class Cursor {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.#bytes = bytes;
    this.at = at;
  }

  varint(): number {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = this.#bytes[this.at++];
      if (byte === undefined || factor > 2 ** 49) throw new RangeError('it ends too early');
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
  }

  bytes(length: number): Uint8Array {
    const from = this.at;
    this.at += length;
    if (this.at > this.#bytes.length) throw new RangeError('it ends too early');
    return this.#bytes.subarray(from, this.at);
  }
}

export const varint = (value: number): readonly number[] => {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
};

/** A key as tables keep it (with eight bytes behind it), as the text it was given as: all of ours are ASCII. */
export const keyOf = (internal: Uint8Array): string =>
  Buffer.from(internal.buffer, internal.byteOffset, Math.max(0, internal.byteLength - 8)).toString('latin1');
