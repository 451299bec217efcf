/**
 * A turn waits for those whom the one before has just answered. Most of them ask again at once: with them in the same turn, rows of a
 * log lie together and everybody gets one frame; two turns would write twice as much.
 * Measured in docs/decisions/0010-a-turn-waits-for-the-answered.md.
 */
import type { Clock } from '../ports/clock.ts';

/** So many looks at what arrives may bring nothing: answers take their way to the other side and back. */
const EMPTY_LOOKS = 3;

/** Resolves when nobody seems to come any more, `enough` are queued, or after `longestMs`: looks take long where there is much else to do. `queued`: how many are. */
export const gatherArrivals = async (
  clock: Clock,
  queued: () => number,
  enough: number,
  longestMs: number,
): Promise<void> => {
  const until = clock.monotonic() + longestMs;
  for (let empty = 0; empty < EMPTY_LOOKS && queued() < enough && clock.monotonic() < until;) {
    const before = queued();
    await new Promise<void>((resolve) => clock.soon(resolve));
    if (queued() === before) empty += 1;
  }
};
