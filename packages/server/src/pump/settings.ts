/** What a pump may be told, and what it counts. */

/** Faults the simulation plants, to prove that it finds them; empty everywhere else. */
export type PumpPlant =
  | 'ack-before-commit'
  | 'send-parcels-ahead'
  | 'drop-outbox-rows'
  | 'skip-answers-in-log'
  | 'accept-before-commit'
  | 'answer-failed-commit'
  | 'decide-when-full';

export interface OwnerLimits {
  /** Requests that may be queued; beyond, they are refused with `overloaded`. */
  readonly maxQueuedRequests: number;
  /** Parcels of others that may be queued, as batches; beyond, they are dropped and come again. */
  readonly maxQueuedParcels: number;
  /** Entities kept in memory. */
  readonly maxEntities: number;
  /** Requests of one turn, and as many as one waits for (gathering.ts): more make it hardly cheaper, and each waits for two turns. */
  readonly maxTurnRequests: number;
}
export const OWNER_LIMITS: OwnerLimits = {
  maxQueuedRequests: 16_384,
  maxQueuedParcels: 4_096,
  maxEntities: 200_000,
  maxTurnRequests: 512,
};

/** What the pumps of a node did, for metrics; only ever counted up. */
export interface PumpCounters {
  turns: number;
  commands: number;
  refused: number;
  entries: number;
  rows: number;
  commitMs: number;
  overloaded: number;
}
export const newCounters = (): PumpCounters => ({
  turns: 0,
  commands: 0,
  refused: 0,
  entries: 0,
  rows: 0,
  commitMs: 0,
  overloaded: 0,
});
