/**
 * Parcels on their way to other partitions (COM5): the next to a destination only when the one before was accepted.
 * Anyone may send a committed parcel again, so loss and doubt cost nothing but a repeat.
 */
import type { Parcel } from '../core/decision.ts';
import type { Bus, NodeId } from '../ports/bus.ts';
import type { Clock, Timer } from '../ports/clock.ts';
import type { PartitionParcels } from '../ports/ledger.ts';
import type { Directory } from './directory.ts';
import type { NodeMessage, Parcels } from './messages.ts';

/** Parcels of one request, at most, in characters of JSON. */
const MAX_REQUEST_LENGTH = 900_000 / 3;
const REPEAT_MS = 500;

export interface Outgoing {
  /** Queues a committed batch's parcels; batches are added in order of stamp. */
  add(stamp: number, parcels: readonly PartitionParcels<Parcel>[]): void;
  /** The destination has stored everything up to this stamp. */
  accepted(destination: number, stamp: number): void;
  /** Nothing waits any more. */
  readonly idle: boolean;
  stop(): void;
}

type Batch = Parcels['batches'][number];
interface Queue {
  readonly batches: Batch[];
  /** How many of the first batches are under way; 0: none. */
  underWay: number;
  timer: Timer | undefined;
}

export const createOutgoing = (options: {
  readonly source: number;
  readonly bus: Bus<NodeMessage>;
  readonly clock: Clock;
  readonly directory: Directory;
  /** All parcels up to and including this stamp were accepted. */
  readonly settled: (stamp: number) => void;
  /** Planted fault: do not wait for the acceptance of what was sent before. */
  readonly sendAhead: boolean;
}): Outgoing => {
  const { source, bus, clock, directory, settled, sendAhead } = options;
  const queues = new Map<number, Queue>();
  /** Stamps of batches with parcels that are not accepted yet, in order, with the number of destinations left. */
  const open = new Map<number, number>();
  let stopped = false;

  const owner = (destination: number): NodeId | undefined => directory.ownerOf(destination);

  const request = (batches: readonly Batch[]): readonly Batch[] => {
    const taken: Batch[] = [];
    let length = 0;
    for (const batch of batches) {
      length += JSON.stringify(batch.parcels).length;
      if (taken.length > 0 && length > MAX_REQUEST_LENGTH) break;
      taken.push(batch);
    }
    return taken;
  };

  const transmit = (destination: number, queue: Queue): void => {
    queue.timer?.cancel();
    queue.timer = undefined;
    if (stopped || queue.batches.length === 0) return;
    // What was sent once is repeated as it was: a longer request could overtake its own repeat.
    const batches =
      queue.underWay > 0 && !sendAhead
        ? queue.batches.slice(0, queue.underWay)
        : request(sendAhead ? queue.batches.slice(-1) : queue.batches);
    queue.underWay = batches.length;
    const to = owner(destination);
    if (to !== undefined) bus.send(to, { type: 'parcels', source, destination, batches });
    queue.timer = clock.after(REPEAT_MS, () => transmit(destination, queue));
  };

  const advance = (): void => {
    let stamp: number | undefined;
    for (const [candidate, left] of open) {
      if (left > 0) break;
      stamp = candidate;
      open.delete(candidate);
    }
    if (stamp !== undefined) settled(stamp);
  };

  return {
    add: (stamp, parcels) => {
      open.set(stamp, parcels.length);
      for (const { destination, parcels: items } of parcels) {
        let queue = queues.get(destination);
        if (queue === undefined) {
          queue = { batches: [], underWay: 0, timer: undefined };
          queues.set(destination, queue);
        }
        queue.batches.push({ stamp, parcels: items });
        if (queue.underWay === 0 || sendAhead) transmit(destination, queue);
      }
      advance();
    },
    accepted: (destination, stamp) => {
      const queue = queues.get(destination);
      if (queue === undefined) return;
      let done = 0;
      while (done < queue.batches.length && (queue.batches[done]?.stamp ?? Infinity) <= stamp) done += 1;
      if (done === 0) return;
      for (const batch of queue.batches.splice(0, done)) open.set(batch.stamp, (open.get(batch.stamp) ?? 1) - 1);
      queue.underWay = Math.max(0, queue.underWay - done);
      advance();
      if (queue.underWay === 0) transmit(destination, queue);
    },
    get idle() {
      return open.size === 0;
    },
    stop: () => {
      stopped = true;
      for (const queue of queues.values()) queue.timer?.cancel();
    },
  };
};
