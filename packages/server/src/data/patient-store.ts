import { DuologError } from '@duolog/protocol';
import type { Clock } from '../ports/clock.ts';
import type { Store } from '../ports/store.ts';

const RETRY_MS = 50;

/** Reads that are asked again while the store says `unavailable`, until `given up`; then they reject with it. */
export const patient = (store: Store, clock: Clock, givenUp: () => boolean): Store => {
  const insist = async <T>(read: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await read();
      } catch (cause) {
        if (!(cause instanceof DuologError) || cause.code !== 'unavailable' || givenUp()) throw cause;
      }
      await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve));
    }
  };
  return {
    get: (partition, key) => insist(() => store.get(partition, key)),
    getMany: (rows) => insist(() => store.getMany(rows)),
    range: (partition, range) => insist(() => store.range(partition, range)),
    scan: (after, limit) => insist(() => store.scan(after, limit)),
  };
};
