import { expect, test } from 'bun:test';
import { alice, asks, bob, group } from '../../testing/people.ts';
import { PumpRig } from '../../testing/pump-rig.ts';
import type { Outcome, SoftRequest } from './messages.ts';

const say = (text: string) => asks(`c/${group}`, alice, { kind: 'send', text });
const remove = asks(`c/${group}`, alice, { kind: 'remove', user: bob });
const add = asks(`c/${group}`, alice, { kind: 'add', users: [bob] });
const read = (seq: number) => asks(`u/${alice}`, alice, { kind: 'read', conversation: group, seq });
const route = (device = 'laptop', on = true): SoftRequest => ({ kind: 'route', user: bob, device, on });
const watch = (on = true): SoftRequest => ({ kind: 'watch', conversation: group, user: bob, on });

/** A group of Alice's with Bob in it, who has a laptop. */
const openGroup = async (window = 1) => {
  const rig = new PumpRig({ window });
  const owner = await rig.openOwner();
  await rig.results(asks('n/bob', bob, { kind: 'signUp', user: bob, name: 'Bob', passwordHash: 'hash' }));
  await rig.results(
    asks(`u/${bob}`, bob, { kind: 'addDevice', device: 'laptop', name: 'Laptop' }),
    asks(`c/${group}`, alice, { kind: 'createGroup', name: 'x', members: [bob] }),
  );
  rig.heard.length = 0;
  return { rig, owner };
};

const headOf = (outcome: Outcome | undefined): unknown =>
  outcome?.ok === true ? (JSON.parse(outcome.result) as { head: number }).head : outcome;
const useqs = (rig: PumpRig): readonly number[] =>
  rig.items.flatMap((item) => (item.kind === 'entry' ? item.useqs : []));

test('a route is answered with the head, and every entry after it is told [COM8] [SYN7]', async () => {
  const { rig } = await openGroup();
  const head = headOf(await rig.soft(route()));
  expect(head).toBe(4);
  await rig.results(say('1'), say('2'));
  expect(useqs(rig)).toEqual([5, 6]);
});

test.each([1, 2])(
  'between the head of a route and the first entry told nothing is missing, whatever is under way (window %i) [COM8] [SYN1]',
  async (window) => {
    const { rig, owner } = await openGroup(window);
    owner.commits.close();
    rig.send(say('1'));
    await rig.clock.advance(0);
    rig.send(say('2'));
    const asked = rig.soft(route());
    await asked;
    rig.send(say('3'));
    await rig.clock.advance(0);
    owner.commits.open();
    await rig.clock.advance(0);
    const answers = [...rig.outcomes.values()].filter((outcome) => outcome.ok && outcome.result.includes('head'));
    const head = Number(headOf(answers.at(-1)));
    const told = useqs(rig);
    expect(told.at(-1)).toBe(7);
    expect(told.filter((useq) => useq > head)).toEqual(Array.from({ length: 7 - head }, (_, i) => head + 1 + i));
  },
);

test('a device that is not signed in gets no route, nor does one that is revoked in the same turn [COM8] [ACC6]', async () => {
  const { rig, owner } = await openGroup();
  expect(await rig.soft(route('stranger'))).toMatchObject({ ok: false, failure: { code: 'unauthenticated' } });
  owner.commits.close();
  rig.send(say('x'));
  await rig.clock.advance(0);
  rig.send(asks(`u/${bob}`, bob, { kind: 'revokeDevice', device: 'laptop' }));
  void rig.soft(route());
  await rig.clock.advance(0);
  owner.commits.open();
  await rig.clock.advance(0);
  expect([...rig.outcomes.values()].at(-1)).toMatchObject({ ok: false, failure: { code: 'unauthenticated' } });
  await rig.results(say('y'));
  expect(rig.items).toEqual([]);
});

test('a revoked device is told so where it is [ACC6] [COM8]', async () => {
  const { rig } = await openGroup();
  await rig.soft(route());
  await rig.results(asks(`u/${bob}`, bob, { kind: 'revokeDevice', device: 'laptop' }));
  expect(rig.items.at(-1)).toEqual({ kind: 'revoked', user: bob, device: 'laptop' });
});

