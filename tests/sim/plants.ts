/** Faults planted on purpose, to prove that the simulation finds them. */
import type { LedgerPlant } from '../../packages/server/src/data/journal-ledger/plants.ts';
import type { QueryPlant } from '../../packages/server/src/data/history.ts';
import type { MemoryLedgerPlant } from '../../packages/server/src/engines/ledger-memory.ts';
import type { PumpPlant } from '../../packages/server/src/pump/settings.ts';
import type { SiteName } from './sites.ts';

/** Where a plant sits, and where it is found: in the cluster unless it says so. */
interface Plant {
  readonly what: string;
  readonly site?: SiteName;
  readonly pump?: PumpPlant;
  readonly ledger?: LedgerPlant;
  readonly disk?: MemoryLedgerPlant;
  readonly queries?: QueryPlant;
}

export const PLANTS = {
  'ack-before-commit': {
    what: 'COM1: replies and deliveries go out before the batch is stored',
    pump: 'ack-before-commit',
  },
  'append-without-expectation': { what: 'COM2: an append goes behind whatever is last', ledger: 'no-expectation' },
  'append-id-without-claim': {
    what: 'COM2: the id of an append is partition and stamp alone',
    ledger: 'append-id-without-claim',
  },
  'dropped-on-refusal': {
    what: 'COM2: a refused append ends the ownership, its batch is taken for lost',
    ledger: 'drop-on-refusal',
  },
  'kept-on-refusal': {
    what: 'COM2: a refused append goes behind what was appended since, whoever did that',
    ledger: 'keep-on-refusal',
  },
  'decided-again-on-replay': {
    what: 'COM3: a take-over numbers the messages of what it reads anew',
    ledger: 'redecide-on-replay',
  },
  'write-without-stamp': { what: 'COM3: a late row write covers a newer one', ledger: 'store-without-stamps' },
  'checkpoint-before-rows': {
    what: 'COM4: the checkpoint passes batches whose rows are not stored',
    ledger: 'checkpoint-before-rows',
  },
  'checkpoint-before-parcels': {
    what: 'COM4: the checkpoint passes batches whose parcels were not accepted',
    ledger: 'checkpoint-early',
  },
  'stale-end-trusted': {
    what: 'COM4: a take-over believes what one read shows of the end of the journal',
    ledger: 'trust-stale-end',
  },
  'parcel-ahead': { what: 'COM5: a parcel is sent before the one before was accepted', pump: 'send-parcels-ahead' },
  'accepted-before-commit': {
    what: 'COM5: parcels are accepted before the batch that handles them is stored',
    pump: 'accept-before-commit',
  },
  'outbox-rows-dropped': { what: 'COM10: the answers to commands are not stored', pump: 'drop-outbox-rows' },
  'answers-in-log-skipped': {
    what: 'COM10: a new owner does not look for answers in the log of messages',
    pump: 'skip-answers-in-log',
  },
  'answer-after-failed-write': {
    what: 'COM9: a commit that failed is answered like one that is stored',
    site: 'single',
    pump: 'answer-failed-commit',
  },
  'write-after-failed-write': {
    what: 'COM9: after a failed write the ledger goes on with the next one',
    site: 'single',
    disk: 'write-on',
  },
  'full-disk-ignored': {
    what: 'STO6: commands are decided though the disk is full',
    site: 'single',
    pump: 'decide-when-full',
  },
  'membership-before-head': {
    what: 'CON4: a page of history looks who may read it before it looks how far the log goes',
    queries: 'access-before-head',
  },
  'cursor-jumps-gap': { what: 'SYN2: a device applies an entry that is not the next one' },
} as const satisfies Record<string, Plant>;

export type PlantName = keyof typeof PLANTS;
export const isPlant = (name: string): name is PlantName => Object.hasOwn(PLANTS, name);

/** The site at which a plant is looked for. */
export const siteOf = (name: PlantName): SiteName => {
  const { site }: Plant = PLANTS[name];
  return site ?? 'cluster';
};

/** The sets that the code under test asks; empty until the chaos begins, so that every world gets that far. */
export interface Planted {
  readonly pump: Set<PumpPlant>;
  readonly ledger: Set<LedgerPlant>;
  readonly disk: Set<MemoryLedgerPlant>;
  readonly queries: Set<QueryPlant>;
  readonly device: Set<PlantName>;
}
export const noPlants = (): Planted => ({
  pump: new Set(),
  ledger: new Set(),
  disk: new Set(),
  queries: new Set(),
  device: new Set(),
});

/** From now on the plant is there. */
export const plant = (planted: Planted, name: PlantName): void => {
  const { pump, ledger, disk, queries }: Plant = PLANTS[name];
  if (pump !== undefined) planted.pump.add(pump);
  if (ledger !== undefined) planted.ledger.add(ledger);
  if (disk !== undefined) planted.disk.add(disk);
  if (queries !== undefined) planted.queries.add(queries);
  planted.device.add(name);
};
