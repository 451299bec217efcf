/** Makes a store of a backup, in an empty folder and with a new epoch: cursors of before are void. */
import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import { DuologError, randomId } from '@duolog/protocol';
import type { Row } from '../ports/store.ts';
import { BACKUP_LINE, FRAME, HASH_BYTES } from './level-backup.ts';
import type { BackupHeader } from './level-backup.ts';
import type { LevelLayout } from './level-chain.ts';
import { LEDGER_FOLDER, RESTORING_FOLDER, inspectFolder, messageOf, openDatabase } from './level-folder.ts';
import { digestKey, droppedKey, encodeDigest } from './level-keys.ts';
import { LEVEL_LIMITS } from './level-limits.ts';
import { FORMAT, encodeInstallation, flush, flushNames, formatRefusal } from './level-open.ts';
import { createPlaces } from './level-places.ts';
import { levelWriter } from './level-writer.ts';
import type { LevelWriter } from './level-writer.ts';

export interface RestoreOptions {
  readonly file: string;
  /** An empty folder, or one that does not exist. */
  readonly directory: string;
  readonly layout: LevelLayout;
}

export interface RestoreSummary {
  readonly rows: number;
  /** When the backup was made, milliseconds since 1970. */
  readonly madeAt: number;
  /** The new epoch. */
  readonly epoch: string;
}

interface Frame {
  readonly kind: number;
  readonly content: Buffer;
}

const MAX_FRAME_BYTES = 256 * 1024 * 1024;
const inflate = promisify(inflateRaw);

const spoilt = (file: string, what: string): DuologError =>
  new DuologError('invalid', `${file} is no whole backup of duolog: ${what}. Nothing was restored.`);

const readBytes = async (handle: FileHandle, at: number, length: number): Promise<Buffer> => {
  const bytes = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(bytes, filled, length - filled, at + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
};

/** The frames of a file in order; `hash` is fed with all but the checksum at its end. */
async function* framesOf(
  file: string,
  handle: FileHandle,
  hash?: { update(bytes: Uint8Array): unknown },
): AsyncGenerator<Frame> {
  const end = (await handle.stat()).size - HASH_BYTES;
  const line = await readBytes(handle, 0, BACKUP_LINE.length);
  if (line.toString('latin1') !== BACKUP_LINE)
    throw spoilt(file, 'it does not begin like one, or was made by a newer version');
  hash?.update(line);
  for (let at = BACKUP_LINE.length; at < end;) {
    const head = await readBytes(handle, at, 5);
    const length = head.byteLength === 5 ? head.readUInt32LE(0) : Infinity;
    if (at + 5 + length > end || length > MAX_FRAME_BYTES) throw spoilt(file, 'it is cut short or damaged');
    const content = await readBytes(handle, at + 5, length);
    hash?.update(head);
    hash?.update(content);
    at += 5 + length;
    yield { kind: head.readUInt8(4), content };
  }
}

/** Reads the file to its end before anything is done with it. */
const verify = async (file: string, handle: FileHandle): Promise<BackupHeader> => {
  const hash = createHash('sha256');
  let header: Buffer | undefined;
  let trailer: Buffer | undefined;
  for await (const { kind, content } of framesOf(file, handle, hash)) {
    if (kind === FRAME.header) header = content;
    if (kind === FRAME.trailer) trailer = content;
  }
  const expected = await readBytes(handle, (await handle.stat()).size - HASH_BYTES, HASH_BYTES);
  if (!hash.digest().equals(expected)) throw spoilt(file, 'its checksum does not fit');
  if (header === undefined || trailer === undefined) throw spoilt(file, 'it is cut short');
  const read = JSON.parse(header.toString()) as BackupHeader;
  const refusal = formatRefusal(read.installation.format);
  if (refusal !== undefined) throw new DuologError('internal', `The backup ${file} ${refusal}`);
  return read;
};

const rowsOf = async (content: Buffer): Promise<readonly Row[]> =>
  (await inflate(content))
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [partition, key, value] = JSON.parse(line) as [string, string, string];
      return { partition, key, value };
    });

