import type { NodeId } from '../ports/bus.ts';
import type { Alive } from './messages.ts';

/** Who owns what, as far as this node knows. */
export interface Directory {
  /** The node that owns the partition, or undefined while nobody is known to. */
  ownerOf(partition: number): NodeId | undefined;
  /** Calls back after the owner of a partition changed, or became unknown. */
  onChange(listener: (partition: number) => void): void;
}

/** The registry as the node uses it: who is alive, who owns what, what this node ought to own. */
export interface Registry extends Directory {
  /** Nodes heard within the last 3 s, this one included. */
  nodes(): readonly Alive[];
  receive(message: Alive): void;
  /** Partitions this node ought to claim now: it is first in their ranking, nobody who lives owns them, and it may claim. */
  toClaim(): readonly number[];
  /** Partitions this node owns and another one, which lives and is ready, ought to. */
  toRelease(): readonly number[];
  /** This node owns the partition now; announced at once. */
  own(partition: number, claim: string, stamp: number): void;
  /** It does not any more. `lost`: not by its own will, so it waits before it claims it again. */
  disown(partition: number, why: 'released' | 'lost'): void;
  onDead(listener: (node: NodeId) => void): void;
  /** Called each second, and when something changed that may call for a claim or a release. */
  onTick(listener: () => void): void;
  start(): void;
  /** Announces that this node gives up all it owns. */
  drain(): void;
  stop(): void;
}
