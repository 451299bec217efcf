/** CPU time and memory of processes and their descendants, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';

// Linux counts CPU time for user space in ticks of 1/100 s on every architecture (USER_HZ).
const ticksPerSecond = 100;

interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly cpuTicks: number;
}

const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // A process may end between the listing and the reading.
    return undefined;
  }
};

const readStat = (pid: number): ProcessStat | undefined => {
  const text = readText(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // Fields after the command, which may hold anything: state ppid … utime(11) stime(12) cutime(13) cstime(14).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const number = (index: number): number => Number(fields[index] ?? 0);
  // Reaped children's time is part of it, so that a descendant which ends is not lost.
  return { pid, parent: number(1), cpuTicks: number(11) + number(12) + number(13) + number(14) };
};

const family = (roots: readonly number[]): readonly ProcessStat[] => {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(Number(name)) ?? []);
  const members = new Set(roots);
  for (let grown = true; grown;) {
    grown = false;
    for (const stat of all) {
      if (!members.has(stat.pid) && members.has(stat.parent)) {
        members.add(stat.pid);
        grown = true;
      }
    }
  }
  return all.filter((stat) => members.has(stat.pid));
};

/** User and system time of the processes, all their threads and descendants since they began, in µs (steps of 10 ms). */
export const cpuUs = (roots: readonly number[]): number =>
  (family(roots).reduce((sum, stat) => sum + stat.cpuTicks, 0) / ticksPerSecond) * 1e6;

/**
 * Memory the processes and their descendants hold, in bytes: the resident size of the processes named, and of each descendant its
 * proportional size, so that pages a server shares with the processes it forked (PostgreSQL's buffers) count about once.
 */
export const memoryBytes = (roots: readonly number[]): number => {
  let kib = 0;
  for (const { pid } of family(roots)) {
    const proportional = roots.includes(pid)
      ? undefined
      : /^Pss:\s+(\d+)/m.exec(readText(`/proc/${pid}/smaps_rollup`) ?? '')?.[1];
    const resident = /^VmRSS:\s+(\d+)/m.exec(readText(`/proc/${pid}/status`) ?? '')?.[1];
    kib += Number(proportional ?? resident ?? 0);
  }
  return kib * 1024;
};

/** Time all processors were not idle since the machine began, in µs. */
export const machineBusyUs = (): number => {
  // cpu user nice system idle iowait irq softirq steal guest guest_nice; guest time is in user and nice already.
  const fields = (readText('/proc/stat') ?? '').split('\n', 1)[0]?.trim().split(/\s+/).slice(1, 9).map(Number) ?? [];
  const [, , , idle = 0, waiting = 0] = fields;
  return ((fields.reduce((sum, ticks) => sum + ticks, 0) - idle - waiting) / ticksPerSecond) * 1e6;
};
