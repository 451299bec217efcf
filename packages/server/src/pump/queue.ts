/** What waits for an owner's next turn, in order of arrival and bounded. */
import type { Parcel } from '../core/decision.ts';
import type { NodeId } from '../ports/bus.ts';
import type { Failure, Parcels, Submission } from './messages.ts';
import type { OwnerLimits } from './settings.ts';

/** What is told to whom there is no room for. */
export const FULL: Failure = {
  code: 'overloaded',
  detail: 'The server has more work than it may queue.',
  facts: { retryAfterMs: 1_000 },
};

type Request = Submission['requests'][number];
/** A request of an edge, or one batch of parcels of another partition. */
export type Item =
  | { readonly kind: 'request'; readonly edge: NodeId; readonly request: Request }
  | {
      readonly kind: 'parcels';
      readonly from: NodeId;
      readonly source: number;
      readonly stamp: number;
      readonly parcels: readonly Parcel[];
    };

export interface Queue {
  readonly length: number;
  /** Takes requests while there is room; how many it took. */
  addRequests(edge: NodeId, requests: readonly Request[]): number;
  /** Takes batches while there is room; the rest comes again (COM5). */
  addParcels(from: NodeId, message: Parcels): void;
  /** Takes out what one turn may hold, by number. */
  take(): readonly Item[];
  /** Puts back, in front, what the turn had no room for. */
  putBack(items: readonly Item[]): void;
  clear(): void;
}

export const createQueue = (limits: OwnerLimits): Queue => {
  let items: Item[] = [];
  /** Those before it are taken: cutting them off each time would move all others. */
  let first = 0;
  let parcels = 0;

  const waiting = (): number => items.length - first;

  const countParcels = (counted: readonly Item[]): number => {
    let count = 0;
    for (const item of counted) if (item.kind === 'parcels') count += 1;
    return count;
  };

  return {
    get length() {
      return waiting();
    },
    addRequests: (edge, requests) => {
      const room = Math.max(0, limits.maxQueuedRequests - waiting());
      const taken = requests.length <= room ? requests : requests.slice(0, room);
      for (const request of taken) items.push({ kind: 'request', edge, request });
      return taken.length;
    },
    addParcels: (from, message) => {
      for (const { stamp, parcels: batch } of message.batches) {
        if (parcels >= limits.maxQueuedParcels) return;
        parcels += 1;
        items.push({ kind: 'parcels', from, source: message.source, stamp, parcels: batch });
      }
    },
    take: () => {
      const taken = items.slice(first, first + limits.maxTurnRequests);
      first += taken.length;
      if (first >= items.length / 2) {
        items = items.slice(first);
        first = 0;
      }
      parcels -= countParcels(taken);
      return taken;
    },
    putBack: (rest) => {
      items = [...rest, ...items.slice(first)];
      first = 0;
      parcels += countParcels(rest);
    },
    clear: () => {
      items = [];
      first = 0;
      parcels = 0;
    },
  };
};
