/**
 * The owner of one partition: takes what is queued, loads what deciding takes, decides, commits once, and only then lets
 * replies, deliveries and parcels go.
 */
import type { Parcel } from '../core/decision.ts';
import { patient } from '../data/patient-store.ts';
import type { Bus, NodeId } from '../ports/bus.ts';
import type { Clock, Timer } from '../ports/clock.ts';
import type { Batch, Claim, Ledger, PartitionParcels } from '../ports/ledger.ts';
import type { Store } from '../ports/store.ts';
import type { Directory } from './directory.ts';
import { createEntities } from './entities.ts';
import { createLinks } from './links.ts';
import type { Failure, NodeMessage, Outcome, Parcels, SoftRequest, Submission } from './messages.ts';
import { createOutgoing } from './outgoing.ts';
import { decideCommand, markAccepted, newTurn, recipientsOf, rowsOf, takeParcel } from './turn.ts';
import type { Turn, TurnContext } from './turn.ts';

/** Faults the simulation plants, to prove that it finds them; empty everywhere else. */
export type PumpPlant = 'ack-before-commit' | 'send-parcels-ahead' | 'drop-outbox-rows' | 'redecide-on-replay' | 'accept-before-commit';

export interface OwnerLimits {
  /** Requests that may be queued; beyond, they are refused with `overloaded`. */
  readonly maxQueuedRequests: number;
  /** Parcels of others that may be queued, as batches; beyond, they are dropped and come again. */
  readonly maxQueuedParcels: number;
  /** Entities kept in memory. */
  readonly maxEntities: number;
  /** Requests of one turn. */
  readonly maxTurnRequests: number;
}
export const OWNER_LIMITS: OwnerLimits = { maxQueuedRequests: 16_384, maxQueuedParcels: 4_096, maxEntities: 200_000, maxTurnRequests: 2_048 };

