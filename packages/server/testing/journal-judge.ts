/**
 * Judges a cluster of journal-then-store ledgers while it runs: every record as it is appended against the fold of those
 * before it, every row as it is written, and at the end the Store against the journals.
 */
import { RECORD_FORMATS, decodeRecord } from '../src/data/journal-ledger/records.ts';
import type { BatchRecord, LedgerRecord, Place } from '../src/data/journal-ledger/records.ts';
import type { MemoryRows } from '../src/engines/store-memory.ts';
import type { ParcelData } from '../src/ports/ledger.ts';
import type { KeyValue } from '../src/ports/store.ts';
import type { JournalWorld } from './journal-world.ts';

/** What a partition's journal adds up to. */
export interface Fold {
  last: Place;
  claim: string;
  readonly claims: { readonly claim: string; readonly stamp: number }[];
  /** Number of the last message. */
  head: number;
  /** Commands that were executed, with the number each got. */
  readonly done: Map<string, number>;
  /** Stamp of the last parcel of the other partition that was handled. */
  acceptedTo: number;
  readonly heard: Set<string>;
  readonly batches: BatchRecord<ParcelData>[];
}

const emptyFold = (): Fold => ({
  last: { position: 0, stamp: 0 },
  claim: '',
  claims: [],
  head: 0,
  done: new Map(),
  acceptedTo: 0,
  heard: new Set(),
  batches: [],
});

export class Judge {
  readonly violations: string[] = [];
  readonly folds: readonly Fold[];

  constructor(world: JournalWorld, partitions: number) {
    this.folds = Array.from({ length: partitions }, emptyFold);
    world.journal.observe = (partition, { position, bytes }) => {
      this.#takeRecord(partition, position, decodeRecord(RECORD_FORMATS, bytes));
    };
    this.#watch(world.rows);
  }

  expect(holds: boolean, violation: string): void {
    if (!holds) this.violations.push(violation);
  }

  fold(partition: number): Fold {
    const fold = this.folds[partition];
    if (fold === undefined) throw new RangeError(`no partition ${partition}`);
    return fold;
  }

  /** The Store against the journals, once nothing is under way any more. */
  compare(rows: MemoryRows): void {
    for (const [partition, { batches }] of this.folds.entries()) {
      const expected = new Map<string, string>();
      for (const { rows: written } of batches)
        for (const row of written) expected.set(`${row.partition} ${row.key}`, row.value);
      for (const [name, value] of expected) {
        const [at = '', key = ''] = name.split(' ');
        this.expect(rows.get(at, key) === value, `COM3: at rest the row ${name} differs from journal ${partition}`);
      }
    }
  }

  #takeRecord(partition: number, position: number, record: LedgerRecord<ParcelData>): void {
    const fold = this.fold(partition);
    const { previous, stamp } = record;
    const follows = previous.position === fold.last.position && previous.stamp === fold.last.stamp;
    this.expect(
      follows && stamp > fold.last.stamp,
      `COM4: record ${position} of journal ${partition} does not follow the one before`,
    );
    fold.last = { position, stamp };
    if (record.kind === 'claim') {
      fold.claim = record.claim;
      fold.claims.push({ claim: record.claim, stamp });
      return;
    }
    this.expect(record.claim === fold.claim, `COM2: journal ${partition} took a batch of an owner that was fenced`);
    fold.batches.push(record);
    for (const { partition: at, key, value } of record.rows) this.#takeRow(partition, at, key, value);
  }

  #takeRow(partition: number, at: string, key: string, value: string): void {
    const fold = this.fold(partition);
    if (at === `c/p${partition}/0`) {
      const seq = Number(key);
      this.expect(
        seq === fold.head + 1,
        `COM2: message ${seq} of partition ${partition} was decided at head ${fold.head}`,
      );
      fold.head = Math.max(fold.head, seq);
    } else if (key.startsWith('done/')) {
      this.expect(!fold.done.has(key.slice(5)), `COM10: ${key.slice(5)} was executed twice`);
      fold.done.set(key.slice(5), Number(value.slice(1)));
    } else if (key.startsWith('heard/')) {
      const stamp = Number(key.slice(6));
      this.expect(stamp > fold.acceptedTo, `COM5: partition ${partition} handled a parcel twice or late`);
      fold.acceptedTo = stamp;
      for (const command of value.slice(1).split(',')) fold.heard.add(command);
    }
  }

  /** No number of a log changes or is readable before those below it; an entry never points to nothing. */
  #watch(rows: MemoryRows): void {
    const write = rows.write.bind(rows);
    rows.write = (partition: string, changes: readonly KeyValue[], stamp: number): void => {
      const before = changes.map(({ key }) => rows.get(partition, key));
      write(partition, changes, stamp);
      const [kind, id, bucket] = partition.split('/');
      if (bucket === undefined || (kind !== 'c' && kind !== 'u')) return;
      for (const [i, { key, value }] of changes.entries()) {
        const below = String(Number(key) - 1).padStart(4, '0');
        this.expect(
          before[i] === undefined || before[i] === rows.get(partition, key),
          `COM3: ${partition} ${key} changed from ${before[i]} to ${value}`,
        );
        this.expect(
          key === '0001' || rows.get(partition, below) !== undefined,
          `SYN1: ${partition} ${key} is readable before the one below`,
        );
        if (kind === 'u')
          this.expect(rows.get(`c/${id}/0`, key) !== undefined, `SYN1: entry ${key} of ${partition} points to nothing`);
      }
    };
  }
}
