/** The disk reserve: a full disk breaks LevelDB for good, so commands stop before it is full. */
import { statfsSync } from 'node:fs';
import type { Clock } from '../ports/clock.ts';

/** How often the free space is looked at. */
const EVERY_MS = 1_000;

export interface Space {
  /** Whether less than the reserve is free. Cheap to ask. */
  full(): boolean;
}

/** Bytes that one may still write in a folder. */
export type FreeBytes = (directory: string) => number;

const freeOnDisk: FreeBytes = (directory) => {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
};

export const watchSpace = (options: {
  readonly directory: string;
  readonly freeBytes?: FreeBytes | undefined;
  readonly clock: Clock;
  readonly reserveBytes: number;
  readonly alarm: (message: string) => void;
}): Space => {
  const { directory, clock, reserveBytes, freeBytes = freeOnDisk } = options;
  let checkedAt = -Infinity;
  let full = false;

  const look = (): void => {
    const wasFull = full;
    full = freeBytes(directory) < reserveBytes;
    if (full && !wasFull)
      options.alarm(
        `Less than ${reserveBytes} bytes are free for ${directory}: nothing new is stored until there are more; reading goes on.`,
      );
  };

  return {
    full: () => {
      const now = clock.monotonic();
      if (now - checkedAt >= EVERY_MS) {
        checkedAt = now;
        look();
      }
      return full;
    },
  };
};
