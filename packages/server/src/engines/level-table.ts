/**
 * Checks every byte of LevelDB's tables: reading through the database does not compare checksums, so a flipped byte may
 * show as a wrong text, or not at all.
 *
 * The format: blocks of content, a type (0 plain, 1 snappy; 1 byte) and a masked CRC-32C of both (4 bytes). The last 48
 * bytes hold where the meta index and the index are (offset and size as varints) and a magic number. A block's content is
 * entries (bytes shared with the key before, bytes of its own, bytes of the value, as varints; key; value) and, at the end,
 * restart points with their number (4 bytes each). The index has one entry per block; its value is offset and size.
 */
import { setImmediate } from 'node:timers/promises';
import { crc32c, masked } from './level-log.ts';
import { Cursor, varint } from './level-varint.ts';

/** Length of a table's footer. */
export const FOOTER_BYTES = 48;
const MAGIC = [0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb];

interface Block {
  readonly offset: number;
  readonly size: number;
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

/** Whether a block is whole. */
const isWhole = (table: Uint8Array, { offset, size }: Block): boolean => {
  const end = offset + size + 1;
  if (end + 4 > table.length) return false;
  const view = new DataView(table.buffer, table.byteOffset + end, 4);
  return masked(crc32c(table, offset, end)) === view.getUint32(0, true);
};

/** A block's content if its checksum fits. */
const readBlock = (table: Uint8Array, block: Block): Uint8Array | undefined => {
  if (!isWhole(table, block)) return undefined;
  const { offset, size } = block;
  const content = table.subarray(offset, offset + size);
  return table[offset + size] === 1 ? unsnappy(content) : content;
};

/** An entry of an index: a block, and a key that is at least as high as those in it and below those of the next. */
export interface IndexEntry extends Block {
  readonly key: Uint8Array;
}

const blockAt = (cursor: Cursor): Block => ({ offset: cursor.varint(), size: cursor.varint() });

/** The blocks that an index names. */
const entriesOf = (index: Uint8Array): readonly IndexEntry[] => {
  const view = new DataView(index.buffer, index.byteOffset, index.byteLength);
  const restarts = view.getUint32(index.byteLength - 4, true);
  const end = index.byteLength - 4 - 4 * restarts;
  const cursor = new Cursor(index);
  const entries: IndexEntry[] = [];
  let key: Uint8Array = new Uint8Array(0);
  while (cursor.at < end) {
    const [shared, own, value] = [cursor.varint(), cursor.varint(), cursor.varint()];
    key = Buffer.concat([key.subarray(0, shared), cursor.bytes(own)]);
    entries.push({ key, ...blockAt(new Cursor(cursor.bytes(value))) });
  }
  return entries;
};

/** What a table turns out to be: whole, with blocks that cannot be read, or nothing that can be read at all. */
export type TableState =
  | { readonly kind: 'whole' }
  | {
      readonly kind: 'blocks';
      readonly what: string;
      readonly entries: readonly IndexEntry[];
      /** Which of the entries' blocks are damaged. Empty: the damage is in what only makes reading faster. */
      readonly bad: ReadonlySet<IndexEntry>;
    }
  | { readonly kind: 'unreadable'; readonly what: string };

/** So many bytes are looked at before others have their turn: a server may run in this process. */
const STRIDE_BYTES = 512 * 1024;

/** Those that are damaged. */
const badOf = async <B extends Block>(table: Uint8Array, blocks: readonly B[]): Promise<readonly B[]> => {
  const bad: B[] = [];
  let bytes = 0;
  for (const block of blocks) {
    if (!isWhole(table, block)) bad.push(block);
    bytes += block.size;
    if (bytes < STRIDE_BYTES) continue;
    bytes = 0;
    await setImmediate();
  }
  return bad;
};

const inspectBlocks = async (table: Uint8Array): Promise<TableState> => {
  const footer = table.length - FOOTER_BYTES;
  const cursor = new Cursor(table, footer);
  const [metaBlock, indexBlock] = [blockAt(cursor), blockAt(cursor)];
  const index = readBlock(table, indexBlock);
  if (index === undefined) return { kind: 'unreadable', what: 'has a damaged index' };
  const entries = entriesOf(index);
  const bad = await badOf(table, entries);
  const meta = readBlock(table, metaBlock);
  const filters = meta === undefined ? [metaBlock] : await badOf(table, entriesOf(meta));
  const [first] = [...bad, ...filters].toSorted((a, b) => a.offset - b.offset);
  if (first === undefined) return { kind: 'whole' };
  const blocks = `${bad.length} damaged of ${entries.length} blocks`;
  const what =
    bad.length === 0 ? 'has a damaged filter; no row is in it' : `has ${blocks}, the first at byte ${first.offset}`;
  return { kind: 'blocks', what, entries, bad: new Set(bad) };
};

/** Compares every checksum of a table. `what` is the end of a sentence. */
export const inspectTable = async (table: Uint8Array): Promise<TableState> => {
  const footer = table.length - FOOTER_BYTES;
  if (footer < 0 || MAGIC.some((byte, i) => table[table.length - 8 + i] !== byte))
    return { kind: 'unreadable', what: 'does not end like one' };
  try {
    return await inspectBlocks(table);
  } catch (cause) {
    if (cause instanceof RangeError) return { kind: 'unreadable', what: `cannot be read (${cause.message})` };
    throw cause;
  }
};

/** A block as it stands in a table, not compressed. */
const blockOf = (content: Uint8Array): Uint8Array => {
  const block = Buffer.concat([content, Buffer.alloc(5)]);
  block.writeUInt32LE(masked(crc32c(block, 0, content.length + 1)), content.length + 1);
  return block;
};

/** Entries in the form of a block, each with its whole key. */
const indexOf = (entries: readonly IndexEntry[]): Uint8Array => {
  const parts: Uint8Array[] = [];
  const restarts = Buffer.alloc(4 * entries.length + 4);
  let at = 0;
  for (const [i, { key, offset, size }] of entries.entries()) {
    const place = [...varint(offset), ...varint(size)];
    const part = Buffer.concat([
      Uint8Array.from([0, ...varint(key.length), place.length]),
      key,
      Uint8Array.from(place),
    ]);
    restarts.writeUInt32LE(at, 4 * i);
    at += part.length;
    parts.push(part);
  }
  restarts.writeUInt32LE(entries.length, 4 * entries.length);
  return Buffer.concat([...parts, restarts]);
};

/**
 * The end of a table in place of its last 48 bytes, so that only these blocks are read: a footer where the database looks
 * for it, and behind it an index of them and no filter.
 */
export const endOfTable = (bytes: number, entries: readonly IndexEntry[]): Uint8Array => {
  const [meta, index] = [blockOf(indexOf([])), blockOf(indexOf(entries))];
  const places = [bytes, meta.length - 5, bytes + meta.length, index.length - 5].flatMap((number) => varint(number));
  const footer = Buffer.alloc(FOOTER_BYTES);
  footer.set(places);
  footer.set(MAGIC, FOOTER_BYTES - 8);
  return Buffer.concat([footer, meta, index]);
};
