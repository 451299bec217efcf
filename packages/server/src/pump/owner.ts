/**
 * The owner of one partition: takes what is queued, loads what deciding takes, decides, commits once, and only then lets
 * replies, deliveries and parcels go.
 */
import type { Parcel } from '../core/decision.ts';
import { patient } from '../data/patient-store.ts';
import type { Bus, NodeId } from '../ports/bus.ts';
import type { Clock, Timer } from '../ports/clock.ts';
import type { Claim, Ledger } from '../ports/ledger.ts';
import type { Store } from '../ports/store.ts';
import { createDeciding } from './deciding.ts';
import type { Debts } from './deciding.ts';
import type { Directory } from './directory.ts';
import { createEntities } from './entities.ts';
import { gatherArrivals } from './gathering.ts';
import { createLettingGo } from './letting-go.ts';
import { createLinks } from './links.ts';
import type { Failure, NodeMessage, Parcels, Submission } from './messages.ts';
import { createOutgoing } from './outgoing.ts';
import { FULL, createQueue } from './queue.ts';
import type { OwnerLimits, PumpCounters, PumpPlant } from './settings.ts';
import { isEmpty, newTurn } from './turn.ts';

export interface OwnerOptions {
  readonly claim: Claim<Parcel>;
  /** Last stamps accepted from each source. */
  readonly accepted: ReadonlyMap<number, number>;
  readonly ledger: Ledger<Parcel>;
  readonly store: Store;
  readonly bus: Bus<NodeMessage>;
  readonly clock: Clock;
  readonly directory: Directory;
  readonly partitions: number;
  readonly limits: OwnerLimits;
  readonly counters: PumpCounters;
  readonly plants: ReadonlySet<PumpPlant>;
  /** Another owner has claimed: everything here is void. */
  readonly fenced: () => void;
  /** The ledger or the store broke: nothing may be answered any more. */
  readonly broken: (cause: unknown) => void;
}

export interface Owner {
  readonly claim: Claim<Parcel>;
  take(edge: NodeId, submission: Submission): void;
  takeParcels(from: NodeId, message: Parcels): void;
  accepted(destination: number, stamp: number): void;
  /** An edge died: nothing is kept for it. */
  forgetEdge(edge: NodeId): void;
  /** Takes nothing more, finishes what was taken, and gives the partition up. */
  release(): Promise<void>;
  /** Stops at once; nothing more is answered. */
  stop(): void;
  readonly queued: number;
}

const REPEAT_LINKS_MS = 1_000;

/** A turn waits for others no longer than the one before took, or so many ms: who misses it has to wait for all of it. */
const LEAST_LIMIT_MS = 5;

const CHANGING: Failure = { code: 'unavailable', detail: 'The owner is changing.', facts: { retryAfterMs: 200 } };

