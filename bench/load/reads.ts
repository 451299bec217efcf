/** Reads measured one by one, and the storm: everyone at once. */
import { setTimeout as delay } from 'node:timers/promises';
import { cpuUs, memoryBytes } from '../proc.ts';
import type { Channel, Wire } from '../system.ts';
import { channelOf } from './connection.ts';
import type { Connection } from './connection.ts';
import type { ReadJob, ReadResult, StormJob } from './job.ts';
import { Latency } from './latency.ts';
import { connect, forEachSeat, openAll } from './sign-in.ts';

const maxFaults = 20;
/** How long after the loss of all connections the devices come back: the server has noticed. */
const lossMs = 1_000;

interface Tally {
  readonly latency: Latency;
  readonly faults: string[];
  reads: number;
  entries: number;
}

const timed = async (tally: Tally, wanted: number, read: () => Promise<number>): Promise<void> => {
  const startedAt = performance.now();
  try {
    const received = await read();
    if (received < wanted) tally.faults.push(`${received} received of ${wanted}`);
    tally.entries += received;
    tally.reads++;
    tally.latency.add(performance.now() - startedAt);
  } catch (error) {
    tally.faults.push(String(error));
  }
};

const measured = async (pids: readonly number[], run: (tally: Tally) => Promise<void>): Promise<ReadResult> => {
  const tally: Tally = { latency: new Latency(), faults: [], reads: 0, entries: 0 };
  const [cpuBefore, startedAt] = [cpuUs(pids), performance.now()];
  await run(tally);
  return {
    reads: tally.reads,
    entries: tally.entries,
    seconds: (performance.now() - startedAt) / 1000,
    p50Ms: tally.latency.quantileMs(0.5),
    p99Ms: tally.latency.quantileMs(0.99),
    serverCpuUs: cpuUs(pids) - cpuBefore,
    memoryBytes: memoryBytes(pids),
    faults: tally.faults.slice(0, maxFaults),
  };
};

const historyPage = 50;

const reader = (job: ReadJob, wire: Wire): ((seat: number, channel: Channel) => Promise<number>) => {
  const { sync, historyPage: history } = wire;
  if (sync === undefined || history === undefined) throw new Error(`${job.system} has nothing to read`);
  return job.what === 'sync'
    ? (seat, channel) => sync(seat, job.missed, channel)
    : (seat, channel) => history(seat, Math.random(), channel);
};

export const runReads = async (job: ReadJob, wire: Wire): Promise<ReadResult> => {
  const read = reader(job, wire);
  const channels: Channel[] = [];
  const connections: Connection[] = [];
  for (const seat of job.seats) {
    const connection = await connect(wire, job.port);
    const channel = channelOf(connection);
    await wire.signIn(seat, channel);
    // Once unmeasured: what a conversation's first read causes once.
    await read(seat, channel);
    connections.push(connection);
    channels.push(channel);
  }
  const result = await measured(job.pids, async (tally) => {
    for (let turn = 0; turn < job.repeats; turn++) {
      for (const [index, seat] of job.seats.entries()) {
        const channel = channels[index];
        const wanted = job.what === 'sync' ? job.missed : historyPage;
        if (channel !== undefined) await timed(tally, wanted, () => read(seat, channel));
      }
    }
  });
  for (const connection of connections) connection.close();
  return result;
};

export const runStorm = async (job: StormJob, wire: Wire): Promise<ReadResult> => {
  const { sync } = wire;
  if (sync === undefined) throw new Error(`${job.system} has nothing to sync`);
  const count = job.cast.seats.length;
  const before = await openAll(wire, job.port, count);
  for (const connection of before) connection.terminate();
  await delay(lossMs);
  const connections: Connection[] = [];
  const result = await measured(job.pids, (tally) =>
    forEachSeat(
      count,
      (seat) =>
        timed(tally, job.missed, async () => {
          const connection = await connect(wire, job.port);
          connections.push(connection);
          const channel = channelOf(connection);
          await wire.signIn(seat, channel);
          return sync(seat, job.missed, channel);
        }),
      count,
    ),
  );
  for (const connection of connections) connection.close();
  return result;
};
