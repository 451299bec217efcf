/**
 * Files kept open for nothing, to be let go when sockets have taken all others that the process may open: a store that
 * cannot open a file has failed, and with it the process.
 */
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';

export interface SpareFiles {
  /** Whether nothing can be opened beside what is kept. */
  exhausted(): boolean;
  /** Lets go of what is kept. */
  release(): void;
  /** Keeps so many again if as many more could be opened; whether it does. */
  keep(): boolean;
}

const openOne = (): number | undefined => {
  try {
    return openSync(devNull, 'r');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && (cause.code === 'EMFILE' || cause.code === 'ENFILE'))
      return undefined;
    throw cause;
  }
};

const openMany = (count: number): number[] => {
  const opened: number[] = [];
  while (opened.length < count) {
    const one = openOne();
    if (one === undefined) break;
    opened.push(one);
  }
  return opened;
};

const closeAll = (files: readonly number[]): void => files.forEach((file) => closeSync(file));

export const createSpareFiles = (count: number): SpareFiles => {
  let kept: number[] = [];
  return {
    exhausted: () => {
      const one = openOne();
      if (one === undefined) return true;
      closeSync(one);
      return false;
    },
    release: () => closeAll(kept.splice(0)),
    keep: () => {
      const opened = openMany(2 * count - kept.length);
      if (kept.length + opened.length < 2 * count) {
        closeAll(opened);
        return false;
      }
      kept = [...kept, ...opened.splice(0, count - kept.length)];
      closeAll(opened);
      return true;
    },
  };
};
