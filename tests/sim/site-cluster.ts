/** A cluster over the journal-then-store ledger: workers and gateways that die, sleep, lose each other and disagree about the time. */
import { randomFrom } from './random.ts';
import type { Parcel } from '../../packages/server/src/core/decision.ts';
import { createJournalLedger } from '../../packages/server/src/data/journal-ledger/journal-ledger.ts';
import { MemoryNetwork } from '../../packages/server/src/engines/bus-memory.ts';
import type { ClockView } from '../../packages/server/src/engines/clock-manual.ts';
import { MemoryJournal, openMemoryJournal } from '../../packages/server/src/engines/journal-memory.ts';
import { MemoryRows, openMemoryStore } from '../../packages/server/src/engines/store-memory.ts';
import { createNode } from '../../packages/server/src/pump/node.ts';
import type { Node, Role } from '../../packages/server/src/pump/node.ts';
import type { NodeMessage } from '../../packages/server/src/pump/messages.ts';
import type { Bus } from '../../packages/server/src/ports/bus.ts';
import type { Clock } from '../../packages/server/src/ports/clock.ts';
import { Gateway } from './gateway.ts';
import type { BuildSite, World } from './world.ts';

const PARTITIONS = 4;

/** One life of a node. */
interface Life {
  readonly name: string;
  readonly clock: ClockView;
  readonly node: Node;
  readonly bus: Bus<NodeMessage>;
  readonly abort: AbortController;
  readonly gateway: Gateway | undefined;
}

/** A place for a node: one life after another. */
interface Seat {
  readonly name: string;
  readonly roles: readonly Role[];
  lives: number;
  life: Life | undefined;
}

const SEATS: readonly { readonly name: string; readonly roles: readonly Role[] }[] = [
  { name: 'w1', roles: ['worker'] },
  { name: 'w2', roles: ['worker', 'gateway'] },
  { name: 'w3', roles: ['worker'] },
  { name: 'g1', roles: ['gateway'] },
];

/** The clock as one of poor resolution shows it. */
const coarse = (clock: Clock, resolutionMs: number): Clock => ({
  now: () => Math.floor(clock.now() / resolutionMs) * resolutionMs,
  monotonic: () => clock.monotonic(),
  after: (ms, callback) => clock.after(ms, callback),
  soon: (callback) => clock.soon(callback),
});

