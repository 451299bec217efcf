/** The scenarios: what is prepared, what the load does, which figures come of it. */
import type { Figures } from './figures.ts';
import type { IdleResult, RateResult, ReadResult } from './load/job.ts';
import type { Options } from './options.ts';
import type { Stage } from './stage.ts';
import type { CastPlan, ScenarioKind } from './system.ts';

/** Figures by the name they are reported under. */
type Outcome = Readonly<Record<string, Figures>>;

export interface Scenario {
  readonly name: string;
  readonly title: string;
  readonly needs: ScenarioKind;
  run(stage: Stage): Promise<Outcome>;
}

const connections = 400;
const groupSize = 100;
/** In each group of 100; with one message in flight each they keep a server busy, and more only wait. */
const sendersPerGroup = 8;
const afterMessagesLimitMs = 120_000;
const graceMs = 90_000;
const drainMs = 20_000;

const range = (from: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => from + index);
const talksOf = (seats: number, size: number): readonly (readonly number[])[] =>
  range(0, seats / size).map((talk) => range(talk * size, size));

/** The first so many of each talk. */
const firstOf = ({ talks }: CastPlan, count: number): readonly number[] =>
  talks.flatMap((members) => members.slice(0, count));

const pairs: CastPlan = { seats: connections, talks: talksOf(connections, 2) };
const groups: CastPlan = { seats: connections, talks: talksOf(connections, groupSize) };

const rateFigures = (result: RateResult): Figures => ({
  values: {
    deliveriesPerSecond: result.delivered / result.seconds,
    messagesPerSecond: result.acknowledged / result.seconds,
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    cpuUsPerMessage: result.serverCpuUs / result.acknowledged,
    cpuUsPerDelivery: result.serverCpuUs / (result.delivered || result.acknowledged),
    rssBytes: result.memoryBytes,
    ackP50Ms: result.ackP50Ms,
    ackP99Ms: result.ackP99Ms,
    serverCores: result.serverShare,
    loadCores: result.loadShare,
    otherCores: result.othersShare,
    messagesSent: result.totalAcknowledged,
  },
  faults: result.faults,
});

const readFigures = (result: ReadResult): Figures => ({
  values: {
    p50Ms: result.p50Ms,
    p99Ms: result.p99Ms,
    readsPerSecond: result.reads / result.seconds,
    entriesPerRead: result.entries / result.reads,
    cpuUsPerRead: result.serverCpuUs / result.reads,
    rssBytes: result.memoryBytes,
  },
  faults: result.faults,
});

interface RateAsk {
  readonly senders: readonly number[];
  readonly inFlight: number;
}

const measureRate = async (stage: Stage, { senders, inFlight }: RateAsk): Promise<Figures> => {
  const { seconds, warmSeconds, afterMessages } = stage.options;
  const warmLimitMs = Math.max(warmSeconds * 1000, afterMessages > 0 ? afterMessagesLimitMs : 0);
  const result = await stage.load(
    {
      kind: 'rate',
      senders,
      inFlight,
      warmMs: warmSeconds * 1000,
      warmMessages: afterMessages,
      warmLimitMs,
      windowMs: seconds * 1000,
      drainMs,
    },
    warmLimitMs + seconds * 1000 + graceMs,
  );
  return rateFigures(result);
};

/** Sends until so many messages are stored, eight in flight. */
const fill = async (stage: Stage, senders: readonly number[], messages: number, limitMs: number): Promise<void> => {
  const result = await stage.load(
    {
      kind: 'rate',
      senders,
      inFlight: 8,
      warmMs: 0,
      warmMessages: messages,
      warmLimitMs: limitMs,
      windowMs: 0,
      drainMs,
    },
    limitMs + graceMs,
  );
  if (result.faults.length > 0) throw new Error(`filling failed: ${result.faults[0] ?? ''}`);
  if (result.totalAcknowledged < messages)
    throw new Error(`only ${result.totalAcknowledged} of ${messages} messages in time`);
};

const rate = (
  name: string,
  title: string,
  needs: ScenarioKind,
  plan: CastPlan,
  ask: (options: Options) => RateAsk,
): Scenario => ({
  name,
  title,
  needs,
  run: async (stage) => {
    await stage.open(plan);
    return { [name]: await measureRate(stage, ask(stage.options)) };
  },
});

const direct = (inFlight: number): Scenario =>
  rate(
    `direct-${inFlight}`,
    `one-to-one, 200 pairs, ${inFlight} in flight on each connection that sends`,
    'direct',
    pairs,
    ({ senders }) => ({ senders: firstOf(pairs, senders), inFlight }),
  );

const idleBase = (count: number): number => Math.floor(count / 10);
const idleSettleMs = 10_000;

