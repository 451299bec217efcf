import { expect, test } from 'bun:test';
import { directId } from '@duolog/protocol';
import { alice, asks, bob, numbered } from '../../testing/people.ts';
import type { Parcel } from '../core/decision.ts';
import { decodeMessage } from '../core/rows.ts';
import { DirectBus } from '../engines/bus-memory.ts';
import { ManualClock } from '../engines/clock-manual.ts';
import { MemoryLedgerWorld, openMemoryLedger } from '../engines/ledger-memory.ts';
import type { Bus } from '../ports/bus.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { LinkItem, NodeMessage, Outcome } from './messages.ts';
import { createNode } from './node.ts';
import type { Alarm, Node, Role } from './node.ts';

const direct = directId(alice, bob);
const begin = asks(`c/${direct}`, alice, { kind: 'createDirect' });
const say = (n: number) => numbered(n, asks(`c/${direct}`, alice, { kind: 'send', text: `${n}` }));

/** Nodes of one cluster over memory engines that behave well. */
class Cluster {
  readonly clock = new ManualClock();
  readonly bus = new DirectBus<NodeMessage>();
  readonly world = new MemoryLedgerWorld<Parcel>();
  readonly partitions: number;
  readonly alarms: Alarm[] = [];
  readonly items = new Map<string, LinkItem[]>();
  readonly resyncs: { readonly node: string; readonly partition: number }[] = [];
  /** Nodes whose announcements are lost. */
  readonly mute = new Set<string>();
  readonly #closers = new Map<string, () => void>();

  constructor(partitions: number) {
    this.partitions = partitions;
  }

  open(
    name: string,
    roles: readonly Role[] = ['gateway', 'worker'],
    alone = false,
    ledger: Partial<Ledger<Parcel>> = {},
  ): Node {
    const direct = this.bus.open(name);
    const bus: Bus<NodeMessage> = {
      ...direct,
      publish: (message) => {
        if (!this.mute.has(name)) direct.publish(message);
      },
    };
    const { ledger: inner, store } = openMemoryLedger(this.world, { clock: this.clock });
    const node = createNode({
      bus,
      clock: this.clock,
      ledger: { ...inner, ...ledger },
      store,
      partitions: this.partitions,
      roles,
      version: '1',
      load: () => 0,
      alone,
      alarm: (alarm) => void this.alarms.push(alarm),
    });
    const items: LinkItem[] = [];
    this.items.set(name, items);
    node.edge.attach({
      item: (item) => void items.push(item),
      turnEnd: () => undefined,
      resync: (partition) => void this.resyncs.push({ node: name, partition }),
    });
    this.#closers.set(name, () => bus.close());
    return node;
  }

  async start(...nodes: readonly Node[]): Promise<void> {
    for (const node of nodes) void node.start();
    await this.clock.advance(10_000);
  }

  /** The process is gone, without a word. */
  kill(name: string, node: Node): void {
    this.#closers.get(name)?.();
    node.stop();
  }

  async ask(
    node: Node,
    ...envelopes: Parameters<Node['edge']['submit']>[0][]
  ): Promise<readonly (Outcome | undefined)[]> {
    const outcomes: (Outcome | undefined)[] = envelopes.map(() => undefined);
    envelopes.forEach((envelope, i) => node.edge.submit(envelope, (outcome) => (outcomes[i] = outcome)));
    await this.clock.advance(30_000);
    return outcomes;
  }

  texts(): readonly string[] {
    return this.world.rows
      .range(`c/${direct}/0`, { limit: 1_000 })
      .map(({ value }) => (JSON.parse(decodeMessage(value)) as { text: string }).text);
  }
}

