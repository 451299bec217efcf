import { expect, test } from 'bun:test';
import { MemoryNetwork } from '../engines/bus-memory.ts';
import { ManualClock } from '../engines/clock-manual.ts';
import type { ClockView } from '../engines/clock-manual.ts';
import { CALM, Faults, seededRandom } from '../engines/faults.ts';
import type { Registry } from './directory.ts';
import type { Alive, NodeMessage } from './messages.ts';
import { createRegistry } from './registry.ts';

const PARTITIONS = 24;

interface Member {
  readonly name: string;
  readonly registry: Registry;
  readonly clock: ClockView;
  readonly owned: Set<number>;
  readonly alarms: string[];
  readonly events: string[];
  /** Claims nothing although it ought to. */
  lame: boolean;
}

/** Nodes that claim and release at once what their registries wish; claims get rising stamps, as a journal would give them. */
class Cluster {
  readonly clock = new ManualClock();
  readonly network: MemoryNetwork<NodeMessage>;
  readonly members: Member[] = [];
  #stamp = 0;

  constructor() {
    const faults = new Faults(seededRandom(11), { ...CALM, delayMs: [1, 30] });
    this.network = new MemoryNetwork({ world: this.clock, faults });
  }

  start(
    name: string,
    what: { readonly roles?: readonly string[]; readonly offsetMs?: number; readonly alone?: boolean } = {},
  ): Member {
    const clock = this.clock.view(what.offsetMs);
    const bus = this.network.open(name, clock);
    const alarms: string[] = [];
    const registry = createRegistry({
      bus,
      clock,
      partitions: PARTITIONS,
      roles: what.roles ?? ['worker'],
      version: '1',
      formats: [1],
      load: () => 7,
      alone: what.alone ?? false,
      alarm: (alarm) => alarms.push(alarm),
    });
    const member: Member = { name, registry, clock, owned: new Set(), alarms, events: [], lame: false };
    bus.listen((_from, message) => {
      if (message.type === 'alive') registry.receive(message);
    });
    registry.onDead((node) => member.events.push(`${node} is dead`));
    registry.onTick(() => this.#reconcile(member));
    this.members.push(member);
    registry.start();
    this.#reconcile(member);
    return member;
  }

  /** Stops a node as a power cut would. */
  kill(member: Member): void {
    member.clock.stop();
    this.members.splice(this.members.indexOf(member), 1);
  }

  /** Whether all members name the same owner for each partition, and that one agrees. */
  agrees(): boolean {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const named = new Set(this.members.map(({ registry }) => registry.ownerOf(partition)));
      const [owner] = named;
      if (named.size !== 1 || owner === undefined) return false;
      if (!(this.members.find(({ name }) => name === owner)?.owned.has(partition) ?? false)) return false;
    }
    return true;
  }

  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.members.map(({ name, owned }) => [name, owned.size]));
  }

  /** Somebody else got the partition. */
  lose(member: Member, partition: number): void {
    member.owned.delete(partition);
    member.registry.disown(partition, 'lost');
  }

  own(member: Member, partition: number): void {
    member.owned.add(partition);
    member.events.push(`claims ${partition}`);
    member.registry.own(partition, `${member.name}-${partition}`, ++this.#stamp);
  }

  #reconcile(member: Member): void {
    if (member.lame) return;
    for (const partition of member.registry.toClaim()) this.own(member, partition);
    for (const partition of member.registry.toRelease()) {
      member.owned.delete(partition);
      member.events.push(`releases ${partition}`);
      member.registry.disown(partition, 'released');
    }
  }
}

const started = async (names: readonly string[] = ['a', 'b', 'c']): Promise<Cluster> => {
  const cluster = new Cluster();
  for (const name of names) cluster.start(name);
  await cluster.clock.advance(4_000);
  return cluster;
};
const member = (cluster: Cluster, name: string): Member => {
  const found = cluster.members.find((known) => known.name === name);
  if (found === undefined) throw new RangeError(name);
  return found;
};

test('the only node claims everything at once', async () => {
  const cluster = new Cluster();
  const only = cluster.start('only', { alone: true });
  expect(only.owned.size).toBe(PARTITIONS);
  expect(only.registry.ownerOf(3)).toBe('only');
});

test('nodes listen for a while, then each claims what it is first for, and all agree', async () => {
  const cluster = new Cluster();
  for (const name of ['a', 'b', 'c']) cluster.start(name);
  await cluster.clock.advance(2_500);
  expect(cluster.counts()).toEqual({ a: 0, b: 0, c: 0 });
  await cluster.clock.advance(2_000);
  expect(cluster.agrees()).toBe(true);
  for (const count of Object.values(cluster.counts())) expect(count).toBeGreaterThan(2);
});

