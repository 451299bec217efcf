/** How far a partition's journal is settled, and forgetting what lies before (COM4). */
import type { Timer } from '../../ports/clock.ts';
import { KEYS, decodeJson, encodeJson, partitionKey } from '../../core/rows.ts';
import type { Readiness } from '../../ports/ledger.ts';
import type { Place } from './records.ts';
import type { Surroundings } from './surroundings.ts';
import { untilAvailable, untilStored } from './surroundings.ts';

/** The row: all batches up to this place have their rows stored and their parcels accepted. */
export interface Checkpoint extends Place {
  readonly stream: string;
}

/** Unsettled batches, or bytes of them, from which on commands are not welcome. */
const MAX_UNSETTLED = 64;
const MAX_UNSETTLED_BYTES = 8 * 1024 * 1024;
const WRITE_EVERY_MS = 100;
const TRIM_EVERY_MS = 1_000;
const HELD_BACK_MS = 60_000;
const MARK_EVERY_US = 60_000_000;
/** Followers hold back trimming no longer than this. */
const KEEP_AT_MOST_US = 24 * 3_600_000_000;

/** The write time is the checkpoint's stamp: of two owners' the further one stays, which is true whoever wrote it. */
export const writeCheckpoint = (around: Surroundings, partition: number, checkpoint: Checkpoint): Promise<void> => {
  const { stream, position, stamp } = checkpoint;
  const rows = [{ key: KEYS.checkpoint, value: encodeJson({ stream, position, stamp }) }];
  return untilStored(around, () => around.writer.write(partitionKey(partition), rows, Math.max(1, stamp)));
};

/** The partition's checkpoint. The first one is made here, so that a stream made anew is always noticed. */
export const readCheckpoint = async (around: Surroundings, partition: number, stream: string): Promise<Checkpoint> => {
  const row = await untilAvailable(around, () => around.store.get(partitionKey(partition), KEYS.checkpoint));
  if (row !== undefined) return decodeJson<Checkpoint>(row);
  const first = { stream, position: 0, stamp: 0 };
  await writeCheckpoint(around, partition, first);
  return first;
};

/** A batch, or a claim, that the checkpoint has not passed. */
export interface Unsettled extends Place {
  readonly bytes: number;
  readonly hasParcels: boolean;
  stored: boolean;
}

/** Moves the checkpoint of one owner behind what is stored and accepted, and trims the journal behind the checkpoint. */
export class Settlement {
  readonly #around: Surroundings;
  readonly #partition: number;
  readonly #stream: string;
  readonly #unsettled: Unsettled[] = [];
  #unsettledBytes = 0;
  #acceptedTo = 0;
  #reached: Place;
  #written: Place;
  #writing: Promise<void> | undefined;
  #timer: Timer | undefined;
  #trimTimer: Timer | undefined;
  #stopped = false;
  /** Places one may trim to, about a minute apart. */
  #marks: Place[] = [];
  #trimmedTo = 0;

  constructor(around: Surroundings, partition: number, checkpoint: Checkpoint) {
    this.#around = around;
    this.#partition = partition;
    this.#stream = checkpoint.stream;
    this.#reached = checkpoint;
    this.#written = checkpoint;
  }

  get readiness(): Readiness {
    const full = this.#unsettled.length >= MAX_UNSETTLED || this.#unsettledBytes >= MAX_UNSETTLED_BYTES;
    return full ? 'overloaded' : 'ready';
  }

  /** A record was appended. */
  add(unsettled: Unsettled): void {
    this.#unsettled.push(unsettled);
    this.#unsettledBytes += unsettled.bytes;
    this.move();
  }

  /** Parcels of all batches up to this stamp were accepted. */
  accept(stamp: number): void {
    this.#acceptedTo = Math.max(this.#acceptedTo, stamp);
    this.move();
  }

  /** Moves on as far as it may. */
  move(): void {
    for (let next = this.#unsettled[0]; next !== undefined && this.#isSettled(next); next = this.#unsettled[0]) {
      this.#unsettled.shift();
      this.#unsettledBytes -= next.bytes;
      this.#reached = next;
    }
    if (this.#reached === this.#written || this.#timer !== undefined || this.#stopped) return;
    this.#timer = this.#around.clock.after(WRITE_EVERY_MS, () => {
      this.#timer = undefined;
      void this.#write();
    });
  }

  /** Writes what was reached so far, and nothing after that. */
  async finish(): Promise<void> {
    this.stop();
    await this.#writing;
    if (this.#reached !== this.#written) await this.#store();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#trimTimer?.cancel();
    this.#timer = undefined;
  }

  #isSettled({ stored, hasParcels, stamp }: Unsettled): boolean {
    const { plants } = this.#around;
    if (plants.has('checkpoint-before-rows')) return true;
    if (plants.has('checkpoint-early')) return stored;
    return stored && (!hasParcels || stamp <= this.#acceptedTo);
  }

  async #write(): Promise<void> {
    if (this.#writing !== undefined) return;
    this.#writing = this.#store();
    try {
      await this.#writing;
    } catch (cause) {
      // Stopped, or a fault of the store that the owner's own writes meet too.
      this.stop();
      if (this.#around.signal.aborted) return;
      this.#around.notice({
        partition: this.#partition,
        kind: 'alarm',
        text: 'The checkpoint cannot be written.',
        cause,
      });
    } finally {
      this.#writing = undefined;
    }
    this.move();
  }

  async #store(): Promise<void> {
    const { position, stamp } = this.#reached;
    const reached = this.#reached;
    await writeCheckpoint(this.#around, this.#partition, { stream: this.#stream, position, stamp });
    this.#written = reached;
    this.#trimAfter(TRIM_EVERY_MS);
  }

  #trimAfter(ms: number): void {
    if (this.#stopped) return;
    this.#trimTimer ??= this.#around.clock.after(ms, () => {
      this.#trimTimer = undefined;
      void this.#trim();
    });
  }

  /** Trims up to the checkpoint's record, which stays; followers that are behind hold it back. */
  async #trim(): Promise<void> {
    const { clock, journal, followedTo, notice } = this.#around;
    const lastMark = this.#marks.at(-1);
    if (lastMark === undefined || this.#written.stamp - lastMark.stamp >= MARK_EVERY_US)
      this.#marks.push(this.#written);
    const needed = Math.max(followedTo(this.#partition), Math.floor(clock.now() * 1_000) - KEEP_AT_MOST_US);
    const to = this.#written.stamp <= needed ? this.#written : this.#marks.findLast(({ stamp }) => stamp <= needed);
    if (to !== this.#written) this.#trimAfter(HELD_BACK_MS);
    if (to === undefined || to.position <= this.#trimmedTo) return;
    this.#trimmedTo = to.position;
    this.#marks = this.#marks.filter(({ position }) => position >= to.position);
    try {
      await journal.trim(this.#partition, to.position);
    } catch (cause) {
      notice({ partition: this.#partition, kind: 'trimFailed', text: 'The journal could not be trimmed.', cause });
    }
  }
}