export const clusterSite: BuildSite = (world: World) => {
  const rows = new MemoryRows();
  const journal = new MemoryJournal();
  const network = new MemoryNetwork<NodeMessage>({ world: world.clock, faults: world.faults });
  const seats: readonly Seat[] = SEATS.map((seat) => ({ ...seat, lives: 0, life: undefined }));
  const claims = new Map<number, string>();
  const randomId = randomFrom(world.random);
  // In every other world clocks tell the time in steps of four seconds, so that stamps of several owners collide.
  const resolutionMs = world.random() < 0.5 ? 4_000 : 1;
  let takeovers = 0;
  let stopped = false;

  const begin = (seat: Seat): void => {
    if (stopped || seat.life !== undefined) return;
    seat.lives += 1;
    const name = `${seat.name}.${seat.lives}`;
    // Clocks are up to two seconds apart and drift; every now and then one is so wrong that its worker may not claim.
    const offsetMs = world.random() < 0.05 ? world.between(-9_000, 9_000) : world.between(-2_000, 2_000);
    const clock = world.clock.view(offsetMs, world.between(-0.01, 0.01));
    const seen = coarse(clock, resolutionMs);
    const conduct = { clock, world: world.clock, faults: world.faults };
    const bus = network.open(name, clock);
    const store = openMemoryStore(rows, conduct);
    const abort = new AbortController();
    const ledger = createJournalLedger<Parcel>({
      journal: openMemoryJournal(journal, conduct),
      store,
      writer: store,
      clock: seen,
      signal: abort.signal,
      randomId: () => `${name}-${randomId()}`,
      window: 1 + Math.floor(world.random() * 4),
      plants: world.planted.ledger,
      notice: ({ kind, partition, text }) => {
        if (kind === 'alarm') world.violated('COM4', `partition ${partition} stands still: ${text}`);
        if (kind === 'claimed') claimed(partition, name);
        if (kind === 'lost') lost(partition, name);
      },
    });
    const history = openMemoryStore(rows, { ...conduct, faults: world.readingFaults });
    const node = createNode({
      bus,
      clock: seen,
      ledger,
      store,
      partitions: PARTITIONS,
      roles: seat.roles,
      version: '0',
      load: () => 0,
      alone: false,
      alarm: ({ what, cause, fatal }) => {
        if (fatal) world.violated('alarm', `${name}: ${what}: ${String(cause)}`);
      },
      limits: { maxEntities: 24 },
      plants: world.planted.pump,
    });
    const gateway = seat.roles.includes('gateway') ? new Gateway(name, node, clock, store, history, world) : undefined;
    seat.life = { name, clock, node, bus, abort, gateway };
    void node.start();
  };

  const claimed = (partition: number, name: string): void => {
    const before = claims.get(partition);
    claims.set(partition, name);
    if (before === undefined || before === name) return;
    takeovers += 1;
    world.record({ type: 'takeover', partition, node: name });
  };

  /** An owner gives up because of a foreign append, and of nothing else (COM2). Ids of appends begin with partition and claim. */
  const lost = (partition: number, name: string): void => {
    const last = journal.records(partition).at(-1)?.id ?? '';
    if (last.startsWith(`${partition}/${name}-`))
      world.violated('COM2', `${name} gave partition ${partition} up, though nobody else has appended`);
  };

  const end = (seat: Seat): void => {
    const life = seat.life;
    if (life === undefined) return;
    seat.life = undefined;
    life.clock.stop();
    life.abort.abort();
    life.node.stop();
    life.bus.close();
    life.gateway?.die();
  };

  const living = (): readonly Seat[] => seats.filter((seat) => seat.life?.clock.state === 'running');

  const kill = (seat: Seat): string => {
    end(seat);
    world.clock.after(world.between(500, 6_000), () => begin(seat));
    return `killed ${seat.name}`;
  };

  const pause = (seat: Seat): string => {
    const life = seat.life;
    life?.clock.pause();
    world.clock.after(world.between(500, 9_000), () => life?.clock.resume());
    return `paused ${seat.name}`;
  };

  /** Two nodes do not hear each other for a while; or only one the other. */
  const cut = (seat: Seat): string => {
    const other = world.pick(living().filter((one) => one !== seat));
    const [a, b] = [seat.life?.name, other?.life?.name];
    if (a === undefined || b === undefined) return 'nothing';
    const ways: readonly (readonly [string, string])[] =
      world.random() < 0.5
        ? [[a, b]]
        : [
            [a, b],
            [b, a],
          ];
    for (const [from, to] of ways) network.cut(from, to);
    world.clock.after(world.between(500, 7_000), () => ways.forEach(([from, to]) => network.heal(from, to)));
    return `cut ${a} from ${b}`;
  };

  const handOver = (seat: Seat): string => {
    const life = seat.life;
    if (life === undefined) return 'nothing';
    const leave = async (): Promise<void> => {
      await life.node.drain();
      if (seat.life === life) kill(seat);
    };
    void leave();
    // The engines may stand still: a drain that takes too long ends like a kill.
    world.clock.after(5_000, () => {
      if (seat.life === life) kill(seat);
    });
    return `drained ${seat.name}`;
  };

  const strike = (): string => {
    const seat = world.pick(living());
    if (seat === undefined) return 'nothing';
    const dice = world.random();
    if (dice < 0.35) return kill(seat);
    if (dice < 0.65) return pause(seat);
    if (dice < 0.9) return cut(seat);
    return handOver(seat);
  };

  return {
    rows,
    partitions: PARTITIONS,
    gateways: () => living().flatMap((seat) => seat.life?.gateway ?? []),
    start: async () => {
      for (const seat of seats) begin(seat);
    },
    strike,
    mend: () => {
      network.healAll();
      for (const seat of seats) {
        if (seat.life === undefined) begin(seat);
        else seat.life.clock.resume();
      }
    },
    get takeovers() {
      return takeovers;
    },
    stop: () => {
      stopped = true;
      for (const seat of seats) end(seat);
    },
  };
};
