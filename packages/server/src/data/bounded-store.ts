/** A Store for those who may ask for very much: so many reads are under way at once, the others wait in order. */
import type { Store } from '../ports/store.ts';

/**
 * Reads that may be under way. They share the engine's threads with commits, which must not wait behind thousands of them;
 * more at once are no faster.
 */
const MAX_READS = 32;

export const bounded = (store: Store, maxReads: number = MAX_READS): Store => {
  let reads = 0;
  const waiting: (() => void)[] = [];
  /** The first of those that wait which was not let in yet: what is before it is dropped from time to time. */
  let next = 0;

  const letIn = (): void => {
    const first = waiting[next];
    if (first === undefined) {
      reads -= 1;
      return;
    }
    next += 1;
    if (2 * next > waiting.length) next -= waiting.splice(0, next).length;
    first();
  };

  const reading = async <T>(read: () => Promise<T>): Promise<T> => {
    if (reads < maxReads) reads += 1;
    else await new Promise<void>((resolve) => void waiting.push(resolve));
    try {
      return await read();
    } finally {
      letIn();
    }
  };

  return {
    get: (partition, key) => reading(() => store.get(partition, key)),
    getMany: (rows) => reading(() => store.getMany(rows)),
    range: (partition, range) => reading(() => store.range(partition, range)),
    scan: (after, limit) => reading(() => store.scan(after, limit)),
  };
};
