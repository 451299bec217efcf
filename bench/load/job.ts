/** What `main.ts` asks of the load generator (JSON on standard input) and what it answers (JSON on standard output). */
import type { Cast } from '../system.ts';

interface JobBase {
  readonly system: string;
  readonly port: number;
  /** Whose CPU and memory are measured. */
  readonly pids: readonly number[];
  readonly cast: Cast;
}

/** Sends in a closed loop, see `rate.ts`. Without a window it only fills. */
export interface RateJob extends JobBase {
  readonly kind: 'rate';
  /** Seats that send; the others only receive. */
  readonly senders: readonly number[];
  /** Messages of each sender that are sent and not yet acknowledged. */
  readonly inFlight: number;
  /** Before the window: at least this long … */
  readonly warmMs: number;
  /** … and until this many messages are acknowledged … */
  readonly warmMessages: number;
  /** … but no longer than this. */
  readonly warmLimitMs: number;
  readonly windowMs: number;
  /** After it: how long what is under way may take to arrive. */
  readonly drainMs: number;
}

export interface RateResult {
  /** In the window. */
  readonly acknowledged: number;
  readonly delivered: number;
  readonly seconds: number;
  /** From sending to the acknowledgement at the sender. */
  readonly ackP50Ms: number;
  readonly ackP99Ms: number;
  /** From sending to the arrival at a recipient. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly serverCpuUs: number;
  readonly memoryBytes: number;
  /** Cores used in the window: by the server, near 1 when it is what limits … */
  readonly serverShare: number;
  /** … by the generator, near 1 when that limits … */
  readonly loadShare: number;
  /** … and by everybody else on the machine: much of it makes the rates worthless. */
  readonly othersShare: number;
  /** All messages acknowledged, before, in and after the window. */
  readonly totalAcknowledged: number;
  /** Why the figures do not count: a message lost, doubled, out of order, refused; empty when all is well. */
  readonly faults: readonly string[];
}

/** Opens and signs in a connection per seat and lets them beat. */
export interface IdleJob extends JobBase {
  readonly kind: 'idle';
  /** Connections opened before the first look at memory, so that what the first ones cause once is left out. */
  readonly baseConnections: number;
  readonly settleMs: number;
}

export interface IdleResult {
  readonly connections: number;
  readonly baseBytes: number;
  readonly fullBytes: number;
  readonly connectSeconds: number;
  /** CPU of the server over the last settling time, µs per second. */
  readonly idleCpuUsPerSecond: number;
  readonly faults: readonly string[];
}

/** All seats are connected, lose their connections at one moment, and come back at once: connect, sign in, sync. */
export interface StormJob extends JobBase {
  readonly kind: 'storm';
  /** Entries each device asks for. */
  readonly missed: number;
}

/** One after the other, by few connections: the time of one read on a quiet server. */
export interface ReadJob extends JobBase {
  readonly kind: 'read';
  readonly what: 'sync' | 'history';
  readonly seats: readonly number[];
  readonly repeats: number;
  /** With `sync`: the entries missed. */
  readonly missed: number;
}

/** Of a storm: `seconds` until the last device was whole again; latencies per device. Of reads: latencies per read. */
export interface ReadResult {
  readonly reads: number;
  readonly entries: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly serverCpuUs: number;
  readonly memoryBytes: number;
  readonly faults: readonly string[];
}

export type Job = RateJob | IdleJob | StormJob | ReadJob;
export interface ResultOf {
  readonly rate: RateResult;
  readonly idle: IdleResult;
  readonly storm: ReadResult;
  readonly read: ReadResult;
}
