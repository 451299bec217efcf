import { expect, test } from 'bun:test';
import { alice, asks, bob, numbered } from '../../testing/people.ts';
import { StaticDirectory } from '../../testing/pump-rig.ts';
import { DirectBus } from '../engines/bus-memory.ts';
import { ManualClock } from '../engines/clock-manual.ts';
import type { Bus } from '../ports/bus.ts';
import { MAX_WAITING, REQUEST_TIMEOUT_MS, createEdge } from './edge.ts';
import type { Edge } from './edge.ts';
import type { Failure, LinkItem, NodeMessage, Outcome, Submission } from './messages.ts';

/** An edge, and owners that only take notes and answer as a test says. */
class EdgeRig {
  readonly clock = new ManualClock();
  readonly bus = new DirectBus<NodeMessage>();
  readonly directory = new StaticDirectory();
  readonly edge: Edge;
  readonly items: LinkItem[] = [];
  readonly resyncs: number[] = [];
  turnEnds = 0;
  /** Submissions by the node that got them. */
  readonly got = new Map<string, Submission[]>();
  readonly #owners = new Map<string, Bus<NodeMessage>>();
  /** The bus has no room. */
  full = false;

  constructor() {
    const bus = this.bus.open('edge');
    const bounded: Bus<NodeMessage> = { ...bus, send: (to, message) => !this.full && bus.send(to, message) };
    this.edge = createEdge({ bus: bounded, clock: this.clock, directory: this.directory, partitions: 1 });
    bus.listen((from, message) => {
      if (message.type === 'link' || message.type === 'notTaken') this.edge.receive(from, message);
    });
    this.edge.attach({
      item: (item) => void this.items.push(item),
      turnEnd: () => void (this.turnEnds += 1),
      resync: (partition) => void this.resyncs.push(partition),
    });
    for (const name of ['a', 'b']) {
      const owner = this.bus.open(name);
      this.got.set(name, []);
      owner.listen((_from, message) => {
        if (message.type === 'submission') this.got.get(name)?.push(message);
      });
      this.#owners.set(name, owner);
    }
  }

  submit(envelope = asks('c/x', alice, { kind: 'send', text: 'hello' })): {
    outcome: Outcome | undefined;
    count: number;
  } {
    const seen: { outcome: Outcome | undefined; count: number } = { outcome: undefined, count: 0 };
    this.edge.submit(envelope, (outcome) => {
      seen.outcome = outcome;
      seen.count += 1;
    });
    return seen;
  }

  refs(owner: string): readonly number[] {
    return (this.got.get(owner) ?? []).flatMap(({ requests }) => requests.map(({ ref }) => ref));
  }

  link(owner: string, n: number, items: readonly LinkItem[], link = `link of ${owner}`): void {
    this.#owners.get(owner)?.send('edge', { type: 'link', partition: 0, link, n, items });
  }

  notTaken(owner: string, refs: readonly number[], code: Failure['code'] = 'unavailable'): void {
    this.#owners.get(owner)?.send('edge', { type: 'notTaken', partition: 0, refs, failure: { code, detail: 'no' } });
  }

  /** Owned by this node from now on; what that alone brings about is forgotten. */
  async own(owner: string | undefined): Promise<void> {
    this.directory.set(0, owner);
    await this.clock.advance(0);
    this.resyncs.length = 0;
  }
}

const result = (ref: number): LinkItem => ({ kind: 'result', ref, result: `{"seq":${ref}}` });
const command = (n: number) => numbered(n, asks('c/x', alice, { kind: 'send', text: `${n}` }));
const entry: LinkItem = { kind: 'entry', fields: 'x', to: [alice], useqs: [1] };
const codeOf = (seen: { readonly outcome: Outcome | undefined }) =>
  seen.outcome?.ok === false ? seen.outcome.failure.code : seen.outcome?.ok;

test('requests of one moment go to the owner in one message, in order, and each gets its answer [COM1]', async () => {
  const rig = new EdgeRig();
  await rig.own('a');
  const seen = [1, 2, 3].map((n) => rig.submit(command(n)));
  await rig.clock.advance(0);
  expect(rig.got.get('a')).toHaveLength(1);
  const [first = 0, second = 0, third = 0] = rig.refs('a');
  rig.link('a', 1, [
    result(third),
    { kind: 'failure', ref: second, failure: { code: 'forbidden', detail: 'no' } },
    result(first),
  ]);
  expect(seen.map(codeOf)).toEqual([true, 'forbidden', true]);
  expect(seen[0]?.outcome).toEqual({ ok: true, result: `{"seq":${first}}` });
  expect(rig.edge.waiting).toBe(0);
  rig.link('a', 2, [result(first)]);
  expect(seen.map(({ count }) => count)).toEqual([1, 1, 1]);
});