test('every node says each second who it is and what it owns', async () => {
  const cluster = await started(['a', 'b']);
  const gateway = cluster.start('g', { roles: ['gateway'] });
  await cluster.clock.advance(2_000);
  const known = gateway.registry.nodes().toSorted((x, y) => (x.node < y.node ? -1 : 1));
  expect(known.map(({ node }) => node)).toEqual(['a', 'b', 'g']);
  expect(known[0]).toMatchObject({
    type: 'alive',
    roles: ['worker'],
    version: '1',
    formats: [1],
    load: 7,
    draining: false,
  } satisfies Partial<Alive>);
  expect(new Set(known[0]?.owns.map(({ partition }) => partition))).toEqual(member(cluster, 'a').owned);
  expect(gateway.owned.size).toBe(0);
  expect(cluster.agrees()).toBe(true);
});

test('a node unheard for 3 s is dead, and the next in the ranking claims what it had', async () => {
  const cluster = await started();
  const [a, b] = [member(cluster, 'a'), member(cluster, 'b')];
  const before = cluster.counts();
  cluster.kill(a);
  await cluster.clock.advance(1_900);
  expect(b.registry.nodes().length).toBe(3);
  await cluster.clock.advance(2_500);
  expect(b.registry.nodes().length).toBe(2);
  expect(b.events).toContain('a is dead');
  expect(cluster.agrees()).toBe(true);
  expect(cluster.counts()['b'] ?? 0).toBeGreaterThanOrEqual(before['b'] ?? 0);
});

test('a change of what a node owns is told at once, not with its next second', async () => {
  const cluster = await started();
  const [a, b] = [member(cluster, 'a'), member(cluster, 'b')];
  const [partition = -1] = a.owned;
  const changes: number[] = [];
  b.registry.onChange((changed) => changes.push(changed));
  b.lame = true;
  member(cluster, 'c').lame = true;
  a.lame = true;
  cluster.lose(a, partition);
  await cluster.clock.advance(40);
  expect(b.registry.ownerOf(partition)).toBeUndefined();
  cluster.own(b, partition);
  await cluster.clock.advance(40);
  expect(a.registry.ownerOf(partition)).toBe('b');
  expect(changes).toEqual([partition, partition]);
});

test('the highest claim is the owner, and the lower one gives up [COM2]', async () => {
  const cluster = await started();
  const [a, b] = [member(cluster, 'a'), member(cluster, 'b')];
  const [partition = -1] = a.owned;
  b.lame = true;
  cluster.own(b, partition);
  await cluster.clock.advance(1_500);
  expect(member(cluster, 'c').registry.ownerOf(partition)).toBe('b');
  expect(a.owned.has(partition)).toBe(false);
  expect(b.owned.has(partition)).toBe(true);
});

test('one that lost a partition waits 10 s before it claims it again', async () => {
  const cluster = new Cluster();
  const a = cluster.start('a', { alone: true });
  cluster.lose(a, 5);
  await cluster.clock.advance(9_500);
  expect(a.owned.has(5)).toBe(false);
  await cluster.clock.advance(1_500);
  expect(a.owned.has(5)).toBe(true);
});

test('when the first does not claim, the next does after a while', async () => {
  const cluster = new Cluster();
  for (const name of ['a', 'b', 'c']) cluster.start(name);
  const b = member(cluster, 'b');
  b.lame = true;
  await cluster.clock.advance(5_000);
  expect(cluster.agrees()).toBe(false);
  await cluster.clock.advance(6_000);
  expect(cluster.agrees()).toBe(true);
  expect(b.owned.size).toBe(0);
  // What it did not want once is not offered again right away.
  expect(cluster.members.flatMap(({ events }) => events).filter((event) => event.startsWith('releases'))).toEqual([]);
});

test('a newcomer gets its partitions in peace, once it has lived for a while', async () => {
  const cluster = await started(['a', 'b']);
  const c = cluster.start('c');
  await cluster.clock.advance(4_500);
  expect(c.owned.size).toBe(0);
  await cluster.clock.advance(4_000);
  expect(cluster.agrees()).toBe(true);
  expect(c.owned.size).toBeGreaterThan(2);
  const before = cluster.members.map(({ events }) => events.length);
  await cluster.clock.advance(60_000);
  expect(cluster.members.map(({ events }) => events.length)).toEqual(before);
});

