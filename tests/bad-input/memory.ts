/** Memory of a process that is being tested. */
import { readFileSync } from 'node:fs';

/** Resident memory in MiB, as Linux counts it. */
export const residentMiB = (pid: number): number => {
  const [, kiB] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kiB) / 1_024;
};