export const createOwner = (options: OwnerOptions): Owner => {
  const { claim, ledger, bus, clock, limits, counters, plants } = options;
  const { partition } = claim;
  const store = patient(options.store, clock, () => state === 'stopped');
  const entities = createEntities(store, limits.maxEntities, plants);
  const links = createLinks(bus, partition, claim.id);
  const outgoing = createOutgoing({
    source: partition,
    bus,
    clock,
    directory: options.directory,
    settled: (stamp) => ledger.settle(partition, claim.id, stamp),
    sendAhead: plants.has('send-parcels-ahead'),
  });
  const queue = createQueue(limits);
  const deciding = createDeciding({ ...options, entities });
  const letGo = createLettingGo({ partition, accepted: options.accepted, bus, links, outgoing });
  /** The loop over what is queued, while it runs. */
  let running: Promise<void> | undefined;
  let state: 'open' | 'releasing' | 'stopped' = 'open';
  let repeatTimer: Timer | undefined;
  /** Turns whose commit is under way, oldest first. */
  const underWay: Promise<void>[] = [];

  const stop = (): void => {
    state = 'stopped';
    queue.clear();
    outgoing.stop();
    repeatTimer?.cancel();
  };
  const stopped = (): boolean => state === 'stopped';

  const commit = async (debts: Debts, before: Promise<void> | undefined): Promise<void> => {
    try {
      await commitTurn(debts, before);
    } catch (cause) {
      if (!stopped()) {
        stop();
        options.broken(cause);
      }
    }
  };

  const commitTurn = async (debts: Debts, before: Promise<void> | undefined): Promise<void> => {
    const { turn } = debts;
    if (isEmpty(turn)) {
      // Nothing to store, but what it answers may rest on turns that are not stored yet.
      await before;
      if (!stopped()) letGo(debts, undefined);
      return;
    }
    const batch = deciding.batchOf(turn);
    counters.turns += 1;
    counters.rows += batch.rows.length;
    for (const delivery of turn.deliveries) if (delivery.kind === 'entry') counters.entries += delivery.useqs.length;
    if (plants.has('ack-before-commit')) letGo(debts, undefined);
    if (plants.has('accept-before-commit'))
      letGo({ ...debts, answers: [], soft: [], ended: [], turn: newTurn(turn.stamp) }, undefined);
    const startedAt = clock.monotonic();
    const committed = ledger.commit(batch);
    const outcome = await (plants.has('answer-failed-commit') ? committed.catch(() => 'stored' as const) : committed);
    counters.commitMs += clock.monotonic() - startedAt;
    await before;
    if (stopped()) return;
    if (outcome === 'fenced') {
      stop();
      options.fenced();
    } else if (!plants.has('ack-before-commit')) letGo(debts, batch);
  };

  const run = async (): Promise<void> => {
    try {
      while (queue.length > 0 && !stopped()) {
        if (entities.crowded) {
          await Promise.all(underWay);
          entities.trim();
        }
        const startedAt = clock.monotonic();
        const items = queue.take();
        const loading = deciding.load(items);
        if (loading !== undefined) await loading;
        const { debts, rest } = await deciding.decide(items);
        if (stopped()) return;
        if (rest.length > 0) queue.putBack(rest);
        const done = commit(debts, underWay.at(-1)).finally(() => underWay.splice(underWay.indexOf(done), 1));
        underWay.push(done);
        if (underWay.length < ledger.window) continue;
        while (underWay.length >= ledger.window) await underWay[0];
        // What had no room fills the next turn already.
        if (state === 'open' && rest.length === 0)
          await gatherArrivals(
            clock,
            () => queue.length,
            limits.maxTurnRequests,
            Math.max(LEAST_LIMIT_MS, clock.monotonic() - startedAt),
          );
      }
    } catch (cause) {
      if (!stopped()) {
        stop();
        options.broken(cause);
      }
    } finally {
      // In one step with the look at the queue above: what is queued from now on finds nobody running and wakes.
      running = undefined;
    }
  };

  const wake = (): void => {
    if (running === undefined && !stopped() && queue.length > 0) running = run();
  };

  const repeatLinks = (): void => {
    links.repeat();
    repeatTimer = clock.after(REPEAT_LINKS_MS, repeatLinks);
  };
  repeatTimer = clock.after(REPEAT_LINKS_MS, repeatLinks);
  for (const { stamp, parcels } of claim.unsettled) outgoing.add(stamp, parcels);

  const refuse = (edge: NodeId, requests: Submission['requests'], failure: Failure): void => {
    bus.send(edge, { type: 'notTaken', partition, refs: requests.map(({ ref }) => ref), failure });
  };

  return {
    claim,
    take: (edge, { requests }) => {
      if (state !== 'open') return refuse(edge, requests, CHANGING);
      const taken = queue.addRequests(edge, requests);
      wake();
      if (taken === requests.length) return;
      counters.overloaded += requests.length - taken;
      refuse(edge, requests.slice(taken), FULL);
    },
    takeParcels: (from, message) => {
      if (state !== 'open') return;
      queue.addParcels(from, message);
      wake();
    },
    accepted: (destination, stamp) => outgoing.accepted(destination, stamp),
    forgetEdge: (edge) => links.forget(edge),
    release: async () => {
      if (state !== 'open') return;
      state = 'releasing';
      // Nothing is taken any more, so the loop ends once the queue is empty.
      await running;
      await Promise.all(underWay);
      if (stopped()) return;
      stop();
      await ledger.release(partition, claim.id);
    },
    stop,
    get queued() {
      return queue.length;
    },
  };
};
