/** One turn of an owner up to its commit: loads what deciding takes, decides, and notes what is owed once it is stored. */
import type { ConversationId, UserId } from '@duolog/protocol';
import { memberOf, nobody } from '../core/conversation-state.ts';
import type { Parcel } from '../core/decision.ts';
import { FORMER_ROWS, conversationKey, idOfKey, userKey } from '../core/rows.ts';
import type { NodeId } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import type { Batch, Claim, Ledger, PartitionParcels } from '../ports/ledger.ts';
import { recall } from './answering.ts';
import type { Entities } from './entities.ts';
import { failed } from './messages.ts';
import type { Outcome, SoftRequest } from './messages.ts';
import { FULL } from './queue.ts';
import type { Item } from './queue.ts';
import type { PumpCounters, PumpPlant } from './settings.ts';
import { commandBytes, takingBytes } from './sizes.ts';
import { decideCommand, markAccepted, newTurn, recipientsOf, rowsOf, takeParcel } from './turn.ts';
import type { Turn, TurnContext } from './turn.ts';

/** What a turn owes its edges and sources once it is stored. */
export interface Debts {
  readonly turn: Turn;
  readonly answers: { readonly edge: NodeId; readonly ref: number; readonly outcome: Outcome }[];
  readonly soft: { readonly edge: NodeId; readonly ref: number; readonly request: SoftRequest; outcome: Outcome }[];
  /** Who is no member of a conversation any more. */
  readonly ended: { readonly conversation: ConversationId; readonly user: UserId }[];
  readonly acceptances: { readonly from: NodeId; readonly source: number; readonly stamp: number }[];
}

export interface Deciding {
  /** Loads what these items take; undefined: all of it is there. */
  load(items: readonly Item[]): Promise<unknown> | undefined;
  /** Decides about the loaded items until the turn is full. `rest` had no room. */
  decide(items: readonly Item[]): Promise<{ readonly debts: Debts; readonly rest: readonly Item[] }>;
  /** The batch of a turn; once. */
  batchOf(turn: Turn): Batch<Parcel>;
}

const OVERLOADED: Outcome = { ok: false, failure: FULL };
const STORAGE_FULL = failed('storageFull', 'The disk of the server is full: nothing new is stored.', {
  retryAfterMs: 30_000,
});
const NO_MEMBER = failed(nobody.code, nobody.detail);
const REVOKED = failed('unauthenticated', 'This device is not signed in any more.');