test('what nobody takes when it is handed over comes back and is kept for a minute', async () => {
  const cluster = await started(['a', 'b']);
  const c = cluster.start('c');
  c.lame = true;
  await cluster.clock.advance(60_000);
  expect(cluster.agrees()).toBe(true);
  const releases = (): number =>
    cluster.members.flatMap(({ events }) => events).filter((event) => event.startsWith('releases')).length;
  const once = releases();
  expect(once).toBeGreaterThan(2);
  expect(once).toBeLessThan(PARTITIONS);
  await cluster.clock.advance(5_000);
  expect(releases()).toBe(once);
});

test('a draining node is nobody’s first choice, and claims nothing', async () => {
  const cluster = await started();
  const a = member(cluster, 'a');
  a.registry.drain();
  for (const partition of a.owned) a.registry.disown(partition, 'released');
  a.owned.clear();
  await cluster.clock.advance(200);
  // At once, not after a second or a death.
  expect(cluster.agrees()).toBe(true);
  await cluster.clock.advance(20_000);
  expect(a.owned.size).toBe(0);
  expect(cluster.agrees()).toBe(true);
});

test('a worker whose clock is far from the others claims nothing and says so once', async () => {
  const cluster = new Cluster();
  const [a, b] = [cluster.start('a'), cluster.start('b')];
  const c = cluster.start('c', { offsetMs: 60_000 });
  await cluster.clock.advance(30_000);
  expect(c.owned.size).toBe(0);
  expect(c.alarms.length).toBe(1);
  expect(c.alarms[0]).toContain('clock');
  expect([...a.alarms, ...b.alarms]).toEqual([]);
  expect(a.owned.size + b.owned.size).toBe(PARTITIONS);
  c.clock.jump(-60_000);
  await cluster.clock.advance(15_000);
  expect(c.owned.size).toBeGreaterThan(2);
  c.clock.jump(60_000);
  await cluster.clock.advance(15_000);
  expect(c.alarms.length).toBe(2);
});

test('a worker whose clock is somewhat off keeps what it is first for, instead of giving it up and claiming it again', async () => {
  const cluster = new Cluster();
  for (const name of ['a', 'b']) cluster.start(name);
  const c = cluster.start('c', { offsetMs: 3_000 });
  await cluster.clock.advance(30_000);
  expect(c.owned.size).toBeGreaterThan(2);
  const before = c.events.length;
  await cluster.clock.advance(30_000);
  expect(c.events.slice(before)).toEqual([]);
});

test('when half of the clocks are wrong, everything is owned all the same', async () => {
  const cluster = new Cluster();
  for (const name of ['a', 'b']) cluster.start(name);
  for (const name of ['c', 'd']) cluster.start(name, { offsetMs: 7_000 });
  await cluster.clock.advance(30_000);
  expect(cluster.agrees()).toBe(true);
  expect(cluster.members.reduce((sum, { owned }) => sum + owned.size, 0)).toBe(PARTITIONS);
});

test('a node that stood still does not take the others for dead', async () => {
  const cluster = await started();
  const a = member(cluster, 'a');
  await cluster.clock.advance(500);
  a.clock.pause();
  // What came meanwhile was too much for its connection.
  for (const other of ['b', 'c']) cluster.network.cut(other, 'a');
  await cluster.clock.advance(10_000);
  expect(member(cluster, 'b').registry.nodes().length).toBe(2);
  const before = a.events.length;
  cluster.network.healAll();
  a.clock.resume();
  await cluster.clock.advance(5_000);
  // It may only have given up what others claimed meanwhile.
  expect(a.events.slice(before).filter((event) => event.startsWith('claims') || event.endsWith('dead'))).toEqual([]);
  expect(a.owned.size).toBe(0);
  await cluster.clock.advance(15_000);
  expect(cluster.agrees()).toBe(true);
});

test('nodes cut off from each other agree again once they are not', async () => {
  const cluster = await started();
  for (const other of ['b', 'c']) {
    cluster.network.cut('a', other);
    cluster.network.cut(other, 'a');
  }
  await cluster.clock.advance(20_000);
  const a = member(cluster, 'a');
  expect(a.owned.size).toBe(PARTITIONS);
  cluster.network.healAll();
  await cluster.clock.advance(40_000);
  expect(cluster.agrees()).toBe(true);
  const owned = cluster.members.flatMap((known) => [...known.owned]);
  expect(owned.length).toBe(PARTITIONS);
});
