/// <reference types="node" />
/** Embedded stores in folders of their own, and what tests write into them. */
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LAYOUT } from '../src/boot/layout.ts';
import { ManualClock } from '../src/engines/clock-manual.ts';
import { openLevel } from '../src/engines/ledger-level.ts';
import type { Level, LevelOptions } from '../src/engines/ledger-level.ts';
import { LEDGER_FOLDER } from '../src/engines/level-folder.ts';
import type { Batch, Claim, ParcelData } from '../src/ports/ledger.ts';
import type { Row } from '../src/ports/store.ts';

export type TestLevel = Level<ParcelData>;

/** What opened stores told, and the folders to be removed. */
export class LevelRig {
  readonly clock = new ManualClock();
  readonly alarms: string[] = [];
  readonly fatal: Error[] = [];
  readonly #root = mkdtempSync(join(tmpdir(), 'duolog-level-'));
  readonly #opened = new Set<TestLevel>();
  #folders = 0;

  /** A folder that does not exist yet. */
  folder(): string {
    return join(this.#root, `data-${++this.#folders}`);
  }

  async open(directory: string, options: Partial<LevelOptions> = {}): Promise<TestLevel> {
    const level = await openLevel<ParcelData>({
      directory,
      partitions: 1,
      clock: this.clock,
      layout: LAYOUT,
      alarm: (message) => void this.alarms.push(message),
      onFatal: (error) => void this.fatal.push(error),
      ...options,
      limits: { reserveBytes: 0, ...options.limits },
    });
    this.#opened.add(level);
    return level;
  }

  async close(level: TestLevel): Promise<void> {
    this.#opened.delete(level);
    await level.close();
  }

  /** A store with so many batches in it, closed. */
  async filled(batches: number, options: Partial<LevelOptions> = {}): Promise<string> {
    const directory = this.folder();
    const level = await this.open(directory, options);
    await commitAll(level, batches);
    await this.close(level);
    return directory;
  }

  copyOf(directory: string): string {
    const copy = this.folder();
    cpSync(directory, copy, { recursive: true });
    return copy;
  }

  async clean(): Promise<void> {
    for (const level of this.#opened) await level.close();
    rmSync(this.#root, { recursive: true, force: true });
  }
}

/** The n-th message of a conversation, as a batch of its own. */
export const messageBatch = (claim: Claim, n: number, more: readonly Row[] = []): Batch => ({
  partition: claim.partition,
  claim: claim.id,
  stamp: claim.stamp + n,
  rows: [
    ...more,
    { ...LAYOUT.logRow('c/a', n), value: `1message ${n} ${'x'.repeat(100)}` },
    { partition: 'c/a', key: 'positions', value: `1{"n":${n}}` },
  ],
  drops: [],
  parcels: [],
  grown: [['c/a', n, n]],
});

export const claimed = async (level: TestLevel): Promise<Claim> => {
  const claim = await level.ledger.claim(0);
  if (claim === undefined) throw new Error('nobody contests this claim');
  return claim;
};

export const commitAll = async (level: TestLevel, batches: number): Promise<Claim> => {
  const claim = await claimed(level);
  for (let n = 1; n <= batches; n++) await level.ledger.commit(messageBatch(claim, n));
  return claim;
};

/** The messages that are there, by number. */
export const messagesIn = async (level: TestLevel): Promise<readonly number[]> => {
  const rows = await level.store.range('c/a/0', { limit: 4_096 });
  return rows.map(({ value }) => Number(value.split(' ')[1]));
};

/** Paths of the database's files whose names fit. */
export const filesOf = (directory: string, name: RegExp): readonly string[] =>
  readdirSync(join(directory, LEDGER_FOLDER))
    .filter((file) => name.test(file))
    .map((file) => join(directory, LEDGER_FOLDER, file));

/** The only file whose name fits. */
export const fileOf = (directory: string, name: RegExp): string => {
  const [file, other] = filesOf(directory, name).filter((path) => readFileSync(path).length > 0);
  if (file === undefined || other !== undefined) throw new Error(`not exactly one file like ${String(name)}`);
  return file;
};

export const flipByte = (file: string, at: number): void => {
  const bytes = readFileSync(file);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0x40, at);
  writeFileSync(file, bytes);
};
