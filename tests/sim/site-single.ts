/** One process over an atomic ledger: it dies, its disk is full or fails, and another one goes on with what was stored. */
import type { DuologError } from '@duolog/protocol';
import { DirectBus } from '../../packages/server/src/engines/bus-memory.ts';
import type { ClockView } from '../../packages/server/src/engines/clock-manual.ts';
import { MemoryLedgerWorld, openMemoryLedger } from '../../packages/server/src/engines/ledger-memory.ts';
import { openMemoryStore } from '../../packages/server/src/engines/store-memory.ts';
import type { MemoryRows } from '../../packages/server/src/engines/store-memory.ts';
import type { Parcel } from '../../packages/server/src/core/decision.ts';
import { createNode } from '../../packages/server/src/pump/node.ts';
import type { Node } from '../../packages/server/src/pump/node.ts';
import type { NodeMessage } from '../../packages/server/src/pump/messages.ts';
import { Gateway } from './gateway.ts';
import type { BuildSite, World } from './world.ts';

interface Life {
  readonly clock: ClockView;
  readonly node: Node;
  readonly gateway: Gateway;
}

/** The fault in the history when a write of the ledger failed: the process ends soon after. */
export const WRITE_FAILED = 'a write failed';

/** A disk that is full for a while; what a turn decides meanwhile must not be stored (STO6). */
const fillingDisk = (world: World, rows: MemoryRows): { readonly fill: () => void; readonly free: () => void } => {
  /** In microseconds of the owner's clock. */
  let fullSince = Number.POSITIVE_INFINITY;
  const write = rows.write.bind(rows);
  rows.write = (partition, changes, stamp): void => {
    // Stamps of turns in one moment are some microseconds ahead of it.
    if (stamp > fullSince + 1_000) world.violated('STO6', `${partition} was written by a turn on a full disk`);
    write(partition, changes, stamp);
  };
  const free = (): void => {
    world.faults.storageFull = false;
    fullSince = Number.POSITIVE_INFINITY;
  };
  return {
    free,
    fill: () => {
      world.faults.storageFull = true;
      fullSince = world.clock.now() * 1_000;
      world.clock.after(world.between(300, 3_000), free);
    },
  };
};

/** A process; `kill` ends it. A failed write ends it a little later, and is no violation. */
const openLife = (
  world: World,
  ledgers: MemoryLedgerWorld<Parcel>,
  options: { readonly name: string; readonly window: number; readonly kill: () => void },
): Life => {
  const { name, window, kill } = options;
  const clock = world.clock.view();
  const conduct = { clock, world: world.clock, faults: world.faults };
  let failure: DuologError | undefined;
  const { ledger, store } = openMemoryLedger<Parcel>(ledgers, {
    clock,
    conduct,
    window,
    randomId: () => name,
    plants: world.planted.disk,
    onFatal: (error) => {
      failure = error;
      world.record({ type: 'fault', fault: WRITE_FAILED, node: name });
      clock.after(world.between(0, 100), kill);
    },
  });
  const history = openMemoryStore(ledgers.rows, { ...conduct, faults: world.readingFaults });
  const node = createNode({
    bus: new DirectBus<NodeMessage>().open(name),
    clock,
    ledger,
    store,
    partitions: 1,
    roles: ['gateway', 'worker'],
    version: '0',
    load: () => 0,
    alone: true,
    alarm: ({ what, cause }) => {
      if (cause === undefined || cause !== failure) world.violated('alarm', `${what}: ${String(cause)}`);
    },
    limits: { maxEntities: 24 },
    plants: world.planted.pump,
  });
  return { clock, node, gateway: new Gateway(name, node, clock, store, history, world) };
};

export const singleSite: BuildSite = (world: World) => {
  const ledgers = new MemoryLedgerWorld<Parcel>();
  const window = 1 + Math.floor(world.random() * 3);
  const disk = fillingDisk(world, ledgers.rows);
  let life: Life | undefined;
  let lives = 0;
  let dead = false;

  const begin = (): Promise<void> => {
    lives += 1;
    life = openLife(world, ledgers, { name: `one.${lives}`, window, kill });
    dead = false;
    return life.node.start();
  };

  const end = (): void => {
    if (life === undefined || dead) return;
    dead = true;
    life.clock.stop();
    life.node.stop();
    life.gateway.die();
  };

  const kill = (): void => {
    end();
    world.clock.after(world.between(10, 1_500), () => {
      if (dead) void begin();
    });
  };

  return {
    rows: ledgers.rows,
    partitions: 1,
    gateways: () => (life === undefined || dead ? [] : [life.gateway]),
    start: begin,
    strike: () => {
      if (world.random() < 0.7) {
        kill();
        return 'killed';
      }
      disk.fill();
      return 'filled the disk';
    },
    mend: () => {
      disk.free();
      if (dead) void begin();
    },
    get takeovers() {
      return lives - 1;
    },
    stop: end,
  };
};
