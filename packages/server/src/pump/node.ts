/** One node: its edge, its worker and its place in the registry, over one Bus. */
import type { Parcel } from '../core/decision.ts';
import { supportedFormats } from '../data/journal-ledger/records.ts';
import type { Bus, NodeId } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Store } from '../ports/store.ts';
import { createEdge } from './edge.ts';
import type { Edge } from './edge.ts';
import type { Alive, NodeMessage } from './messages.ts';
import { OWNER_LIMITS, newCounters } from './settings.ts';
import type { OwnerLimits, PumpCounters, PumpPlant } from './settings.ts';
import { createRegistry } from './registry.ts';
import { createWorker } from './worker.ts';

export type Role = 'gateway' | 'api' | 'worker';

/** Something an operator has to know; `fatal`: this process cannot go on and has to be stopped. */
export interface Alarm {
  readonly what: string;
  readonly cause?: unknown;
  readonly fatal: boolean;
}

export interface NodeOptions {
  readonly bus: Bus<NodeMessage>;
  readonly clock: Clock;
  readonly ledger: Ledger<Parcel>;
  readonly store: Store;
  readonly partitions: number;
  readonly roles: readonly Role[];
  readonly version: string;
  /** WebSocket address clients reach this node at, if it is a gateway. */
  readonly address?: string;
  /** Connections held, for discovery. */
  readonly load: () => number;
  /** The only node there is: it owns everything from the start, without waiting for others to be heard. */
  readonly alone: boolean;
  readonly alarm: (alarm: Alarm) => void;
  readonly limits?: Partial<OwnerLimits>;
  readonly plants?: ReadonlySet<PumpPlant>;
}

export interface Node {
  readonly edge: Edge;
  readonly counters: PumpCounters;
  /** Nodes that are alive, this one included. */
  nodes(): readonly Alive[];
  /** Begins to announce itself and to claim; resolves once, alone, all partitions are owned. */
  start(): Promise<void>;
  /** Whether every partition has an owner as far as this node knows, and it is not draining. */
  ready(): boolean;
  /** Requests queued at this node's owners. */
  queued(): number;
  /** Gives everything up in peace; afterwards the node is stopped. */
  drain(): Promise<void>;
  /** Stops at once. */
  stop(): void;
}

export const createNode = (options: NodeOptions): Node => {
  const { bus, clock, ledger, store, partitions, alarm } = options;
  const counters = newCounters();
  const registry = createRegistry({
    bus,
    clock,
    partitions,
    roles: options.roles,
    version: options.version,
    formats: supportedFormats,
    ...(options.address === undefined ? {} : { address: options.address }),
    load: options.load,
    alone: options.alone,
    alarm: (what) => alarm({ what, fatal: false }),
  });
  const worker = createWorker({
    ledger,
    store,
    bus,
    clock,
    directory: registry,
    partitions,
    limits: { ...OWNER_LIMITS, ...options.limits },
    counters,
    plants: options.plants ?? new Set(),
    lost: (partition) => registry.disown(partition, 'lost'),
    broken: (partition, cause) => {
      failed = true;
      registry.disown(partition, 'lost');
      alarm({ what: `partition ${partition} stopped`, cause, fatal: true });
    },
  });
  const edge = createEdge({ bus, clock, directory: registry, partitions });
  /** Partitions that are being claimed or given up at this moment. */
  const changing = new Map<number, Promise<void>>();
  let stopped = false;
  let draining = false;
  /** Ledger or store broke: this process claims nothing any more (COM9). */
  let failed = false;

  const change = (partition: number, action: () => Promise<void>): Promise<void> => {
    const under = changing.get(partition);
    if (under !== undefined) return under;
    const done = action()
      .catch((cause: unknown) => {
        failed ||= options.alone;
        registry.disown(partition, 'lost');
        alarm({ what: `partition ${partition} could not change hands`, cause, fatal: options.alone });
      })
      .finally(() => changing.delete(partition));
    changing.set(partition, done);
    return done;
  };

  const claim = (partition: number): Promise<void> =>
    change(partition, async () => {
      const claimed = await worker.claim(partition);
      if (stopped) return;
      if (claimed === undefined) registry.disown(partition, 'lost');
      else registry.own(partition, claimed.id, claimed.stamp);
    });

  const release = (partition: number): Promise<void> =>
    change(partition, async () => {
      await worker.release(partition);
      registry.disown(partition, 'released');
    });

  /** Does what the registry wishes: claims what this node ought to own, gives up what another ought to. */
  const reconcile = (): Promise<unknown> => {
    if (stopped || failed || !options.roles.includes('worker')) return Promise.resolve();
    return Promise.all([...registry.toClaim().map(claim), ...registry.toRelease().map(release)]);
  };

  bus.listen((from: NodeId, message: NodeMessage) => {
    if (stopped) return;
    switch (message.type) {
      case 'submission':
      case 'parcels':
      case 'accepted':
        return worker.receive(from, message);
      case 'link':
      case 'notTaken':
        return edge.receive(from, message);
      case 'alive':
        return registry.receive(message);
      default: {
        const never: never = message;
        return never;
      }
    }
  });
  registry.onDead((node) => worker.forgetEdge(node));
  registry.onTick(() => void reconcile());

  const stop = (): void => {
    stopped = true;
    worker.stop();
    registry.stop();
    edge.close();
  };

  return {
    edge,
    counters,
    nodes: () => registry.nodes(),
    start: async () => {
      registry.start();
      await reconcile();
    },
    ready: () => {
      if (draining || stopped) return false;
      for (let partition = 0; partition < partitions; partition++)
        if (registry.ownerOf(partition) === undefined) return false;
      return true;
    },
    queued: () => worker.queued,
    drain: async () => {
      draining = true;
      registry.drain();
      await Promise.all(changing.values());
      await Promise.all(worker.owned.map(release));
      stop();
    },
    stop,
  };
};