test('an answer that does not come is unknown, not failed [SYN6] [COM9]', async () => {
  const rig = new EdgeRig();
  await rig.own('a');
  const seen = rig.submit();
  await rig.clock.advance(REQUEST_TIMEOUT_MS - 1);
  expect(seen.count).toBe(0);
  await rig.clock.advance(1_001);
  expect(codeOf(seen)).toBe('unknown');
});

test('without an owner a request waits for one, and is unavailable in the end [COM2]', async () => {
  const rig = new EdgeRig();
  const [first, second] = [rig.submit(), rig.submit()];
  await rig.clock.advance(5_000);
  expect(first.count).toBe(0);
  await rig.own('a');
  expect(rig.refs('a')).toHaveLength(2);
  rig.link('a', 1, rig.refs('a').map(result));
  expect([codeOf(first), codeOf(second)]).toEqual([true, true]);
  await rig.own(undefined);
  const third = rig.submit();
  await rig.clock.advance(REQUEST_TIMEOUT_MS + 1_000);
  expect(codeOf(third)).toBe('unavailable');
});

test('a new owner gets numbered commands again, in order; what cannot be repeated is unknown [COM10] [COM2]', async () => {
  const rig = new EdgeRig();
  await rig.own('a');
  const seen = [command(1), asks('c/x', bob, { kind: 'send', text: 'plain' }), command(2)].map((envelope) =>
    rig.submit(envelope),
  );
  await rig.clock.advance(0);
  await rig.own('b');
  expect(codeOf(seen[1] ?? { outcome: undefined })).toBe('unknown');
  const [first, plain, second] = rig.refs('a');
  expect(rig.refs('b')).toEqual([first ?? 0, second ?? 0]);
  expect(plain).toBeDefined();
  rig.link('b', 1, rig.refs('b').map(result));
  expect(seen.map(codeOf)).toEqual([true, 'unknown', true]);
});

test('an owner that claims anew has forgotten what it was sent before, and gets it again [COM10] [COM2]', async () => {
  const rig = new EdgeRig();
  await rig.own('a');
  const [numberedOne, plain] = [rig.submit(command(1)), rig.submit()];
  await rig.clock.advance(0);
  await rig.own('a');
  const [first = 0] = rig.refs('a');
  expect(rig.refs('a')).toEqual([first, first + 1, first]);
  expect(codeOf(plain)).toBe('unknown');
  rig.link('a', 1, [result(first)]);
  expect(codeOf(numberedOne)).toBe(true);
});

test('what one owner may have executed is unknown, though the next is never found or takes nothing [SYN6]', async () => {
  const rig = new EdgeRig();
  await rig.own('a');
  const [lost, refused, full] = [rig.submit(command(1)), rig.submit(command(2)), rig.submit(command(3))];
  await rig.clock.advance(0);
  await rig.own('b');
  const [first = 0, second = 0, third = 0] = rig.refs('b');
  rig.notTaken('b', [second], 'overloaded');
  rig.link('b', 1, [{ kind: 'failure', ref: third, failure: { code: 'storageFull', detail: 'no' } }]);
  await rig.own(undefined);
  expect(first).toBeGreaterThan(0);
  await rig.clock.advance(REQUEST_TIMEOUT_MS + 1_000);
  expect([codeOf(lost), codeOf(refused), codeOf(full)]).toEqual(['unknown', 'unknown', 'unknown']);
});

test('one that is no owner sends the request back, and it is tried again [COM2]', async () => {
  const rig = new EdgeRig();
  await rig.own('a');
  const seen = rig.submit();
  await rig.clock.advance(0);
  rig.notTaken('a', rig.refs('a'));
  expect(seen.count).toBe(0);
  await rig.clock.advance(100);
  expect(rig.refs('a')).toHaveLength(2);
});

test('a request that cannot be repeated is with one owner at a time, whatever is said twice or late [COM10]', async () => {
  const rig = new EdgeRig();
  await rig.own('a');
  rig.submit();
  await rig.clock.advance(0);
  const refs = rig.refs('a');
  rig.notTaken('a', refs);
  rig.notTaken('a', refs);
  await rig.own('b');
  await rig.clock.advance(1_000);
  expect(rig.refs('b')).toEqual(refs);
  rig.notTaken('a', refs);
  await rig.clock.advance(1_000);
  expect(rig.refs('b')).toEqual(refs);
});

test('a full bus is overloaded with a time to wait, and so is an edge with too many waiting [LIM9]', async () => {
  const rig = new EdgeRig();
  await rig.own('a');
  rig.full = true;
  const seen = rig.submit();
  await rig.clock.advance(0);
  expect(seen.outcome).toMatchObject({ ok: false, failure: { code: 'overloaded', facts: { retryAfterMs: 1_000 } } });
  rig.full = false;
  for (let i = 0; i < MAX_WAITING; i++) rig.submit();
  expect(codeOf(rig.submit())).toBe('overloaded');
});

