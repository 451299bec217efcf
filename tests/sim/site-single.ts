/** One process over an atomic ledger: it dies, and another one goes on with what was stored. */
import { DirectBus } from '../../packages/server/src/engines/bus-memory.ts';
import type { ClockView } from '../../packages/server/src/engines/clock-manual.ts';
import { MemoryLedgerWorld, openMemoryLedger } from '../../packages/server/src/engines/ledger-memory.ts';
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

export const singleSite: BuildSite = (world: World) => {
  const ledgers = new MemoryLedgerWorld<Parcel>();
  const window = 1 + Math.floor(world.random() * 3);
  let life: Life | undefined;
  let lives = 0;
  let dead = false;

  const begin = (): Promise<void> => {
    lives += 1;
    const name = `one.${lives}`;
    const clock = world.clock.view();
    const conduct = { clock, world: world.clock, faults: world.faults };
    const { ledger, store } = openMemoryLedger<Parcel>(ledgers, { clock, conduct, window, randomId: () => name });
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
      alarm: ({ what, cause }) => world.violated('alarm', `${what}: ${String(cause)}`),
      limits: { maxEntities: 24 },
      plants: world.planted.pump,
    });
    life = { clock, node, gateway: new Gateway(name, node, clock, store, world) };
    dead = false;
    return node.start();
  };

  const end = (): void => {
    if (life === undefined || dead) return;
    dead = true;
    life.clock.stop();
    life.node.stop();
    life.gateway.die();
  };

  const strike = (): string => {
    end();
    world.clock.after(world.between(10, 1_500), () => {
      if (dead) void begin();
    });
    return 'killed';
  };

  return {
    rows: ledgers.rows,
    partitions: 1,
    gateways: () => (life === undefined || dead ? [] : [life.gateway]),
    start: begin,
    strike,
    mend: () => {
      if (dead) void begin();
    },
    get takeovers() {
      return lives - 1;
    },
    stop: end,
  };
};
