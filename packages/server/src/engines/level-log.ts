/**
 * Checks the database's write-ahead logs before it is opened. On opening, LevelDB skips what it cannot read in a log and
 * says nothing, so batches in the middle may be missing. A write that a crash cut short is at the very end of a log:
 * since one batch is written at a time, nothing that begins a record can follow it. If something does, an acknowledged
 * batch is damaged.
 *
 * The format: blocks of 32 KiB; in them records of a header (masked CRC-32C of type and content, 4 bytes; length, 2
 * bytes; type, 1 byte: full, first, middle, last) and content; a block's last six bytes may be unused.
 */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

const BLOCK_BYTES = 32_768;
const HEADER_BYTES = 7;
const FULL = 1;
const FIRST = 2;
const MIDDLE = 3;
const LAST = 4;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc;
});

/** CRC-32C (Castagnoli) of a part of the bytes. */
export const crc32c = (bytes: Uint8Array, from: number, to: number): number => {
  let crc = 0xffffffff;
  for (let i = from; i < to; i++) crc = (TABLE[(crc ^ (bytes[i] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
};
/** As LevelDB stores it, so that a checksum of bytes with checksums in them is none of its own. */
export const masked = (crc: number): number => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;

/** The record at an offset, if it is whole: its type, and where the next one begins. */
const recordAt = (
  bytes: Uint8Array,
  view: DataView,
  at: number,
  blockEnd: number,
): { type: number; end: number } | undefined => {
  if (at + HEADER_BYTES > blockEnd) return undefined;
  const type = bytes[at + 6] ?? 0;
  const end = at + HEADER_BYTES + view.getUint16(at + 4, true);
  if (type < FULL || type > LAST || end > blockEnd) return undefined;
  return masked(crc32c(bytes, at + 6, end)) === view.getUint32(at, true) ? { type, end } : undefined;
};

/** Where the first record that is not whole begins and one that must not follow it does; undefined if the log is as a crash may leave it. */
export const damageInLog = (bytes: Uint8Array): { readonly at: number; readonly followedAt: number } | undefined => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let bad: number | undefined;
  for (let block = 0; block < bytes.length; block += BLOCK_BYTES) {
    const blockEnd = Math.min(block + BLOCK_BYTES, bytes.length);
    let at = block;
    while (at + HEADER_BYTES <= blockEnd) {
      const record = recordAt(bytes, view, at, blockEnd);
      if (record === undefined) {
        bad ??= at;
        // The length may be what is damaged: look for the next record byte by byte.
        at += 1;
        continue;
      }
      if (bad !== undefined && (record.type === FULL || record.type === FIRST)) return { at: bad, followedAt: at };
      at = record.end;
    }
  }
  return undefined;
};

/** What was written to a log, one piece after another, up to the first that is not whole. */
export function* writtenIn(bytes: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const blockEnd = Math.min(at - (at % BLOCK_BYTES) + BLOCK_BYTES, bytes.length);
    if (at + HEADER_BYTES > blockEnd) {
      at = blockEnd;
      continue;
    }
    const record = recordAt(bytes, view, at, blockEnd);
    if (record === undefined) return;
    if (record.type === FULL || record.type === FIRST) parts = [];
    parts.push(bytes.subarray(at + HEADER_BYTES, record.end));
    at = record.end;
    if (record.type !== FIRST && record.type !== MIDDLE) yield Buffer.concat(parts);
  }
}

/** What is damaged in the logs of a database folder, as sentences; empty if nothing is. */
export const damageInLogs = async (location: string): Promise<readonly string[]> => {
  const found: string[] = [];
  for (const name of (await readdir(location)).filter((file) => file.endsWith('.log')).toSorted()) {
    const damage = damageInLog(await readFile(join(location, name)));
    if (damage !== undefined)
      found.push(
        `the log ${name} is damaged at byte ${damage.at}, and what was written later is not (byte ${damage.followedAt})`,
      );
  }
  return found;
};