const writeFrame = async (
  writer: LevelWriter,
  layout: LevelLayout,
  installation: string,
  content: Buffer,
): Promise<number> => {
  const all = await rowsOf(content);
  const own = all.filter(({ partition }) => partition === '');
  const { partition, key } = layout.installation;
  const rows = all
    .filter((row) => row.partition !== '')
    .map((row) => (row.partition === partition && row.key === key ? { ...row, value: installation } : row));
  await writer.write({
    rows,
    drops: [],
    own: (batch) => {
      for (const parcels of own) batch.put(parcels.key, parcels.value);
    },
  });
  return all.length;
};

/** Stamps go on above those of the backup; its digests are not kept, so followers begin anew. */
const writeStamps = (writer: LevelWriter, stamps: BackupHeader['stamps']): Promise<void> =>
  writer.write({
    rows: [],
    drops: [],
    own: (batch) => {
      for (const { partition, stamp } of stamps) {
        batch.put(digestKey(partition, stamp), encodeDigest({ after: 0, total: 0, grown: [], claim: 'restored' }));
        batch.put(droppedKey(partition), String(stamp));
      }
    },
  });

const fileOf = (backup: string, content: Buffer): { readonly name: string; readonly bytes: Buffer } => {
  const [name, base64] = JSON.parse(content.toString()) as [string, string];
  if (!/^[a-z][a-z.-]*$/.test(name)) throw spoilt(backup, `it holds a file named ${JSON.stringify(name)}`);
  return { name, bytes: Buffer.from(base64, 'base64') };
};

const fill = async (options: RestoreOptions, handle: FileHandle, header: BackupHeader): Promise<RestoreSummary> => {
  const { file, directory, layout } = options;
  const location = join(directory, RESTORING_FOLDER);
  const installation = { ...header.installation, epoch: randomId(16), format: FORMAT };
  const db = await openDatabase(location, { create: true, writeBufferBytes: LEVEL_LIMITS.writeBufferBytes });
  const files: { readonly name: string; readonly bytes: Buffer }[] = [];
  let rows = 0;
  try {
    const places = await createPlaces(db, layout.isLog, LEVEL_LIMITS.areaChars);
    const writer = levelWriter({ db, places, onFatal: () => undefined });
    for await (const { kind, content } of framesOf(file, handle)) {
      if (kind === FRAME.rows) rows += await writeFrame(writer, layout, encodeInstallation(installation), content);
      else if (kind === FRAME.file) files.push(fileOf(file, content));
    }
    await writeStamps(writer, header.stamps);
    await flushNames(location);
  } finally {
    await db.close();
  }
  // Last: a folder in which restoring was cut short before has nothing else in it and can be restored into again.
  for (const { name, bytes } of files) await writeFile(join(directory, name), bytes, { mode: 0o600, flush: true });
  await rename(location, join(directory, LEDGER_FOLDER));
  await flush(directory);
  return { rows, madeAt: header.madeAt, epoch: installation.epoch };
};

/**
 * Restores a backup into an empty folder. The backup is read to its end and its checksum compared first; until all is
 * written and flushed there is no store in the folder. Rejects with `invalid` (no whole backup) or `internal`.
 */
export const restoreBackup = async (options: RestoreOptions): Promise<RestoreSummary> => {
  const { file, directory } = options;
  const handle = await open(file, 'r').catch((cause: unknown) => {
    throw new DuologError('invalid', `${file} cannot be read: ${messageOf(cause)}`, { cause });
  });
  try {
    const header = await verify(file, handle);
    await rm(join(directory, RESTORING_FOLDER), { recursive: true, force: true });
    if ((await inspectFolder(directory)) === 'used')
      throw new DuologError('internal', `There is a store in ${directory} already. Restore into an empty folder.`);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return await fill(options, handle, header);
  } catch (cause) {
    throw cause instanceof DuologError
      ? cause
      : new DuologError('internal', `Restoring failed: ${messageOf(cause)}`, { cause });
  } finally {
    await handle.close();
  }
};
