import { expect, test } from 'bun:test';
import { EPOCH, GatewayRig } from '../../../testing/gateway-rig.ts';
import type { NodeMessage } from '../../../src/pump/messages.ts';

const isEntries = (message: NodeMessage): boolean =>
  message.type === 'link' && message.items.some(({ kind }) => kind === 'entry');

/** Whether the message tells this user of an entry. */
const tells = (message: NodeMessage, user: string): boolean =>
  message.type === 'link' && message.items.some((item) => item.kind === 'entry' && item.to.includes(user));

test('a lost link message is noticed within a second: clients are told the heads [COM8, GAT10]', async () => {
  for (const partitions of [1, 4]) {
    const rig = await GatewayRig.open({ partitions });
    const { a, b, bob, conversation } = await rig.pair();
    await rig.clock.advance(2_000);
    let lost = 0;
    rig.lost = (message) => {
      if (lost > 0 || !tells(message, bob.user)) return false;
      lost += 1;
      return true;
    };
    a.say('message.send', { conversation, text: 'lost on the way' });
    await rig.clock.advance(1_500);
    expect(lost).toBe(1);
    expect(b.events('head')).toEqual([{ type: 'head', epoch: EPOCH, useq: 4 }]);
    const pulled = await b.result('sync', { epoch: EPOCH, cursor: 3 });
    expect(pulled.entries).toMatchObject([{ useq: 4, message: { text: 'lost on the way' } }]);
  }
});

test('a new owner is told at once who is here and what they watch [COM8, GAT10]', async () => {
  const rig = await GatewayRig.open({ apart: true });
  const { a, b, bob, conversation } = await rig.pair();
  await a.result('watch', { conversations: [conversation] });
  const second = await rig.startWorker('second');
  await rig.clock.advance(8_000);
  for (const client of [a, b]) client.beat();
  await rig.clock.run(rig.stopWorker('first'));
  for (let i = 0; i < 12; i++) {
    await rig.clock.advance(1_000);
    for (const client of [a, b]) client.beat();
  }
  b.news();
  await a.result('message.send', { conversation, text: 'to the new owner' });
  await b.result('conversation.read', { conversation, seq: 1 });
  await rig.settle();
  expect(b.news().filter(({ type }) => type === 'entry')).toMatchObject([
    { message: { text: 'to the new owner' } },
    { kind: 'read' },
  ]);
  expect(a.events('positions')).toEqual([{ type: 'positions', conversation, read: { [bob.user]: 1 } }]);
  expect(second.counters.commands).toBe(2);
});

test('who missed nothing is told nothing [GAT10]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, conversation } = await rig.pair();
  const carol = await rig.join(await rig.signUp('carol'));
  await rig.clock.advance(2_000);
  rig.lost = isEntries;
  a.say('message.send', { conversation, text: 'x' });
  await rig.settle();
  rig.lost = () => false;
  await rig.clock.advance(1_500);
  expect([b.events('head').length, carol.events('head').length]).toEqual([1, 0]);
});

test('after a gap, live entries and positions come as before [COM8]', async () => {
  const rig = await GatewayRig.open({ partitions: 4 });
  const { a, b, bob, conversation } = await rig.pair();
  await a.result('watch', { conversations: [conversation] });
  await rig.clock.advance(2_000);
  rig.lost = isEntries;
  a.say('message.send', { conversation, text: 'x' });
  await rig.clock.advance(1_500);
  rig.lost = () => false;
  await rig.clock.advance(2_000);
  b.news();
  await a.result('message.send', { conversation, text: 'y' });
  await b.result('conversation.read', { conversation, seq: 2 });
  await rig.settle();
  expect(b.news()).toMatchObject([
    { type: 'entry', message: { text: 'y' } },
    { type: 'reply' },
    { type: 'entry', kind: 'read' },
  ]);
  expect(a.events('positions').at(-1)).toEqual({ type: 'positions', conversation, read: { [bob.user]: 2 } });
});

