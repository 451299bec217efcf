/**
 * Backups: one file with every row of one moment, taken while the server writes on.
 *
 * The file: a line that names the format; frames (length, 4 bytes, little endian; kind, 1 byte; content); the SHA-256 of
 * all that. Frames, in this order: the header (JSON); files of the data folder (JSON `[name, base64]`); rows (deflated
 * JSON, one `[partition, key, value]` a line; parcels not yet settled have an empty partition); the trailer (JSON).
 */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import { DuologError, randomId } from '@duolog/protocol';
import { digestPartitions, newestDigest } from './level-chain.ts';
import { LEDGER_FOLDER, codeOf, inspectFolder, messageOf } from './level-folder.ts';
import type { Database } from './level-folder.ts';
import { parcelsBounds } from './level-keys.ts';
import { flush } from './level-open.ts';
import type { Installation } from './level-open.ts';
import type { Snapshot } from './level-places.ts';
import { pagesAbove } from './level-runs.ts';
import { damagedTables, sentenceOf } from './level-tables.ts';

export const BACKUP_LINE = 'duolog backup 1\n';
export const FRAME = { header: 1, file: 2, rows: 3, trailer: 4 } as const;
export const HASH_BYTES = 32;

export interface BackupHeader {
  readonly installation: Installation;
  /** Milliseconds since 1970. */
  readonly madeAt: number;
  /** The newest stamp of each partition: those of the restored store are above it. */
  readonly stamps: readonly { readonly partition: number; readonly stamp: number }[];
}

export interface BackupSummary {
  readonly file: string;
  readonly rows: number;
  readonly bytes: number;
}

const PAGE = 1_000;
const FRAME_CHARS = 1024 * 1024;
const deflate = promisify(deflateRaw);

/** Writes frames and keeps their checksum. */
class FrameWriter {
  readonly #handle: FileHandle;
  readonly #hash: Hash = createHash('sha256');
  bytes = 0;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async raw(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    await this.#handle.writeFile(bytes);
    this.bytes += bytes.byteLength;
  }

  async frame(kind: number, content: Uint8Array): Promise<void> {
    const head = Buffer.alloc(5);
    head.writeUInt32LE(content.byteLength, 0);
    head.writeUInt8(kind, 4);
    await this.raw(Buffer.concat([head, content]));
  }

  json(kind: number, value: object): Promise<void> {
    return this.frame(kind, Buffer.from(JSON.stringify(value)));
  }

  async end(): Promise<void> {
    await this.#handle.writeFile(this.#hash.digest());
    await this.#handle.sync();
    this.bytes += HASH_BYTES;
  }
}

/** What a backup says of everything in the snapshot, a line of JSON each, in pages: parcels first. */
async function* pagesOf(db: Database, snapshot: Snapshot): AsyncGenerator<readonly (readonly string[])[]> {
  yield (await db.iterator({ ...parcelsBounds, snapshot }).all()).map(([place, value]) => ['', place, value]);
  for await (const page of pagesAbove(db, undefined, PAGE, snapshot))
    yield page.map(([, { partition, key, value }]) => [partition, key, value]);
}

/** The same as text, in pieces of about a frame. */
async function* linesOf(
  db: Database,
  snapshot: Snapshot,
): AsyncGenerator<{ readonly lines: string; readonly rows: number }> {
  let [lines, rows] = ['', 0];
  for await (const page of pagesOf(db, snapshot)) {
    for (const row of page) lines += `${JSON.stringify(row)}\n`;
    rows += page.length;
    if (lines.length < FRAME_CHARS) continue;
    yield { lines, rows };
    [lines, rows] = ['', 0];
  }
  if (rows > 0) yield { lines, rows };
}

const writeAll = async (out: FrameWriter, options: BackupOptions, snapshot: Snapshot): Promise<number> => {
  const { db, directory, installation, alsoOurs = [], now } = options;
  const stamps = [];
  for (const partition of await digestPartitions(db, snapshot)) {
    stamps.push({ partition, stamp: (await newestDigest(db, partition, snapshot))?.stamp ?? 0 });
  }
  const header: BackupHeader = { installation, madeAt: Math.floor(now), stamps };
  await out.raw(Buffer.from(BACKUP_LINE));
  await out.json(FRAME.header, header);
  for (const name of alsoOurs) {
    const content = await readFile(join(directory, name)).catch((cause: unknown) => {
      if (codeOf(cause) === 'ENOENT') return undefined;
      throw cause;
    });
    if (content !== undefined) await out.json(FRAME.file, [name, content.toString('base64')]);
  }
  let total = 0;
  for await (const { lines, rows } of linesOf(db, snapshot)) {
    await out.frame(FRAME.rows, await deflate(lines, { level: 1 }));
    total += rows;
  }
  await out.json(FRAME.trailer, { rows: total });
  await out.end();
  return total;
};

export interface BackupOptions {
  readonly db: Database;
  readonly installation: Installation;
  readonly directory: string;
  /** Files of the data folder that belong to the installation. */
  readonly alsoOurs?: readonly string[];
  /** Where to: a file that does not exist yet. */
  readonly file: string;
  readonly now: number;
}

const failed = (cause: unknown): DuologError =>
  cause instanceof DuologError
    ? cause
    : new DuologError('internal', `The backup could not be written: ${messageOf(cause)}`, { cause });

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    (cause: unknown) => {
      if (codeOf(cause) === 'ENOENT') return false;
      throw failed(cause);
    },
  );

/** What is damaged in the tables, as sentences. */
const damageIn = async (directory: string): Promise<readonly string[]> => {
  try {
    return (await damagedTables(join(directory, LEDGER_FOLDER))).map(sentenceOf);
  } catch (cause) {
    if (cause instanceof DuologError) return [cause.message];
    throw cause;
  }
};

/**
 * Rejects with `internal` and what to do if a table is damaged: reading through the database compares no checksums, so a
 * backup might hold something else than was written. To be called before one is written, and before a database is opened
 * for it.
 */
export const refuseDamaged = async (directory: string, alsoOurs: readonly string[] = []): Promise<void> => {
  if ((await inspectFolder(directory, alsoOurs)) === 'empty') return;
  const [first, ...more] = await damageIn(directory);
  if (first === undefined) return;
  const rest = more.length === 0 ? '' : ` (and ${more.length} more)`;
  throw new DuologError(
    'internal',
    `The store in ${directory} is damaged: ${first}${rest}. No backup was written; keep the ones there are. "duolog fsck" tells what is damaged and what is whole, "duolog restore" makes a store of the last backup.`,
  );
};

/**
 * Writes a backup of this moment. The file appears under its name when it is whole and flushed. It holds password hashes
 * and the installation's secret, so only its owner may read it. Rejects with `conflict` if the file exists.
 */
export const writeBackup = async (options: BackupOptions): Promise<BackupSummary> => {
  const { db, file } = options;
  if (await exists(file)) throw new DuologError('conflict', `The file ${file} exists; nothing was overwritten.`);
  const unfinished = `${file}.${randomId(6)}.unfinished`;
  const snapshot = db.snapshot();
  try {
    const handle = await open(unfinished, 'wx', 0o600);
    let out;
    let rows;
    try {
      out = new FrameWriter(handle);
      rows = await writeAll(out, options, snapshot);
    } finally {
      await handle.close();
    }
    await rename(unfinished, file);
    await flush(dirname(file));
    return { file, rows, bytes: out.bytes };
  } catch (cause) {
    await rm(unfinished, { force: true });
    throw failed(cause);
  } finally {
    await snapshot.close();
  }
};
