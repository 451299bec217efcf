/**
 * Checks every byte of LevelDB's tables: reading through the database does not compare checksums, so a flipped byte may
 * show as a wrong text, or not at all.
 *
 * The format: blocks of content, a type (0 plain, 1 snappy; 1 byte) and a masked CRC-32C of both (4 bytes). The last 48
 * bytes hold where the meta index and the index are (offset and size as varints) and a magic number. A block's content is
 * entries (bytes shared with the key before, bytes of its own, bytes of the value, as varints; key; value) and, at the end,
 * restart points with their number (4 bytes each). The index has one entry per block; its value is offset and size.
 */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32c, masked } from './level-log.ts';

const FOOTER_BYTES = 48;
const MAGIC = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb];

interface Block {
  readonly offset: number;
  readonly size: number;
}

/** Reads varints one after another. */
class Cursor {
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

  block(): Block {
    return { offset: this.varint(), size: this.varint() };
  }
}

/** Decompresses snappy's raw format (a length, then literals and copies of what came before). */
export const unsnappy = (bytes: Uint8Array): Uint8Array => {
  const cursor = new Cursor(bytes);
  const out = new Uint8Array(cursor.varint());
  let [at, to] = [cursor.at, 0];
  const number = (width: number): number => {
    let value = 0;
    for (let i = 0; i < width; i++) value += (bytes[at + i] ?? 0) * 256 ** i;
    at += width;
    return value;
  };
  while (at < bytes.length) {
    const tag = number(1);
    const kind = tag & 3;
    if (kind === 0) {
      const short = tag >> 2;
      const length = (short < 60 ? short : number(short - 59)) + 1;
      if (at + length > bytes.length || to + length > out.length) throw new RangeError('a literal is too long');
      out.set(bytes.subarray(at, at + length), to);
      at += length;
      to += length;
      continue;
    }
    const length = kind === 1 ? 4 + ((tag >> 2) & 7) : 1 + (tag >> 2);
    const back = kind === 1 ? ((tag >> 5) << 8) + number(1) : number(kind === 2 ? 2 : 4);
    if (back === 0 || back > to || to + length > out.length) throw new RangeError('a copy goes too far');
    // One by one: what is copied may overlap what it makes.
    for (let i = 0; i < length; i++, to++) out[to] = out[to - back] ?? 0;
  }
  if (to !== out.length) throw new RangeError('it ends too early');
  return out;
};

/** A block's content if its checksum fits. */
const readBlock = (table: Uint8Array, { offset, size }: Block): Uint8Array | undefined => {
  const end = offset + size + 1;
  if (end + 4 > table.length) return undefined;
  const view = new DataView(table.buffer, table.byteOffset + end, 4);
  if (masked(crc32c(table, offset, end)) !== view.getUint32(0, true)) return undefined;
  const content = table.subarray(offset, offset + size);
  return table[offset + size] === 1 ? unsnappy(content) : content;
};

/** The blocks that an index names. */
const blocksOf = (index: Uint8Array): readonly Block[] => {
  const view = new DataView(index.buffer, index.byteOffset, index.byteLength);
  const restarts = view.getUint32(index.byteLength - 4, true);
  const end = index.byteLength - 4 - 4 * restarts;
  const cursor = new Cursor(index);
  const blocks: Block[] = [];
  while (cursor.at < end) {
    cursor.varint();
    const own = cursor.varint();
    const value = cursor.varint();
    cursor.at += own;
    blocks.push(new Cursor(index, cursor.at).block());
    cursor.at += value;
  }
  return blocks;
};

/** What is damaged in a table, as an end of a sentence; undefined if nothing is. */
export const damageInTable = (table: Uint8Array): string | undefined => {
  const footer = table.length - FOOTER_BYTES;
  if (footer < 0 || MAGIC.some((byte, i) => table[table.length - 8 + i] !== byte)) return 'does not end like one';
  try {
    const cursor = new Cursor(table, footer);
    const meta = readBlock(table, cursor.block());
    const index = readBlock(table, cursor.block());
    if (meta === undefined || index === undefined) return 'has a damaged index';
    const blocks = [...blocksOf(index), ...blocksOf(meta)];
    const bad = blocks.filter((block) => readBlock(table, block) === undefined);
    return bad[0] === undefined
      ? undefined
      : `has ${bad.length} damaged of ${blocks.length} blocks, the first at byte ${bad[0].offset}`;
  } catch (cause) {
    if (cause instanceof RangeError) return `cannot be read (${cause.message})`;
    throw cause;
  }
};

/** What is damaged in the tables of a database folder, as sentences. Tables that vanish meanwhile are none of it any more. */
export const damageInTables = async (location: string): Promise<readonly string[]> => {
  const found: string[] = [];
  for (const name of (await readdir(location)).filter((file) => /\.(?:ldb|sst)$/.test(file)).toSorted()) {
    const table = await readFile(join(location, name)).catch((cause: unknown) => {
      if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
      throw cause;
    });
    const damage = table === undefined ? undefined : damageInTable(table);
    if (damage !== undefined) found.push(`the table ${name} ${damage}`);
  }
  return found;
};