test('a device revoked while the link was down is ended when it is announced again [COM8, ACC6]', async () => {
  const rig = await GatewayRig.open();
  const { a, alice } = await rig.pair();
  const other = await rig.addDevice(alice.user);
  const sister = await rig.join(other);
  await rig.clock.advance(2_000);
  rig.lost = (message) => message.type === 'link' && message.items.some(({ kind }) => kind === 'revoked');
  a.say('device.revoke', { device: other.device });
  await rig.settle();
  expect(sister.code).toBeUndefined();
  rig.lost = () => false;
  await rig.clock.advance(1_500);
  expect(sister.code).toBeDefined();
  expect(a.code).toBeUndefined();
});

test('announcing again is paced, and reaches everybody [COM8]', async () => {
  const rig = await GatewayRig.open();
  const users = [];
  for (let i = 0; i < 600; i++) users.push(await rig.signUp(`u${i}x`));
  for (const user of users) await rig.join(user);
  const sizes: number[] = [];
  const announced = new Set<string>();
  rig.lost = (message) => {
    if (message.type !== 'submission') return false;
    const routes = message.requests.flatMap((request) =>
      'soft' in request && request.soft.kind === 'route' ? [request.soft.user] : [],
    );
    if (routes.length > 0) sizes.push(routes.length);
    for (const user of routes) announced.add(user);
    return false;
  };
  rig.gateway.counts.resyncs = 0;
  let dropped = false;
  const count = rig.lost;
  rig.lost = (message) => {
    if (!dropped && message.type === 'link' && message.items.length > 0) return (dropped = true);
    return count(message);
  };
  rig.node.edge.ask({ kind: 'route', user: users[0]?.user ?? '', device: 'none', on: false }, () => undefined);
  await rig.clock.advance(3_000);
  expect(rig.gateway.counts.resyncs).toBe(1);
  expect(announced.size).toBe(600);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(256);
});

test('what was overtaken on its way does not unroute a device that is back [COM8]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, bob, conversation } = await rig.pair();
  let late: NodeMessage | undefined;
  rig.lost = (message) => {
    if (late !== undefined || message.type !== 'submission') return false;
    if (!message.requests.some((request) => 'soft' in request && request.soft.kind === 'route' && !request.soft.on))
      return false;
    late = message;
    return true;
  };
  b.vanish();
  await rig.settle();
  const back = await rig.join(bob);
  if (late === undefined) throw new Error('nothing was held back');
  rig.deliver('gateway', late);
  await rig.settle();
  back.news();
  await a.result('message.send', { conversation, text: 'welcome back' });
  await rig.settle();
  expect(back.news()).toMatchObject([{ type: 'entry', message: { text: 'welcome back' } }]);
});

test('a device that is replaced stays routed all the time, one that leaves is not, nor is what it watched [COM8]', async () => {
  const rig = await GatewayRig.open();
  const { a, alice, conversation } = await rig.pair();
  await a.result('watch', { conversations: [conversation] });
  const withdrawn: string[] = [];
  rig.lost = (message) => {
    if (message.type !== 'submission') return false;
    for (const request of message.requests)
      if ('soft' in request && !request.soft.on) withdrawn.push(request.soft.kind);
    return false;
  };
  const again = await rig.join(alice);
  await rig.settle();
  expect(withdrawn).toEqual(['watch']);
  again.vanish();
  await rig.settle();
  expect(withdrawn).toEqual(['watch', 'route']);
});

test('a watch that was refused is not tried again behind the client’s back [GAT11]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, bob } = await rig.pair();
  const conversation = 'g.0123456789abcdef';
  await a.result('group.create', { conversation, name: 'g', members: [] });
  expect((await b.error('watch', { conversations: [conversation] })).code).toBe('notFound');
  await a.result('group.add', { conversation, users: [bob.user] });
  await rig.clock.advance(2_000);
  rig.lost = (message) => tells(message, bob.user);
  a.say('message.send', { conversation, text: 'x' });
  await rig.clock.advance(1_500);
  rig.lost = () => false;
  await rig.clock.advance(1_500);
  expect(b.events('head')).toHaveLength(1);
  await a.result('conversation.read', { conversation, seq: 3 });
  await rig.settle();
  expect(b.events('positions')).toEqual([]);
});