test('a node alone owns everything once it has started, and serves [COM2]', async () => {
  const cluster = new Cluster(4);
  const node = cluster.open('only', ['gateway', 'api', 'worker'], true);
  expect(node.ready()).toBe(false);
  await node.start();
  expect(node.ready()).toBe(true);
  expect(await cluster.ask(node, begin, say(1))).toMatchObject([{ ok: true }, { ok: true }]);
  expect(node.counters.commands).toBe(2);
  expect(node.nodes().map(({ node: name }) => name)).toEqual(['only']);
});

test('a node that drains answers what it took, then takes nothing more and is stopped [SYN11] [COM2]', async () => {
  const cluster = new Cluster(2);
  const node = cluster.open('only', ['gateway', 'worker'], true);
  await node.start();
  await cluster.ask(node, begin);
  const seen: Outcome[] = [];
  for (let n = 1; n <= 8; n++) node.edge.submit(say(n), (outcome) => void seen.push(outcome));
  await cluster.clock.step(0);
  await cluster.clock.run(node.drain());
  expect(seen.map(({ ok }) => ok)).toEqual(Array.from({ length: 8 }, () => true));
  expect(node.ready()).toBe(false);
  node.edge.submit(say(9), (outcome) => void seen.push(outcome));
  expect(seen.at(-1)).toMatchObject({ ok: false, failure: { code: 'unavailable' } });
  await cluster.clock.advance(60_000);
  expect(cluster.clock.idle).toBe(true);
  expect(cluster.alarms).toEqual([]);
});

test('a ledger that breaks is a fatal alarm, and nothing of the batch is answered [COM9]', async () => {
  const cluster = new Cluster(1);
  const cause = new Error('EIO');
  const node = cluster.open('only', ['gateway', 'worker'], true, { commit: () => Promise.reject(cause) });
  await node.start();
  const [outcome] = await cluster.ask(node, begin);
  expect(cluster.alarms).toEqual([{ what: 'partition 0 stopped', cause, fatal: true }]);
  expect(outcome?.ok === false ? outcome.failure.code : 'answered').toBe('unknown');
  expect(node.ready()).toBe(false);
});

test('alone, a partition that cannot be claimed is a fatal alarm [COM4]', async () => {
  const cluster = new Cluster(1);
  const cause = new Error('damaged');
  const node = cluster.open('only', ['worker'], true, { claim: () => Promise.reject(cause) });
  await node.start();
  expect(cluster.alarms).toEqual([{ what: 'partition 0 could not change hands', cause, fatal: true }]);
  expect(node.ready()).toBe(false);
});

test('partitions are shared among the workers, and any gateway reaches all of them [COM2]', async () => {
  const cluster = new Cluster(8);
  const [a, b, gateway] = [cluster.open('a'), cluster.open('b'), cluster.open('c', ['gateway'])];
  await cluster.start(a, b, gateway);
  const owned = [a, b].map((node) => node.nodes()[0]?.owns.length ?? 0);
  expect(owned[0]).toBeGreaterThan(0);
  expect(owned[1]).toBeGreaterThan(0);
  expect((owned[0] ?? 0) + (owned[1] ?? 0)).toBe(8);
  expect([a, b, gateway].map((node) => node.ready())).toEqual([true, true, true]);
  expect(await cluster.ask(gateway, begin, say(1))).toMatchObject([{ ok: true }, { ok: true }]);
});

test('while a worker leaves in peace every command of a gateway is answered, once and in order [COM2] [COM10] [SYN11]', async () => {
  const cluster = new Cluster(8);
  const [a, b, gateway] = [cluster.open('a'), cluster.open('b'), cluster.open('c', ['gateway'])];
  await cluster.start(a, b, gateway);
  await cluster.ask(gateway, begin);
  const seen: Outcome[] = [];
  const owner = [a, b].find((node) => node.counters.commands > 0) ?? a;
  let n = 0;
  const next = (): void => {
    n += 1;
    gateway.edge.submit(say(n), (outcome) => {
      seen.push(outcome);
      if (n < 40) cluster.clock.after(50, next);
    });
  };
  next();
  await cluster.clock.advance(500);
  const draining = owner.drain();
  await cluster.clock.advance(20_000);
  await draining;
  expect(seen.map(({ ok }) => ok)).toEqual(Array.from({ length: 40 }, () => true));
  expect(cluster.texts()).toEqual(Array.from({ length: 40 }, (_, i) => `${i + 1}`));
  expect(cluster.alarms).toEqual([]);
});

