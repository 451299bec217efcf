/** Who ought to own a partition: pure rules over what the nodes say of themselves. */
import { rendezvousWeight } from '../core/hash.ts';
import type { NodeId } from '../ports/bus.ts';

/** A clock further than this from the median of the others' leaves a worker's partitions to those whose clocks fit, in ms. */
export const MAX_CLOCK_ERROR_MS = 5_000;
/** A partition is handed over in peace only to one whose clock is nearer: near the limit, it might itself refuse to claim. */
export const HAND_OVER_CLOCK_ERROR_MS = MAX_CLOCK_ERROR_MS / 2;

/** What ranking has to know of a live node. */
export interface Candidate {
  readonly node: NodeId;
  readonly worker: boolean;
  readonly draining: boolean;
  /** Its wall clock minus ours, ms, as heard. */
  readonly clockOffsetMs: number;
}

/** The middle value (the lower of two), 0 of none. */
export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;

/** Whether a node's clock is near enough to the others'; alone, it is. */
export const clockFits = (
  candidate: Candidate,
  all: readonly Candidate[],
  maxErrorMs: number = MAX_CLOCK_ERROR_MS,
): boolean => {
  const others = all.filter(({ node }) => node !== candidate.node).map(({ clockOffsetMs }) => clockOffsetMs);
  return others.length === 0 || Math.abs(candidate.clockOffsetMs - median(others)) <= maxErrorMs;
};

/**
 * The workers that may claim: those whose clocks fit; all, if none does, for what is committed depends on no clock and
 * somebody has to decide.
 */
const eligible = (all: readonly Candidate[]): readonly Candidate[] => {
  const workers = all.filter(({ worker, draining }) => worker && !draining);
  const fitting = workers.filter((candidate) => clockFits(candidate, all));
  return fitting.length > 0 ? fitting : workers;
};

/** The workers that may own a partition, the one that ought to first (rendezvous hashing). */
export const rank = (partition: number, all: readonly Candidate[]): readonly NodeId[] =>
  eligible(all)
    .map(({ node }) => node)
    .toSorted((a, b) => rendezvousWeight(b, partition) - rendezvousWeight(a, partition) || (a < b ? -1 : 1));
