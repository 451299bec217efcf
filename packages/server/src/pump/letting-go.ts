/** What goes out once a turn is stored: answers, deliveries, parcels, acceptances, in that order. */
import type { Parcel } from '../core/decision.ts';
import type { Bus, NodeId } from '../ports/bus.ts';
import type { Batch } from '../ports/ledger.ts';
import type { Debts } from './deciding.ts';
import type { Links } from './links.ts';
import type { NodeMessage, Outcome, SoftRequest } from './messages.ts';
import type { Outgoing } from './outgoing.ts';

/** Pays what a stored turn owes; `batch` is undefined when there was nothing to store. */
export const createLettingGo = (options: {
  readonly partition: number;
  /** Last stamps accepted from each source when the partition was claimed. */
  readonly accepted: ReadonlyMap<number, number>;
  readonly bus: Bus<NodeMessage>;
  readonly links: Links;
  readonly outgoing: Outgoing;
}): ((debts: Debts, batch: Batch<Parcel> | undefined) => void) => {
  const { partition, bus, links, outgoing } = options;
  const storedStamps = new Map(options.accepted);

  const pushOutcome = (edge: NodeId, ref: number, outcome: Outcome): void =>
    links.push(
      edge,
      outcome.ok ? { kind: 'result', ref, result: outcome.result } : { kind: 'failure', ref, failure: outcome.failure },
    );

  const applySoft = (edge: NodeId, request: SoftRequest): void => {
    if (request.kind === 'route') links.route(edge, request.user, request.device, request.on);
    else links.watch(edge, request.conversation, request.user, request.on);
  };

  return (debts, batch) => {
    for (const { edge, ref, outcome } of debts.answers) pushOutcome(edge, ref, outcome);
    for (const { edge, ref, request, outcome } of debts.soft) {
      if (outcome.ok || !request.on) applySoft(edge, request);
      pushOutcome(edge, ref, outcome);
    }
    for (const { conversation, user } of debts.ended) links.unwatchAll(conversation, user);
    links.deliver(debts.turn.deliveries);
    links.flush();
    // A stamp without parcels settles by itself once those before it have.
    if (batch !== undefined) outgoing.add(batch.stamp, batch.parcels);
    for (const { from, source, stamp } of debts.acceptances) {
      const stored = Math.max(stamp, storedStamps.get(source) ?? 0);
      storedStamps.set(source, stored);
      bus.send(from, { type: 'accepted', source, destination: partition, stamp: stored });
    }
  };
};
