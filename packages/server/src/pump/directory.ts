import type { NodeId } from '../ports/bus.ts';

/** Who owns what, as far as this node knows. */
export interface Directory {
  /** The node that owns the partition, or undefined while nobody is known to. */
  ownerOf(partition: number): NodeId | undefined;
  /** Calls back after the owner of a partition changed, or became unknown. */
  onChange(listener: (partition: number) => void): void;
}
