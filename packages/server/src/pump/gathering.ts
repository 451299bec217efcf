/**
 * A turn waits for those whom the one before has just answered. Most of them ask again at once: with them in the same turn, rows of a
 * log lie together and everybody gets one frame; two turns would write twice as much.
 * Measured in docs/decisions/0010-a-turn-waits-for-the-answered.md.
 */
import type { Clock } from '../ports/clock.ts';

/** So many looks at what arrives may bring nothing: answers take their way to the other side and back. */
const EMPTY_LOOKS = 3;
/** Looks take long where there is much else to do; then a turn waits no longer than this. */
const LONGEST_MS = 5;

/** Resolves when nobody seems to come any more, `enough` are queued, or it has taken long. `queued`: how many are. */
export const gatherArrivals = async (clock: Clock, queued: () => number, enough: number): Promise<void> => {
  const until = clock.monotonic() + LONGEST_MS;
  for (let empty = 0; empty < EMPTY_LOOKS && queued() < enough && clock.monotonic() < until;) {
    const before = queued();
    await new Promise<void>((resolve) => clock.soon(resolve));
    if (queued() === before) empty += 1;
  }
};