const idleFigures = (result: IdleResult): Figures => ({
  values: {
    connections: result.connections,
    kibPerConnection:
      (result.fullBytes - result.baseBytes) / (result.connections - idleBase(result.connections)) / 1024,
    idleCpuUsPerSecond: result.idleCpuUsPerSecond,
    connectsPerSecond: (result.connections - idleBase(result.connections)) / result.connectSeconds,
    rssBytes: result.fullBytes,
  },
  faults: result.faults,
});

const idle: Scenario = {
  name: 'idle',
  title: 'idle signed-in connections that beat: memory each',
  needs: 'idle',
  run: async (stage) => {
    const count = stage.options.connections;
    await stage.open({ seats: count, talks: [] });
    // What making the accounts left in the heap must not pay for the connections.
    if (!stage.system.bootsAfterPreparing) await stage.reboot();
    const result = await stage.load(
      { kind: 'idle', baseConnections: idleBase(count), settleMs: idleSettleMs },
      4 * idleSettleMs + count * 20 + graceMs,
    );
    return { idle: idleFigures(result) };
  },
};

const missedInStorm = 10;

const reconnectStorm: Scenario = {
  name: 'reconnect-storm',
  title: `all devices lose their connections and come back at once, each with ${missedInStorm} missed entries`,
  needs: 'durable',
  run: async (stage) => {
    const devices = stage.options.devices - (stage.options.devices % 2);
    const talks = talksOf(devices, 2);
    await stage.open({ seats: devices, talks });
    await fill(stage, range(0, devices), devices * missedInStorm, 120_000);
    const result = await stage.load({ kind: 'storm', missed: missedInStorm }, graceMs * 2);
    const { values, faults } = readFigures(result);
    return { 'reconnect-storm': { values: { ...values, devices, wholeAfterMs: result.seconds * 1000 }, faults } };
  },
};

const readers = range(0, 20).map((pair) => pair * 2);
const syncMissed = 1000;

const measureSync = async (stage: Stage): Promise<Figures> =>
  readFigures(
    await stage.load({ kind: 'read', what: 'sync', seats: readers, repeats: 10, missed: syncMissed }, graceMs * 2),
  );

const measureHistory = async (stage: Stage): Promise<Figures> =>
  readFigures(await stage.load({ kind: 'read', what: 'history', seats: readers, repeats: 50, missed: 0 }, graceMs * 2));

const reads = (name: string, title: string, measure: (stage: Stage) => Promise<Figures>): Scenario => ({
  name,
  title,
  needs: 'durable',
  run: async (stage) => {
    const seats = readers.length * 2;
    await stage.open({ seats, talks: talksOf(seats, 2) });
    // Twice what is read, so that the pair that sends least has it too.
    await fill(stage, range(0, seats), seats * syncMissed, 120_000);
    return { [name]: await measure(stage) };
  },
});

/** Messages a second no server is expected to fall below while it is filled; bounds the time. */
const slowestFill = 5_000;

const atSize: Scenario = {
  name: 'at-size',
  title: 'one-to-one, 8 in flight, before and after the preload; sync and history after it',
  needs: 'durable',
  run: async (stage) => {
    const ask = { senders: range(0, connections), inFlight: 8 };
    await stage.open(pairs);
    const empty = await measureRate(stage, ask);
    await fill(stage, ask.senders, stage.options.preload, (stage.options.preload / slowestFill) * 1000 + graceMs);
    const full = await measureRate(stage, ask);
    const ratio = (full.values['messagesPerSecond'] ?? 0) / (empty.values['messagesPerSecond'] ?? 1);
    return {
      'at-size:empty': empty,
      'at-size:direct-8': { ...full, values: { ...full.values, rateOfEmpty: ratio } },
      'at-size:sync-1000': await measureSync(stage),
      'at-size:history-page': await measureHistory(stage),
    };
  },
};

export const scenarios: readonly Scenario[] = [
  rate(
    'echo',
    'bare echoes, 1 in flight on each of 400 connections',
    'echo',
    { seats: connections, talks: [] },
    () => ({ senders: range(0, connections), inFlight: 1 }),
  ),
  direct(1),
  direct(8),
  rate('group-100', `4 groups of 100, ${sendersPerGroup} of each send, 1 in flight`, 'group', groups, () => ({
    senders: firstOf(groups, sendersPerGroup),
    inFlight: 1,
  })),
  idle,
  reconnectStorm,
  reads('sync-1000', 'sync of 1,000 missed entries', measureSync),
  reads('history-page', 'a page of 50 messages anywhere in a conversation', measureHistory),
  atSize,
];

export const scenarioNames = scenarios.map((scenario) => scenario.name);
