/** What the disk under the data costs: figures with another one compare by ratio only. */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const writes = 200;
const tmpfsType = 0x01021994;

/** Median time of appending 4 KiB and flushing it, in ms. */
export const syncWriteMs = (folder: string): number => {
  const own = mkdtempSync(join(folder, 'duolog-bench-disk-'));
  try {
    const file = openSync(join(own, 'log'), 'w');
    const block = Buffer.alloc(4096, 1);
    const times = Array.from({ length: writes }, () => {
      const startedAt = performance.now();
      writeSync(file, block);
      fdatasyncSync(file);
      return performance.now() - startedAt;
    });
    closeSync(file);
    return times.toSorted((a, b) => a - b)[writes >> 1] ?? 0;
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
};

/** A file system in memory flushes nothing. */
export const isInMemory = (folder: string): boolean => statfsSync(folder).type === tmpfsType;
