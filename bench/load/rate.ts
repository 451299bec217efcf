/**
 * The closed loop: each sender keeps its number of messages in flight and sends the next when one is acknowledged. Counts exactly:
 * every message is acknowledged once and reaches every other member once and in its sender's order, else there are faults.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { cpuUs, machineBusyUs, memoryBytes } from '../proc.ts';
import type { Sink, Wire } from '../system.ts';
import { startBeats } from './beats.ts';
import type { Connection } from './connection.ts';
import type { RateJob, RateResult } from './job.ts';
import { Latency } from './latency.ts';
import { messageText, wordsOf } from './message-text.ts';
import { openAll } from './sign-in.ts';
import { SendTemplate } from './template.ts';

/** Sending times kept per sender: a delivery this many messages late would be timed wrongly, and is a fault. */
const keptTimes = 4096;
const textVariants = 8;
const maxFaults = 20;

const scratch = new Uint8Array(4 * 1024 * 1024);

class Tally {
  readonly acks = new Latency();
  readonly deliveries = new Latency();
  readonly faults: string[] = [];
  acknowledged = 0;
  delivered = 0;
  sending = true;
  nowMs = 0;

  fault(text: string): void {
    if (this.faults.length < maxFaults) this.faults.push(text);
    this.sending = false;
  }
}

interface PartyOptions {
  readonly seat: number;
  readonly seats: number;
  readonly connection: Connection;
  /** All of them, by seat; complete when the first message is sent. */
  readonly parties: readonly Party[];
  readonly tally: Tally;
  readonly wire: Wire;
}

class Party implements Sink {
  readonly seat: number;
  readonly #connection: Connection;
  readonly #parties: readonly Party[];
  readonly #tally: Tally;
  /** Several, so that what is stored next to each other differs as real texts do. */
  readonly #templates: readonly SendTemplate[];
  readonly #sentAt = new Float64Array(keptTimes);
  /** By sender's seat: its last message that arrived here. */
  readonly #last: Int32Array;
  sent = 0;
  acked = 0;
  /** Messages acknowledged out of order: their numbers, above `acked`. */
  readonly #ackedAhead = new Set<number>();
  readonly #arrivalAcknowledges: boolean;
  /** Who may go on sending after what arrived here. */
  #answered: Party | undefined;
  #due = 0;

  constructor({ seat, seats, connection, parties, tally, wire }: PartyOptions) {
    this.seat = seat;
    this.#connection = connection;
    this.#parties = parties;
    this.#tally = tally;
    this.#templates = Array.from({ length: textVariants }, (_, variant) => {
      const words = wordsOf(seat * textVariants + variant);
      return new SendTemplate((n) => wire.encodeSend(seat, n, messageText(seat, n, words)));
    });
    this.#last = new Int32Array(seats);
    connection.onText = (bytes, start, end) => {
      tally.nowMs = performance.now();
      wire.scan(bytes, start, end, this);
    };
    this.#arrivalAcknowledges = wire.arrivalAcknowledges === true;
    connection.onChunkEnd = () => {
      this.#flush();
      const answered = this.#answered;
      this.#answered = undefined;
      if (answered !== undefined) answered.#flush();
    };
    connection.onClose = (reason) => tally.fault(`seat ${seat}: ${reason}`);
  }

  lastOf(sender: number): number {
    return this.#last[sender] ?? 0;
  }

  sentAtMs(n: number): number {
    return this.#sentAt[n % keptTimes] ?? 0;
  }

  begin(inFlight: number): void {
    this.#due = inFlight;
    this.#flush();
  }

  acknowledged(n: number): void {
    if (n <= this.acked || n > this.sent || this.#ackedAhead.has(n)) {
      this.#tally.fault(`seat ${this.seat}: acknowledged ${n} with ${this.acked} acknowledged of ${this.sent} sent`);
      return;
    }
    if (n === this.acked + 1) {
      this.acked = n;
      while (this.#ackedAhead.delete(this.acked + 1)) this.acked++;
    } else this.#ackedAhead.add(n);
    this.#tally.acknowledged++;
    this.#tally.acks.add(this.#tally.nowMs - this.sentAtMs(n));
    this.#due++;
  }

  delivered(sender: number, n: number): void {
    const last = this.#last[sender] ?? 0;
    const from = this.#parties[sender];
    if (n !== last + 1 || from === undefined || n > from.sent) {
      this.#tally.fault(`seat ${this.seat}: message ${n} of ${sender} after ${last} (${from?.sent ?? 'nothing'} sent)`);
      return;
    }
    if (from.sent - n >= keptTimes)
      this.#tally.fault(`seat ${this.seat}: message ${n} of ${sender} came ${keptTimes} late`);
    this.#last[sender] = n;
    this.#tally.delivered++;
    this.#tally.deliveries.add(this.#tally.nowMs - from.sentAtMs(n));
    if (this.#arrivalAcknowledges) {
      from.acknowledged(n);
      this.#answered = from;
    }
  }

  failed(reason: string): void {
    this.#tally.fault(`seat ${this.seat}: ${reason}`);
  }

  #flush(): void {
    let end = 0;
    if (this.#due > 0 && this.#tally.sending) {
      const nowMs = performance.now();
      for (; this.#due > 0; this.#due--) {
        const n = ++this.sent;
        this.#sentAt[n % keptTimes] = nowMs;
        end = this.#templates[n % textVariants]?.write(n, scratch, end) ?? end;
      }
    }
    if (end > 0) this.#connection.write(scratch.subarray(0, end));
  }
}

