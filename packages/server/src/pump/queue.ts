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
  /**
   * What came together, in lists that are never added to: such a list may have grown old, and then all that is added to it outlives
   * the next collection of the young, though it was answered long before (docs/decisions/0012).
   */
  let arrivals: (readonly Item[])[] = [];
  let length = 0;
  let parcels = 0;

  const countParcels = (counted: readonly Item[]): number => {
    let count = 0;
    for (const item of counted) if (item.kind === 'parcels') count += 1;
    return count;
  };

  const add = (items: readonly Item[]): void => {
    if (items.length > 0) arrivals.push(items);
    length += items.length;
  };

  return {
    get length() {
      return length;
    },
    addRequests: (edge, requests) => {
      const room = Math.max(0, limits.maxQueuedRequests - length);
      const taken = requests.length <= room ? requests : requests.slice(0, room);
      add(taken.map((request) => ({ kind: 'request', edge, request })));
      return taken.length;
    },
    addParcels: (from, { source, batches }) => {
      const taken = batches.slice(0, Math.max(0, limits.maxQueuedParcels - parcels));
      parcels += taken.length;
      add(taken.map(({ stamp, parcels: batch }) => ({ kind: 'parcels', from, source, stamp, parcels: batch })));
    },
    take: () => {
      const taken: Item[] = [];
      let whole = 0;
      for (let items = arrivals[whole]; items !== undefined; items = arrivals[whole]) {
        const room = limits.maxTurnRequests - taken.length;
        if (items.length > room) {
          taken.push(...items.slice(0, room));
          arrivals[whole] = items.slice(room);
          break;
        }
        taken.push(...items);
        whole += 1;
      }
      arrivals.splice(0, whole);
      length -= taken.length;
      parcels -= countParcels(taken);
      return taken;
    },
    putBack: (rest) => {
      arrivals.unshift(rest);
      length += rest.length;
      parcels += countParcels(rest);
    },
    clear: () => {
      arrivals = [];
      length = 0;
      parcels = 0;
    },
  };
};