export const createDeciding = (options: {
  readonly claim: Claim<Parcel>;
  /** Last stamps accepted from each source when the partition was claimed. */
  readonly accepted: ReadonlyMap<number, number>;
  readonly entities: Entities;
  readonly ledger: Ledger<Parcel>;
  readonly clock: Clock;
  readonly partitions: number;
  readonly counters: PumpCounters;
  readonly plants: ReadonlySet<PumpPlant>;
}): Deciding => {
  const { claim, entities, ledger, clock, partitions, counters } = options;
  const { partition } = claim;
  const decidedStamps = new Map(options.accepted);
  let lastStamp = claim.stamp;

  const nextStamp = (): number => {
    lastStamp = Math.max(lastStamp + 1, Math.floor(clock.now() * 1_000));
    return lastStamp;
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

  const loadFor = (item: Item): Promise<unknown> | undefined => {
    if (item.kind === 'parcels') return loadParcels(item.parcels);
    const { request } = item;
    if ('envelope' in request) return entities.forCommand(request.envelope);
    return request.soft.kind === 'route'
      ? entities.forRoute(request.soft.user)
      : entities.forWatch(request.soft.conversation);
  };

  const isMember = (conversation: ConversationId, user: UserId): boolean =>
    memberOf(entities.get(conversationKey(conversation)).conversation?.roster, user) !== undefined;

  /** Notes whose memberships ended in this turn; who was added again in the same turn stays. */
  const noteEnded = ({ turn, ended }: Debts): void => {
    for (const { partition: entity, key } of turn.ownRows.values()) {
      if (!key.startsWith(FORMER_ROWS)) continue;
      const [conversation, user] = [idOfKey(entity), key.slice(FORMER_ROWS.length)];
      if (!isMember(conversation, user)) ended.push({ conversation, user });
    }
  };

  const decideSoft = (request: SoftRequest): Outcome => {
    if (request.kind === 'watch') {
      return !request.on || isMember(request.conversation, request.user) ? { ok: true, result: '{}' } : NO_MEMBER;
    }
    const { user } = entities.get(userKey(request.user));
    const account = user?.account;
    const known =
      account !== undefined &&
      account !== 'unloaded' &&
      account.devices.some(({ device }) => device === request.device);
    if (request.on && !known) return REVOKED;
    return { ok: true, result: JSON.stringify({ head: user?.head ?? 0 }) };
  };

  const decideParcels = (debts: Debts, context: TurnContext, item: Extract<Item, { kind: 'parcels' }>): void => {
    const { from, source, stamp, parcels } = item;
    debts.acceptances.push({ from, source, stamp });
    if (stamp <= (decidedStamps.get(source) ?? 0)) return;
    decidedStamps.set(source, stamp);
    markAccepted(debts.turn, partition, source, stamp);
    for (const parcel of parcels) takeParcel(debts.turn, context, parcel);
  };

  const decideRequest = (
    debts: Debts,
    context: TurnContext,
    { edge, request }: Extract<Item, { kind: 'request' }>,
  ): void => {
    if ('soft' in request) {
      debts.soft.push({ edge, ref: request.ref, request: request.soft, outcome: OVERLOADED });
      return;
    }
    const readiness = ledger.readiness(partition);
    if (readiness !== 'ready' && !options.plants.has('decide-when-full')) {
      const known = recall(entities, request.envelope);
      if (known === undefined) counters.overloaded += 1;
      const refused = readiness === 'overloaded' ? OVERLOADED : STORAGE_FULL;
      debts.answers.push({ edge, ref: request.ref, outcome: known ?? refused });
      return;
    }
    counters.commands += 1;
    const outcome = decideCommand(debts.turn, context, request.envelope);
    if (!outcome.ok) counters.refused += 1;
    debts.answers.push({ edge, ref: request.ref, outcome });
  };

  /** Bytes that deciding about an item adds to the batch, at most. */
  const atMost = (item: Item): number => {
    if (item.kind === 'parcels') return item.parcels.reduce((sum, parcel) => sum + takingBytes(parcel), 0);
    if ('soft' in item.request) return 0;
    const { envelope } = item.request;
    const members = entities.get(envelope.entity).conversation?.roster?.members.length ?? 0;
    return commandBytes(envelope, members, partitions === 1 ? 0 : Math.min(members, partitions));
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

  return {
    load: (items) => {
      let loads: Promise<unknown>[] | undefined;
      for (const item of items) {
        const loading = loadFor(item);
        if (loading !== undefined) (loads ??= []).push(loading);
      }
      return loads === undefined ? undefined : Promise.all(loads);
    },
    decide: async (items) => {
      const turn = newTurn(nextStamp());
      const debts: Debts = { turn, answers: [], soft: [], ended: [], acceptances: [] };
      const context: TurnContext = { entities, partition, partitions, now: Math.floor(clock.now()) };
      let decided = 0;
      for (const item of items) {
        if (decided > 0 && turn.bytes + atMost(item) > ledger.maxBatchBytes) break;
        if (item.kind === 'parcels') decideParcels(debts, context, item);
        else decideRequest(debts, context, item);
        decided += 1;
      }
      await takeOwnParcels(turn, context);
      noteEnded(debts);
      // Soft requests come last: their answers are about what the whole turn leaves.
      for (const soft of debts.soft) soft.outcome = decideSoft(soft.request);
      return { debts, rest: decided < items.length ? items.slice(decided) : [] };
    },
    batchOf: (turn) => {
      if (options.plants.has('drop-outbox-rows')) turn.outboxes.clear();
      const parcels: PartitionParcels<Parcel>[] = [];
      for (const [destination, items] of turn.parcels) parcels.push({ destination, parcels: items });
      return {
        partition,
        claim: claim.id,
        stamp: turn.stamp,
        rows: rowsOf(turn),
        drops: turn.drops,
        parcels,
        grown: Array.from(turn.grown, ([entity, { from, to }]) => [entity, from, to] as const),
      };
    },
  };
};
