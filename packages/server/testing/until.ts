/// <reference types="node" />
import { setTimeout as sleep } from 'node:timers/promises';

/** A flush waits for all that others write to the same disk. */
const PATIENCE_MS = 30_000;

/** The time limit of a test that waits with `until`. */
export const UNTIL_TEST_MS = 2 * PATIENCE_MS;

/** Waits for a state that work on real files brings about; fails after half a minute. */
export const until = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  const deadlineAt = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > deadlineAt) throw new Error(`within ${PATIENCE_MS / 1_000} s not: ${what}`);
    await sleep(2);
  }
};