test('when a worker dies another takes over, and what was under way is executed once [COM2] [COM10]', async () => {
  const cluster = new Cluster(8);
  const [a, b, gateway] = [cluster.open('a'), cluster.open('b'), cluster.open('c', ['gateway'])];
  await cluster.start(a, b, gateway);
  await cluster.ask(gateway, begin, say(1));
  const [name, owner] = a.counters.commands > 0 ? (['a', a] as const) : (['b', b] as const);
  cluster.kill(name, owner);
  expect(await cluster.ask(gateway, say(2), say(3))).toMatchObject([{ ok: true }, { ok: true }]);
  expect(cluster.texts()).toEqual(['1', '2', '3']);
  expect(gateway.ready()).toBe(true);
});

test('a gateway that announces its devices again to a new owner gets their entries [COM8]', async () => {
  const cluster = new Cluster(1);
  const [a, b, gateway] = [cluster.open('a'), cluster.open('b'), cluster.open('c', ['gateway'])];
  await cluster.start(a, b, gateway);
  const signUp = asks('n/bob', bob, { kind: 'signUp', user: bob, name: 'Bob', passwordHash: 'hash' });
  const logIn = asks(`u/${bob}`, bob, { kind: 'addDevice', device: 'laptop', name: 'Laptop' });
  await cluster.ask(gateway, begin, signUp);
  await cluster.ask(gateway, logIn);
  const route = (): void => gateway.edge.ask({ kind: 'route', user: bob, device: 'laptop', on: true }, () => undefined);
  route();
  await cluster.ask(gateway, say(1));
  expect(cluster.items.get('c')).toHaveLength(1);
  const [name, owner] = a.counters.commands > 0 ? (['a', a] as const) : (['b', b] as const);
  cluster.resyncs.length = 0;
  cluster.kill(name, owner);
  await cluster.clock.advance(20_000);
  // No client of this gateway has asked for anything since.
  expect(cluster.resyncs).toContainEqual({ node: 'c', partition: 0 });
  route();
  await cluster.ask(gateway, say(2));
  expect(cluster.items.get('c')).toHaveLength(2);
});

test('a gateway that was taken for dead too early finds out, and its devices are told again [COM8]', async () => {
  const cluster = new Cluster(1);
  const [a, gateway] = [cluster.open('a'), cluster.open('c', ['gateway'])];
  await cluster.start(a, gateway);
  const signUp = asks('n/bob', bob, { kind: 'signUp', user: bob, name: 'Bob', passwordHash: 'hash' });
  await cluster.ask(gateway, begin, signUp);
  await cluster.ask(gateway, asks(`u/${bob}`, bob, { kind: 'addDevice', device: 'laptop', name: 'Laptop' }));
  const route = (): void => gateway.edge.ask({ kind: 'route', user: bob, device: 'laptop', on: true }, () => undefined);
  route();
  await cluster.ask(a, say(1));
  expect(cluster.items.get('c')).toHaveLength(1);
  cluster.resyncs.length = 0;
  cluster.mute.add('c');
  await cluster.clock.advance(4_000);
  cluster.mute.delete('c');
  expect(a.nodes().map(({ node }) => node)).toEqual(['a']);
  // The owner has forgotten it, so it hears nothing more: silence is what it has to go by.
  await cluster.clock.advance(5_000);
  expect(cluster.resyncs).toEqual([{ node: 'c', partition: 0 }]);
  route();
  await cluster.ask(a, say(2));
  expect(cluster.items.get('c')).toHaveLength(2);
});
