/** Faults planted on purpose, to prove that the simulation finds them. */

export type PlantName =
  | 'ack-before-commit'
  | 'append-without-expectation'
  | 'redecide-on-replay'
  | 'parcel-ahead'
  | 'drop-outbox-rows'
  | 'checkpoint-before-parcels'
  | 'checkpoint-before-rows'
  | 'append-id-without-claim'
  | 'dropped-on-refusal'
  | 'kept-on-foreign-append'
  | 'write-without-stamp'
  | 'stale-end-trusted'
  | 'cursor-jumps-gap';

import type { LedgerPlant } from '../../packages/server/src/data/journal-ledger/plants.ts';
import type { PumpPlant } from '../../packages/server/src/pump/settings.ts';

const PUMP: { readonly [P in PlantName]?: PumpPlant } = {
  'ack-before-commit': 'ack-before-commit',
  'parcel-ahead': 'send-parcels-ahead',
  'drop-outbox-rows': 'drop-outbox-rows',
};

/** The part of the plants that sits in the pump. */
export const pumpPlants = (plants: ReadonlySet<PlantName>): ReadonlySet<PumpPlant> =>
  new Set([...plants].flatMap((plant) => PUMP[plant] ?? []));

const LEDGER: { readonly [P in PlantName]?: LedgerPlant } = {
  'append-without-expectation': 'no-expectation',
  'checkpoint-before-parcels': 'checkpoint-early',
  'checkpoint-before-rows': 'checkpoint-before-rows',
  'append-id-without-claim': 'append-id-without-claim',
  'dropped-on-refusal': 'drop-on-refusal',
  'kept-on-foreign-append': 'keep-on-refusal',
  'write-without-stamp': 'store-without-stamps',
  'stale-end-trusted': 'trust-stale-end',
};

/** The part of the plants that sits in the journal-then-store ledger. */
export const ledgerPlants = (plants: ReadonlySet<PlantName>): ReadonlySet<LedgerPlant> =>
  new Set([...plants].flatMap((plant) => LEDGER[plant] ?? []));
