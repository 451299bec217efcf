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
  let parcels = 0;

  const countParcels = (counted: readonly Item[]): number => {
    let count = 0;
    for (const item of counted) if (item.kind === 'parcels') count += 1;
    return count;
  };

  return {
    get length() {
      return items.length;
    },
    addRequests: (edge, requests) => {
      const room = Math.max(0, limits.maxQueuedRequests - items.length);
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
      let taken = items;
      if (items.length <= limits.maxTurnRequests) items = [];
      else taken = items.splice(0, limits.maxTurnRequests);
      parcels -= countParcels(taken);
      return taken;
    },
    putBack: (rest) => {
      items = [...rest, ...items];
      parcels += countParcels(rest);
    },
    clear: () => {
      items = [];
      parcels = 0;
    },
  };
};