export interface OwnerOptions {
  readonly claim: Claim<Parcel>;
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
export const newCounters = (): PumpCounters => ({ turns: 0, commands: 0, refused: 0, entries: 0, rows: 0, commitMs: 0, overloaded: 0 });

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

type Request = Submission['requests'][number];
type Item =
  | { readonly kind: 'request'; readonly edge: NodeId; readonly request: Request }
  | { readonly kind: 'parcels'; readonly from: NodeId; readonly source: number; readonly stamp: number; readonly parcels: readonly Parcel[] };

/** What a turn owes its edges and sources once it is stored. */
interface Debts {
  readonly turn: Turn;
  readonly answers: { readonly edge: NodeId; readonly ref: number; readonly outcome: Outcome }[];
  readonly soft: { readonly edge: NodeId; readonly ref: number; readonly request: SoftRequest; outcome: Outcome }[];
  readonly acceptances: { readonly from: NodeId; readonly source: number; readonly stamp: number }[];
}

const REPEAT_LINKS_MS = 1_000;

const refusal = (code: Failure['code'], detail: string, retryAfterMs: number): Outcome => ({ ok: false, failure: { code, detail, facts: { retryAfterMs } } });
const OVERLOADED = refusal('overloaded', 'The server has more work than it may queue.', 1_000);
const STORAGE_FULL = refusal('storageFull', 'The disk of the server is full: nothing new is stored.', 30_000);

export const createOwner = (options: OwnerOptions): Owner => {
  const { claim, ledger, bus, clock, partitions, limits, counters, plants } = options;
  const { partition } = claim;
  const store = patient(options.store, clock, () => state === 'stopped');
  const entities = createEntities(store, limits.maxEntities);
  const links = createLinks(bus, partition, claim.id);
  const outgoing = createOutgoing({
    source: partition,
    bus,
    clock,
    directory: options.directory,
    settled: (stamp) => ledger.settle(partition, claim.id, stamp),
    sendAhead: plants.has('send-parcels-ahead'),
  });
  /** Last stamps accepted from each source: decided, and stored. */
  const decidedStamps = new Map(options.accepted);
  const storedStamps = new Map(options.accepted);
  let queue: Item[] = [];
  let queuedParcels = 0;
  let lastStamp = claim.stamp;
  let running = false;
  let state: 'open' | 'releasing' | 'stopped' = 'open';
  let repeatTimer: Timer | undefined;
  /** Turns whose commit is under way, oldest first. */
  const underWay: Promise<void>[] = [];

  const stop = (): void => {
    state = 'stopped';
    queue = [];
    outgoing.stop();
    repeatTimer?.cancel();
  };

  const nextStamp = (): number => {
    lastStamp = Math.max(lastStamp + 1, Math.floor(clock.now() * 1_000));
    return lastStamp;
  };

  /** Takes from the queue what one turn may hold, by number; bytes are watched while deciding. */
  const takeQueued = (): Item[] => {
    if (queue.length <= limits.maxTurnRequests) {
      const items = queue;
      queue = [];
      return items;
    }
    return queue.splice(0, limits.maxTurnRequests);
  };

  const loadFor = (item: Item): Promise<unknown> | undefined => {
    if (item.kind === 'parcels') return loadParcels(item.parcels);
    const { request } = item;
    if ('envelope' in request) return entities.forCommand(request.envelope);
    return request.soft.kind === 'route' ? entities.forRoute(request.soft.user) : entities.forWatch(request.soft.conversation);
  };

  const loadParcels = (parcels: readonly Parcel[]): Promise<unknown> | undefined => {
    let loads: Promise<unknown>[] | undefined;
    for (const parcel of parcels) {
      for (const user of recipientsOf(parcel)) {
        const loading = entities.forParcel(parcel, user);
        if (loading !== undefined) (loads ??= []).push(loading);
      }
    }
    return loads === undefined ? undefined : Promise.all(loads);
  };

  const load = (items: readonly Item[]): Promise<unknown> | undefined => {
    let loads: Promise<unknown>[] | undefined;
    for (const item of items) {
      const loading = loadFor(item);
      if (loading !== undefined) (loads ??= []).push(loading);
    }
    return loads === undefined ? undefined : Promise.all(loads);
  };

  const decideSoft = (request: SoftRequest): Outcome => {
    if (request.kind === 'watch') {
      const roster = entities.get(`c/${request.conversation}`).conversation?.roster;
      const member = roster?.members.some(({ user }) => user === request.user) ?? false;
      return !request.on || member ? { ok: true, result: '{}' } : { ok: false, failure: { code: 'notFound', detail: 'There is no such conversation, or you are not a member of it.' } };
    }
    const user = entities.get(`u/${request.user}`).user;
    const account = user?.account;
    const known = account !== undefined && account !== 'unloaded' && account.devices.some(({ device }) => device === request.device);
    if (request.on && !known) return { ok: false, failure: { code: 'unauthenticated', detail: 'This device is not signed in any more.' } };
    return { ok: true, result: JSON.stringify({ head: user?.head ?? 0 }) };
  };

  const decideItem = (debts: Debts, context: TurnContext, item: Item): void => {
    const { turn } = debts;
    if (item.kind === 'parcels') {
      const { from, source, stamp, parcels } = item;
      debts.acceptances.push({ from, source, stamp });
      if (stamp <= (decidedStamps.get(source) ?? 0)) return;
      decidedStamps.set(source, stamp);
      markAccepted(turn, partition, source, stamp);
      for (const parcel of parcels) takeParcel(turn, context, parcel);
      return;
    }
    const { edge, request } = item;
    if ('soft' in request) {
      debts.soft.push({ edge, ref: request.ref, request: request.soft, outcome: OVERLOADED });
      return;
    }
    const readiness = ledger.readiness(partition);
    if (readiness !== 'ready') {
      counters.overloaded += 1;
      debts.answers.push({ edge, ref: request.ref, outcome: readiness === 'overloaded' ? OVERLOADED : STORAGE_FULL });
      return;
    }
    counters.commands += 1;
    const outcome = decideCommand(turn, context, request.envelope);
    if (!outcome.ok) counters.refused += 1;
    debts.answers.push({ edge, ref: request.ref, outcome });
  };

  /** Parcels to this very partition are part of the batch; they may make others. */
  const takeOwnParcels = async (turn: Turn, context: TurnContext): Promise<void> => {
    for (let own = turn.parcels.get(partition); own !== undefined; own = turn.parcels.get(partition)) {
      turn.parcels.delete(partition);
      const loading = loadParcels(own);
      if (loading !== undefined) await loading;
      for (const parcel of own) takeParcel(turn, context, parcel);
    }
  };

  const decide = async (items: readonly Item[]): Promise<Debts> => {
    const turn = newTurn(nextStamp());
    const debts: Debts = { turn, answers: [], soft: [], acceptances: [] };
    const context: TurnContext = { entities, partition, partitions, now: Math.floor(clock.now()) };
    let decided = 0;
    for (const item of items) {
      if (turn.bytes > ledger.maxBatchBytes / 2) break;
      decideItem(debts, context, item);
      decided += 1;
    }
    if (decided < items.length) queue = [...items.slice(decided), ...queue];
    for (let i = 0; i < decided; i++) if (items[i]?.kind === 'parcels') queuedParcels -= 1;
    await takeOwnParcels(turn, context);
    for (const soft of debts.soft) soft.outcome = decideSoft(soft.request);
    return debts;
  };

  const batchOf = (turn: Turn): Batch<Parcel> => {
    if (plants.has('drop-outbox-rows')) turn.outboxes.clear();
    const parcels: PartitionParcels<Parcel>[] = [];
    for (const [destination, items] of turn.parcels) parcels.push({ destination, parcels: items });
    return { partition, claim: claim.id, stamp: turn.stamp, rows: rowsOf(turn), drops: turn.drops, parcels, grown: Object.fromEntries(turn.grown) };
  };

  const release = (debts: Debts, batch: Batch<Parcel> | undefined): void => {
    for (const { edge, ref, outcome } of debts.answers) pushOutcome(edge, ref, outcome);
    for (const { edge, ref, request, outcome } of debts.soft) {
      if (outcome.ok || !request.on) applySoft(edge, request);
      pushOutcome(edge, ref, outcome);
    }
    forbidWatching(debts.turn);
    links.deliver(debts.turn.deliveries);
    links.flush();
    if (batch !== undefined) {
      // A stamp without parcels settles by itself once those before it have.
      outgoing.add(batch.stamp, batch.parcels);
    }
    for (const { from, source, stamp } of debts.acceptances) {
      storedStamps.set(source, Math.max(stamp, storedStamps.get(source) ?? 0));
      bus.send(from, { type: 'accepted', source, destination: partition, stamp: storedStamps.get(source) ?? stamp });
    }
  };

  const pushOutcome = (edge: NodeId, ref: number, outcome: Outcome): void =>
    links.push(edge, outcome.ok ? { kind: 'result', ref, result: outcome.result } : { kind: 'failure', ref, failure: outcome.failure });

  const applySoft = (edge: NodeId, request: SoftRequest): void => {
    if (request.kind === 'route') links.route(edge, request.user, request.device, request.on);
    else links.watch(edge, request.conversation, request.user, request.on);
  };

  /** Whoever left a conversation in this turn does not watch it any more. */
  const forbidWatching = (turn: Turn): void => {
    for (const row of turn.ownRows.values()) {
      if (row.partition.startsWith('c/') && row.key.startsWith('former/')) links.unwatchAll(row.partition.slice(2), row.key.slice('former/'.length));
    }
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
    if (turn.rows.length === 0 && turn.ownRows.size === 0 && turn.outboxes.size === 0) {
      // Nothing to store, but what it answers may rest on turns that are not stored yet.
      await before;
      if (!stopped()) release(debts, undefined);
      return;
    }
    const batch = batchOf(turn);
    counters.turns += 1;
    counters.rows += batch.rows.length;
    counters.entries += turn.deliveries.length;
    if (plants.has('ack-before-commit')) release(debts, undefined);
    const startedAt = clock.monotonic();
    const outcome = await ledger.commit(batch);
    counters.commitMs += clock.monotonic() - startedAt;
    await before;
    if (stopped()) return;
    if (outcome === 'fenced') {
      stop();
      options.fenced();
    } else if (!plants.has('ack-before-commit')) release(debts, batch);
  };

  const run = async (): Promise<void> => {
    running = true;
    try {
      while (queue.length > 0 && !stopped()) {
        if (entities.crowded) {
          await Promise.all(underWay);
          entities.trim();
        }
        const items = takeQueued();
        const loading = load(items);
        if (loading !== undefined) await loading;
        const debts = await decide(items);
        if (stopped()) return;
        const done = commit(debts, underWay.at(-1)).finally(() => underWay.splice(underWay.indexOf(done), 1));
        underWay.push(done);
        while (underWay.length >= ledger.window) await underWay[0];
      }
      await Promise.all(underWay);
    } catch (cause) {
      if (!stopped()) {
        stop();
        options.broken(cause);
      }
    } finally {
      running = false;
    }
  };

  const wake = (): void => {
    if (!running && state !== 'stopped' && queue.length > 0) void run();
  };

  const repeatLinks = (): void => {
    links.repeat();
    repeatTimer = clock.after(REPEAT_LINKS_MS, repeatLinks);
  };
  repeatTimer = clock.after(REPEAT_LINKS_MS, repeatLinks);
  for (const { stamp, parcels } of claim.unsettled) outgoing.add(stamp, parcels);

  const refuseAll = (edge: NodeId, submission: Submission, failure: Failure): void => {
    bus.send(edge, { type: 'notTaken', partition, refs: submission.requests.map(({ ref }) => ref), failure });
  };

  return {
    claim,
    take: (edge, submission) => {
      if (state !== 'open') return refuseAll(edge, submission, { code: 'unavailable', detail: 'The owner is changing.', facts: { retryAfterMs: 200 } });
      if (queue.length + submission.requests.length > limits.maxQueuedRequests) {
        counters.overloaded += submission.requests.length;
        return refuseAll(edge, submission, { code: 'overloaded', detail: 'The server has more work than it may queue.', facts: { retryAfterMs: 1_000 } });
      }
      for (const request of submission.requests) queue.push({ kind: 'request', edge, request });
      wake();
    },
    takeParcels: (from, message) => {
      for (const { stamp, parcels } of message.batches) {
        if (state !== 'open' || queuedParcels >= limits.maxQueuedParcels) break;
        queuedParcels += 1;
        queue.push({ kind: 'parcels', from, source: message.source, stamp, parcels });
      }
      wake();
    },
    accepted: (destination, stamp) => outgoing.accepted(destination, stamp),
    forgetEdge: (edge) => links.forget(edge),
    release: async () => {
      if (state !== 'open') return;
      state = 'releasing';
      while (running || queue.length > 0) {
        wake();
        await new Promise<void>((resolve) => clock.soon(resolve));
      }
      stop();
      await ledger.release(partition, claim.id);
    },
    stop,
    get queued() {
      return queue.length;
    },
  };
};