test('one who sends again at once when told no does not keep the edge busy for ever [LIM9]', async () => {
  const rig = new EdgeRig();
  await rig.own('a');
  rig.full = true;
  let refusals = 0;
  const insist = (): void =>
    rig.edge.submit(command(1), (outcome) => {
      refusals += 1;
      if (refusals < 10_000 && !outcome.ok && outcome.failure.code !== 'unavailable') insist();
    });
  insist();
  await rig.clock.step(0);
  expect(refusals).toBe(1);
  rig.edge.close();
  expect(refusals).toBe(3);
});

test('requests that ran out of time without an owner leave nothing behind [LIM9]', async () => {
  const rig = new EdgeRig();
  rig.submit();
  await rig.clock.advance(REQUEST_TIMEOUT_MS + 1_000);
  expect(rig.edge.waiting).toBe(0);
  const seen = rig.submit();
  await rig.own('a');
  expect(rig.refs('a')).toHaveLength(1);
  rig.link('a', 1, rig.refs('a').map(result));
  expect(codeOf(seen)).toBe(true);
});

test('a closed edge answers everything, and takes nothing more [SYN6]', async () => {
  const rig = new EdgeRig();
  await rig.own('a');
  const seen = rig.submit();
  await rig.clock.advance(0);
  rig.edge.close();
  expect(codeOf(seen)).toBe('unknown');
  expect(codeOf(rig.submit())).toBe('unavailable');
  await rig.clock.advance(60_000);
  expect(rig.clock.idle).toBe(true);
});

test('items are given in order, and the end of each message is told [COM8]', async () => {
  const rig = new EdgeRig();
  await rig.own('a');
  rig.link('a', 1, [entry, { kind: 'revoked', user: bob, device: 'phone' }]);
  expect(rig.items.map(({ kind }) => kind)).toEqual(['entry', 'revoked']);
  expect(rig.turnEnds).toBe(1);
  expect(rig.resyncs).toEqual([]);
});

test('a gap in the numbers is noticed by the next message, or by the repeated number [COM8]', async () => {
  const rig = new EdgeRig();
  await rig.own('a');
  rig.link('a', 1, [entry]);
  rig.link('a', 2, [entry]);
  rig.link('a', 2, []);
  expect(rig.resyncs).toEqual([]);
  rig.link('a', 4, [entry]);
  expect(rig.resyncs).toEqual([0]);
  rig.link('a', 4, []);
  expect(rig.resyncs).toEqual([0]);
  rig.link('a', 5, []);
  expect(rig.resyncs).toEqual([0, 0]);
  rig.link('a', 5, []);
  rig.link('a', 6, [entry]);
  expect(rig.resyncs).toEqual([0, 0]);
});

test('a lost first message is noticed too [COM8]', async () => {
  const rig = new EdgeRig();
  await rig.own('a');
  rig.link('a', 1, []);
  expect(rig.resyncs).toEqual([0]);
});

test('an owner that took this node for dead and begins a new link is noticed, whatever its number [COM8]', async () => {
  for (const n of [1, 2, 3, 57]) {
    const rig = new EdgeRig();
    await rig.own('a');
    for (let i = 1; i <= 2; i++) rig.link('a', i, [entry]);
    rig.link('a', n, [entry], 'second link of a');
    expect(rig.resyncs).toEqual([0]);
  }
});

test('a new owner is told the routes though it has nothing to say [COM8]', async () => {
  const rig = new EdgeRig();
  await rig.own('a');
  rig.directory.set(0, 'b');
  expect(rig.resyncs).toEqual([0]);
});

test('an old owner that is still talking does not make the edge announce itself again and again [COM8]', async () => {
  const rig = new EdgeRig();
  await rig.own('a');
  rig.link('a', 1, [entry]);
  await rig.own('b');
  rig.link('b', 1, [entry]);
  for (let i = 0; i < 10; i++) {
    rig.link('a', 1, []);
    rig.link('b', 1, []);
  }
  expect(rig.resyncs).toEqual([]);
  // What it says of stored things is true all the same.
  rig.link('a', 2, [entry]);
  expect(rig.items).toHaveLength(3);
});

test('an owner that has fallen silent is noticed once, also if it had nothing to say [COM8]', async () => {
  const rig = new EdgeRig();
  await rig.own('a');
  rig.link('a', 1, [entry]);
  for (let i = 0; i < 5; i++) {
    await rig.clock.advance(1_000);
    rig.link('a', 1, []);
  }
  expect(rig.resyncs).toEqual([]);
  await rig.clock.advance(6_000);
  expect(rig.resyncs).toEqual([0]);
  await rig.clock.advance(60_000);
  expect(rig.resyncs).toEqual([0]);
});
