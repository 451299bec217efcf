/** A cluster's journal and store in memory, with processes that run the journal-then-store ledger over them. */
import type { LedgerNotice } from '../src/data/journal-ledger/surroundings.ts';
import { createJournalLedger } from '../src/data/journal-ledger/journal-ledger.ts';
import type { JournalLedgerOptions } from '../src/data/journal-ledger/journal-ledger.ts';
import { ManualClock } from '../src/engines/clock-manual.ts';
import type { ClockView } from '../src/engines/clock-manual.ts';
import { CALM, Faults, seededRandom } from '../src/engines/faults.ts';
import type { FaultRates } from '../src/engines/faults.ts';
import { MemoryJournal, openMemoryJournal } from '../src/engines/journal-memory.ts';
import { MemoryRows, openMemoryStore } from '../src/engines/store-memory.ts';
import { RECORD_FORMATS, decodeRecord } from '../src/data/journal-ledger/records.ts';
import type { LedgerRecord } from '../src/data/journal-ledger/records.ts';
import type { AppendOutcome, Journal } from '../src/ports/journal.ts';
import type { Batch, Claim, Ledger, ParcelData, PartitionParcels } from '../src/ports/ledger.ts';
import type { Row, Store, StoreWriter } from '../src/ports/store.ts';

export interface Process {
  readonly ledger: Ledger;
  readonly journal: Journal;
  readonly store: Store & StoreWriter;
  /** Pauses and stops the process, or lets its clock jump. */
  readonly clock: ClockView;
  readonly options: JournalLedgerOptions;
  readonly notices: LedgerNotice[];
  readonly stopping: AbortController;
}

export class JournalWorld {
  readonly clock = new ManualClock();
  readonly rows = new MemoryRows();
  readonly journal = new MemoryJournal();
  readonly random: () => number;
  readonly faults: Faults;
  #ids = 0;

  constructor(seed = 1, rates: FaultRates = CALM) {
    this.random = seededRandom(seed);
    this.faults = new Faults(this.random, rates);
  }

  /** Starts a process. `wrap` may put something between the ledger and its engines. */
  start(
    options: Partial<JournalLedgerOptions> & { readonly offsetMs?: number } = {},
    wrap: {
      readonly journal?: (journal: Journal) => Journal;
      readonly writer?: (writer: StoreWriter) => StoreWriter;
    } = {},
  ): Process {
    const clock = this.clock.view(options.offsetMs);
    const conduct = { clock, world: this.clock, faults: this.faults };
    const journal = openMemoryJournal(this.journal, conduct);
    const store = openMemoryStore(this.rows, conduct);
    const notices: LedgerNotice[] = [];
    const stopping = new AbortController();
    const all: JournalLedgerOptions = {
      journal: wrap.journal?.(journal) ?? journal,
      store,
      writer: wrap.writer?.(store) ?? store,
      clock,
      signal: stopping.signal,
      notice: (notice) => notices.push(notice),
      randomId: () => `claim-${++this.#ids}`,
      ...options,
    };
    return { ledger: createJournalLedger(all), journal, store, clock, options: all, notices, stopping };
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.clock.run(promise);
  }

  /** Claims until it succeeds. */
  async claim(process: Process, partition = 0): Promise<Claim> {
    for (let tries = 0; tries < 20; tries++) {
      const claim = await this.run(process.ledger.claim(partition));
      if (claim !== undefined) return claim;
    }
    throw new Error('the claim never succeeds');
  }

  /** The checkpoint row of a partition. */
  checkpoint(
    partition = 0,
  ): { readonly stream: string; readonly position: number; readonly stamp: number } | undefined {
    const row = this.rows.get(`p/${partition}`, 'checkpoint');
    return row === undefined
      ? undefined
      : (JSON.parse(row.slice(1)) as { stream: string; position: number; stamp: number });
  }
}

export const row = (partition: string, key: string, value: string): Row => ({ partition, key, value: `1${value}` });

/** Parcels that say something to a partition. */
export const told = (destination: number, ...texts: readonly string[]): PartitionParcels => ({
  destination,
  parcels: texts.map((text) => ({ kind: 'told', text })),
});

/** The n-th batch after a claim. */
export const batchOf = (claim: Claim, n: number, what: Partial<Batch> = {}): Batch => ({
  partition: claim.partition,
  claim: claim.id,
  stamp: claim.stamp + n,
  rows: [row('c/a/0', String(n).padStart(3, '0'), `message ${n}`)],
  drops: [],
  parcels: [],
  grown: [['c/a', n, n]],
  ...what,
});

/** One call of append. */
export interface AppendCall {
  readonly partition: number;
  readonly expect: number;
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** A journal that writes down appends and may answer otherwise than its engine would. */
export const listening = (
  calls: AppendCall[],
  answer: (call: AppendCall, append: () => Promise<AppendOutcome>) => Promise<AppendOutcome> = (_, append) => append(),
) => ({
  journal: (journal: Journal): Journal => ({
    ...journal,
    append: (partition, expected, id, bytes) => {
      const call = { partition, expect: expected, id, bytes };
      calls.push(call);
      return answer(call, () => journal.append(partition, expected, id, bytes));
    },
  }),
});

const read = (bytes: Uint8Array): LedgerRecord<ParcelData> => decodeRecord(RECORD_FORMATS, bytes);
/** The records a journal keeps, decoded. */
export const records = (world: JournalWorld, partition = 0): readonly LedgerRecord<ParcelData>[] =>
  world.journal.records(partition).map(({ bytes }) => read(bytes));
