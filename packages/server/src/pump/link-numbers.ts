/** The edge's side of the owners' links (COM8): which numbers were seen, and which owners have gone silent. */
import type { Clock } from '../ports/clock.ts';
import type { Link } from './messages.ts';

/** An owner repeats its number each second; one that does not has forgotten this edge, which it took for dead. */
const SILENCE_MS = 3_500;

export interface LinkNumbers {
  /** Whether everything before this message was seen. */
  follows(message: Link): boolean;
  /** The partition has a new owner: its numbers begin at 1. */
  forget(partition: number): void;
  /** Partitions whose owners have gone silent; each is told once. */
  silent(): readonly number[];
}

interface Seen {
  readonly link: string;
  readonly n: number;
  readonly heardAt: number;
}

export const createLinkNumbers = (clock: Clock): LinkNumbers => {
  const links = new Map<number, Seen>();
  return {
    follows: ({ partition, link: name, n, items }) => {
      const link = links.get(partition);
      const known = link?.link === name ? link.n : 0;
      links.set(partition, { link: name, n, heardAt: clock.monotonic() });
      return (link === undefined || link.link === name) && n === (items.length === 0 ? known : known + 1);
    },
    forget: (partition) => void links.delete(partition),
    silent: () => {
      const now = clock.monotonic();
      const silent = [...links].filter(([, { heardAt }]) => now - heardAt > SILENCE_MS).map(([partition]) => partition);
      for (const partition of silent) links.delete(partition);
      return silent;
    },
  };
};