/** Waits until `done` holds, at most `limitMs`, looking every 20 ms; says whether it held. */
const waitFor = async (done: () => boolean, limitMs: number): Promise<boolean> => {
  const until = performance.now() + limitMs;
  while (!done()) {
    if (performance.now() >= until) return false;
    await delay(20);
  }
  return true;
};

/** Every message acknowledged, and each member holds all that the others sent. */
const missing = (job: RateJob, parties: readonly Party[]): readonly string[] =>
  job.cast.talks.flatMap((talk) =>
    talk.members.flatMap((sender) => {
      const { sent = 0, acked = 0 } = parties[sender] ?? {};
      const unacked = acked === sent ? [] : [`seat ${sender}: ${sent} sent, ${acked} acknowledged`];
      const undelivered = talk.members
        .filter((member) => member !== sender && parties[member]?.lastOf(sender) !== sent)
        .map((member) => `seat ${member}: ${parties[member]?.lastOf(sender) ?? 0} of ${sent} messages of ${sender}`);
      return [...unacked, ...undelivered];
    }),
  );

/** The figures of the window; nothing counts before or after it. */
const measureWindow = async (
  job: RateJob,
  tally: Tally,
  over: () => boolean,
): Promise<Omit<RateResult, 'totalAcknowledged' | 'faults'>> => {
  const before = { acknowledged: tally.acknowledged, delivered: tally.delivered };
  tally.acks.clear();
  tally.deliveries.clear();
  const busyBefore = machineBusyUs();
  const [serverBefore, loadBefore, startedAt] = [cpuUs(job.pids), process.cpuUsage(), performance.now()];
  await waitFor(over, job.windowMs);
  const [serverAfter, loadSpent, endedAt] = [cpuUs(job.pids), process.cpuUsage(loadBefore), performance.now()];
  const busyUs = machineBusyUs() - busyBefore;
  const [windowUs, serverCpuUs, loadUs] = [
    (endedAt - startedAt) * 1000,
    serverAfter - serverBefore,
    loadSpent.user + loadSpent.system,
  ];
  return {
    acknowledged: tally.acknowledged - before.acknowledged,
    delivered: tally.delivered - before.delivered,
    seconds: (endedAt - startedAt) / 1000,
    ackP50Ms: tally.acks.quantileMs(0.5),
    ackP99Ms: tally.acks.quantileMs(0.99),
    p50Ms: tally.deliveries.quantileMs(0.5),
    p99Ms: tally.deliveries.quantileMs(0.99),
    serverCpuUs,
    memoryBytes: memoryBytes(job.pids),
    serverShare: serverCpuUs / windowUs,
    loadShare: loadUs / windowUs,
    othersShare: Math.max(0, busyUs - serverCpuUs - loadUs) / windowUs,
  };
};

export const runRate = async (job: RateJob, wire: Wire): Promise<RateResult> => {
  const connections = await openAll(wire, job.port, job.cast.seats.length);
  const tally = new Tally();
  const parties: Party[] = [];
  for (const [seat, connection] of connections.entries()) {
    parties.push(new Party({ seat, seats: connections.length, connection, parties, tally, wire }));
  }
  const stopBeats = startBeats(wire, connections);
  const over = (): boolean => tally.faults.length > 0;

  for (const sender of job.senders) parties[sender]?.begin(job.inFlight);
  await waitFor(over, job.warmMs);
  await waitFor(() => over() || tally.acknowledged >= job.warmMessages, job.warmLimitMs - job.warmMs);
  const measured = await measureWindow(job, tally, over);

  tally.sending = false;
  await waitFor(() => over() || missing(job, parties).length === 0, job.drainMs);
  stopBeats();
  const faults = [...tally.faults, ...missing(job, parties).slice(0, maxFaults)];
  const totalAcknowledged = tally.acknowledged;
  for (const connection of connections) connection.close();
  return { ...measured, totalAcknowledged, faults };
};
