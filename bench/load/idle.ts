import { setTimeout as delay } from 'node:timers/promises';
import { cpuUs, memoryBytes } from '../proc.ts';
import type { Wire } from '../system.ts';
import { startBeats } from './beats.ts';
import type { Connection } from './connection.ts';
import type { IdleJob, IdleResult } from './job.ts';
import { forEachSeat, openSeat } from './sign-in.ts';

export const runIdle = async (job: IdleJob, wire: Wire): Promise<IdleResult> => {
  const connections: Connection[] = [];
  const faults: string[] = [];
  const open = async (seat: number): Promise<void> => {
    const connection = await openSeat(wire, job.port, seat);
    connection.onText = () => undefined;
    connection.onClose = (reason) => void faults.push(`seat ${seat}: ${reason}`);
    connections.push(connection);
  };
  const stopBeats = startBeats(wire, connections);
  await forEachSeat(job.baseConnections, open);
  await delay(job.settleMs);
  const baseBytes = memoryBytes(job.pids);

  const startedAt = performance.now();
  await forEachSeat(job.cast.seats.length - job.baseConnections, (index) => open(job.baseConnections + index));
  const connectSeconds = (performance.now() - startedAt) / 1000;
  await delay(job.settleMs);
  const cpuBefore = cpuUs(job.pids);
  await delay(job.settleMs);
  const idleCpuUsPerSecond = ((cpuUs(job.pids) - cpuBefore) / job.settleMs) * 1000;
  const fullBytes = memoryBytes(job.pids);

  stopBeats();
  const result = { connections: connections.length, baseBytes, fullBytes, connectSeconds, idleCpuUsPerSecond };
  const found = faults.slice(0, 20);
  for (const connection of connections) connection.close();
  return { ...result, faults: found };
};
