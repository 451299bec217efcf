/** What a journal holds behind a checkpoint, read in order (COM4). */
import type { JournalRecord } from '../../ports/journal.ts';
import type { ParcelData } from '../../ports/ledger.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { BatchRecord, Place } from './records.ts';
import { decodeRecord } from './records.ts';
import type { Surroundings } from './surroundings.ts';
import { untilAvailable } from './surroundings.ts';

const PAGE = 64;

export interface ReadBatch<P extends ParcelData> {
  readonly position: number;
  readonly bytes: number;
  readonly record: BatchRecord<P>;
}

/** How far a reading got: `misfit` says why the journal does not continue the checkpoint. */
export type Reading = { readonly misfit?: string; readonly sawClaim: boolean };

/**
 * The records behind a checkpoint. Reading may stop short of the end, as reads may be stale; it never passes over a
 * record, as each one names the one before.
 */
export class Tail<P extends ParcelData> {
  readonly #around: Surroundings;
  readonly #partition: number;
  readonly #checkpoint: Checkpoint;
  readonly batches: ReadBatch<P>[] = [];
  #end: Place;
  #lastBatch: number;
  /** The record at the checkpoint was seen; there is none at position 0. */
  #anchored: boolean;

  constructor(around: Surroundings, partition: number, checkpoint: Checkpoint) {
    this.#around = around;
    this.#partition = partition;
    this.#checkpoint = checkpoint;
    this.#end = checkpoint;
    this.#lastBatch = checkpoint.stamp;
    this.#anchored = checkpoint.position === 0;
  }

  /** The last record read, or the checkpoint. */
  get end(): Place {
    return this.#end;
  }

  /** Stamp of the last batch read, or of the last one before the checkpoint. */
  get lastBatch(): number {
    return this.#lastBatch;
  }

  get anchored(): boolean {
    return this.#anchored;
  }

  /** Reads on until nothing more is shown. */
  async readOn(): Promise<Reading> {
    let sawClaim = false;
    for (;;) {
      const after = this.#anchored ? this.#end.position : this.#checkpoint.position - 1;
      const page = await untilAvailable(this.#around, () => this.#around.journal.read(this.#partition, after, PAGE));
      if (page.length === 0) return { sawClaim };
      for (const record of page) {
        const added = this.add(record);
        sawClaim ||= added.sawClaim;
        if (added.misfit !== undefined) return { misfit: added.misfit, sawClaim };
      }
    }
  }

  /** Takes the record behind the last one. */
  add(record: JournalRecord): Reading {
    const entry = decodeRecord<P>(this.#around.formats, record.bytes);
    const { position } = record;
    const sawClaim = this.#anchored && entry.kind === 'claim';
    if (!this.#anchored) {
      const { position: expected, stamp } = this.#checkpoint;
      if (position !== expected || entry.stamp !== stamp) {
        return {
          misfit: `The record at the checkpoint ${expected} (${stamp}) is ${position} (${entry.stamp}).`,
          sawClaim,
        };
      }
      this.#anchored = true;
    } else {
      const { previous } = entry;
      if (
        previous.position !== this.#end.position ||
        previous.stamp !== this.#end.stamp ||
        entry.stamp <= this.#end.stamp
      ) {
        const chain = `${previous.position} (${previous.stamp}), not ${this.#end.position} (${this.#end.stamp})`;
        return { misfit: `Record ${position} (${entry.stamp}) follows ${chain}.`, sawClaim };
      }
      if (entry.kind === 'batch') this.batches.push({ position, bytes: record.bytes.length, record: entry });
    }
    this.#end = { position, stamp: entry.stamp };
    this.#lastBatch = entry.kind === 'batch' ? entry.stamp : entry.lastBatch;
    return { sawClaim };
  }
}