test('a route taken away ends the entries, also that of a device which is not known any more [COM8]', async () => {
  const { rig } = await openGroup();
  await rig.soft(route());
  await rig.results(asks(`u/${bob}`, bob, { kind: 'revokeDevice', device: 'laptop' }));
  rig.heard.length = 0;
  expect(await rig.soft(route('laptop', false))).toMatchObject({ ok: true });
  await rig.results(say('x'));
  expect(rig.items).toEqual([]);
});

test('who watches a conversation is told the positions that move [CON12] [COM8]', async () => {
  const { rig } = await openGroup();
  expect(await rig.soft(watch())).toEqual({ ok: true, result: '{}' });
  await rig.results(say('1'));
  await rig.results(read(2));
  expect(rig.items).toEqual([{ kind: 'positions', conversation: group, read: { [alice]: 2 }, to: [bob] }]);
  await rig.soft(watch(false));
  await rig.results(say('2'));
  await rig.results(read(3));
  expect(rig.items).toHaveLength(1);
});

test('who is no member watches nothing: not before, not after leaving, not when leaving in the same turn [COM8] [CON9]', async () => {
  const { rig, owner } = await openGroup();
  const stranger = { kind: 'watch', conversation: group, user: 'ustranger00000000', on: true } as const;
  expect(await rig.soft(stranger)).toMatchObject({ ok: false, failure: { code: 'notFound' } });
  await rig.soft(watch());
  await rig.results(remove);
  await rig.results(say('1'));
  await rig.results(read(3));
  expect(rig.items).toEqual([]);
  expect(await rig.soft(watch())).toMatchObject({ ok: false, failure: { code: 'notFound' } });
  await rig.results(add);
  owner.commits.close();
  rig.send(say('2'));
  await rig.clock.advance(0);
  void rig.soft(watch());
  rig.send(remove);
  owner.commits.open();
  await rig.clock.advance(0);
  await rig.results(read(4));
  expect(rig.items).toEqual([]);
});

test('with two turns under way a member who leaves in the second does not keep the watch of the first [COM8] [CON4]', async () => {
  const { rig, owner } = await openGroup(2);
  owner.commits.close();
  rig.send(say('1'));
  await rig.clock.advance(0);
  void rig.soft(watch());
  rig.send(remove);
  await rig.clock.advance(0);
  owner.commits.open();
  await rig.clock.advance(0);
  await rig.results(read(2));
  expect(rig.items).toEqual([]);
});

test('who is removed and added again in one turn goes on watching [COM8] [CON8]', async () => {
  const { rig } = await openGroup();
  await rig.soft(watch());
  await rig.results(remove, add);
  await rig.results(read(2));
  expect(rig.items).toMatchObject([{ kind: 'positions', to: [bob] }]);
});

test('a member removed hears of the removal as the last of the conversation, and from joining again of all that follows [CON4] [CON8] [SYN12]', async () => {
  const { rig } = await openGroup();
  await rig.soft(route());
  await rig.results(say('2'), remove, say('4 secret'), add, say('6'));
  const told = rig.items.map((item) =>
    item.kind === 'entry'
      ? (JSON.parse(`{${item.fields}}`) as { kind: string; state?: string; message?: { seq: number } })
      : undefined,
  );
  expect(told.map((entry) => entry?.message?.seq ?? entry?.state)).toEqual([2, 3, 'left', 'joined', 5, 6]);
});

test('an edge that died is told nothing more, until it says again what it holds [COM8]', async () => {
  const { rig, owner } = await openGroup();
  await rig.soft(route());
  owner.worker.forgetEdge('edge');
  rig.heard.length = 0;
  await rig.results(say('1'));
  expect(rig.items).toEqual([]);
  await rig.soft(route());
  await rig.results(say('2'));
  expect(useqs(rig)).toEqual([6]);
});

test('an owner repeats its last number to its edges every second, and not once it has stopped [COM8]', async () => {
  const { rig, owner } = await openGroup();
  await rig.results(say('1'));
  rig.heard.length = 0;
  await rig.clock.advance(3_000);
  expect(rig.links.map(({ items }) => items.length)).toEqual([0, 0, 0]);
  owner.worker.stop();
  await rig.clock.advance(3_000);
  expect(rig.links).toHaveLength(3);
  expect(rig.clock.idle).toBe(true);
});
