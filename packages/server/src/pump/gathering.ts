/**
 * A turn waits for those whom the one before has just answered. Most of them ask again at once: with them in the same turn, rows of a
 * log lie together and everybody gets one frame; two turns would write twice as much.
 * Measured in docs/decisions/0010-a-turn-waits-for-the-answered.md.
 */
import type { Clock } from '../ports/clock.ts';

/** So many looks at what arrives may bring little: answers take their way to the other side and back. */
const QUIET_LOOKS = 3;
/** Little is less than this part of what is queued. A crowd doubles within some looks, a steady stream does not. */
const LITTLE = 1 / 16;

/** Resolves when nobody seems to come any more, or `enough` are queued. `queued`: how many are. */
export const gatherArrivals = async (clock: Clock, queued: () => number, enough: number): Promise<void> => {
  for (let quiet = 0; quiet < QUIET_LOOKS && queued() < enough;) {
    const before = queued();
    await new Promise<void>((resolve) => clock.soon(resolve));
    if (queued() - before <= before * LITTLE) quiet += 1;
  }
};
