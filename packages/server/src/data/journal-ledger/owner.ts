/** One owner of a partition: appends batches one at a time, stores their rows, answers in order (COM1, COM2, COM9). */
import { DuologError } from '@duolog/protocol';
import type { Timer } from '../../ports/clock.ts';
import type { Batch, CommitOutcome, ParcelData, Readiness } from '../../ports/ledger.ts';
import { appendId, settleAppend } from './append.ts';
import { Settlement } from './checkpoint.ts';
import type { Place } from './records.ts';
import { decodeRecord, newestCommon } from './records.ts';
import { RowsInOrder } from './rows-in-order.ts';
import type { Surroundings } from './surroundings.ts';
import { ifAvailable } from './surroundings.ts';
import type { TakenOver } from './take-over.ts';

/** An owner with nothing to append looks this often whether somebody else has. */
const LOOK_EVERY_MS = 2_000;

/** A batch that is in the journal; its rows are on their way. */
interface Appended {
  readonly rowsStored: Promise<void>;
}

export class Owner<P extends ParcelData> {
  readonly partition: number;
  readonly claim: string;
  /** The claim's own stamp. */
  readonly stamp: number;
  /** Resolves when another owner's record was read. */
  readonly lost: Promise<void>;
  readonly #around: Surroundings;
  readonly #rows: RowsInOrder;
  readonly #settlement: Settlement;
  /** `lost`: a foreign record was read where the next of ours belonged. */
  #state: 'owner' | 'lost' | 'released' = 'owner';
  #journalFull = false;
  /** The last record that is known to be ours. */
  #end: Place;
  #lastBatch: number;
  /** Stamp of the last batch that was given to commit. */
  #given: number;
  /** All batches up to this stamp have their rows stored. */
  #storedTo: number;
  #appending: Promise<Appended | undefined> = Promise.resolve(undefined);
  #answering: Promise<unknown> = Promise.resolve();
  #tellLost: () => void = () => undefined;
  #lookTimer: Timer | undefined;

  constructor(around: Surroundings, partition: number, taken: TakenOver<P>) {
    const { claim, place, batches, checkpoint, lastBatch } = taken;
    this.partition = partition;
    this.claim = claim;
    this.stamp = place.stamp;
    this.#around = around;
    this.#rows = new RowsInOrder(around);
    this.#end = place;
    this.#lastBatch = lastBatch;
    this.#given = place.stamp;
    this.#storedTo = place.stamp;
    this.#settlement = new Settlement(around, partition, checkpoint);
    for (const { position, bytes, record } of batches) {
      const { stamp, parcels } = record;
      this.#settlement.add({ position, stamp, bytes, hasParcels: parcels.length > 0, stored: true });
    }
    this.#settlement.add({ ...place, bytes: 0, hasParcels: false, stored: true });
    this.lost = new Promise((resolve) => {
      this.#tellLost = resolve;
    });
    this.#lookLater();
  }

  get readiness(): Readiness {
    return this.#journalFull ? 'storageFull' : this.#settlement.readiness;
  }

  get storedTo(): number {
    return this.#storedTo;
  }

  async commit(batch: Batch<P>): Promise<CommitOutcome> {
    if (this.#state !== 'owner') return 'fenced';
    if (batch.stamp <= this.#given) throw new DuologError('internal', 'The stamp of a batch does not rise.');
    this.#given = batch.stamp;
    const appending = this.#appending.then(() => this.#append(batch));
    this.#appending = appending;
    const answering = this.#answer(batch.stamp, appending, this.#answering);
    this.#answering = answering;
    return answering;
  }

  /** Parcels of all batches up to this stamp were accepted. */
  settle(stamp: number): void {
    this.#settlement.accept(stamp);
  }

  /** Finishes what is under way and moves the checkpoint a last time. */
  async release(): Promise<void> {
    if (this.#state === 'owner') this.#state = 'released';
    this.#lookTimer?.cancel();
    await this.#answering;
    if (this.#state === 'released') await this.#settlement.finish();
  }

  async #answer(
    stamp: number,
    appending: Promise<Appended | undefined>,
    before: Promise<unknown>,
  ): Promise<CommitOutcome> {
    const appended = await appending;
    await Promise.all([appended?.rowsStored, before]);
    if (appended === undefined) return 'fenced';
    this.#storedTo = stamp;
    return 'stored';
  }

  /** Undefined: this batch is not stored and never will be. */
  async #append(batch: Batch<P>): Promise<Appended | undefined> {
    if (this.#state === 'lost') return undefined;
    const { partition, stamp, rows, drops, parcels, grown } = batch;
    const bytes = newestCommon(this.#around.formats, this.#around.liveFormats()).encode<P>({
      kind: 'batch',
      claim: this.claim,
      stamp,
      previous: this.#end,
      lastBatch: this.#lastBatch,
      storedTo: this.#storedTo,
      rows,
      drops,
      parcels,
      grown,
    });
    const id = appendId(this.#around, partition, this.claim, stamp);
    const settled = await settleAppend(
      this.#around,
      { kind: 'batch', partition, expect: this.#end.position, id, bytes },
      (isFull) => this.#full(isFull),
    );
    if (settled.kind === 'foreign') {
      this.#lose();
      return undefined;
    }
    this.#end = { position: settled.position, stamp };
    this.#lastBatch = stamp;
    const entry = { ...this.#end, bytes: bytes.length, hasParcels: parcels.length > 0, stored: false };
    this.#settlement.add(entry);
    const storing = async (): Promise<void> => {
      await this.#rows.store(batch);
      entry.stored = true;
      this.#settlement.move();
    };
    return { rowsStored: storing() };
  }

  #lookLater(): void {
    this.#lookTimer = this.#around.clock.after(LOOK_EVERY_MS, () => void this.#look());
  }

  /** Without this, an owner that slept through a claim and has nothing to append would believe itself in office for ever. */
  async #look(): Promise<void> {
    const { journal, formats, signal, notice } = this.#around;
    const { position } = this.#end;
    try {
      const [next] = (await ifAvailable(journal.read(this.partition, position, 1)))?.answer ?? [];
      if (next !== undefined && decodeRecord(formats, next.bytes).claim !== this.claim) this.#lose();
    } catch (cause) {
      notice({ partition: this.partition, kind: 'alarm', text: 'The journal cannot be read.', cause });
    }
    if (this.#state === 'owner' && !signal.aborted) this.#lookLater();
  }

  #lose(): void {
    if (this.#state === 'lost') return;
    this.#state = 'lost';
    this.#lookTimer?.cancel();
    this.#tellLost();
    this.#settlement.stop();
    this.#around.notice({ partition: this.partition, kind: 'lost', text: 'Another owner has claimed the partition.' });
  }

  #full(isFull: boolean): void {
    if (isFull && !this.#journalFull) {
      this.#around.notice({
        partition: this.partition,
        kind: 'journalFull',
        text: 'The journal takes no more records.',
      });
    }
    this.#journalFull = isFull;
  }
}
