import { expect, test } from 'bun:test';
import { EPOCH, GatewayRig } from '../../../testing/gateway-rig.ts';
import type { NodeMessage } from '../../../src/pump/messages.ts';

const isEntries = (message: NodeMessage): boolean =>
  message.type === 'link' && message.items.some(({ kind }) => kind === 'entry');

test('a lost link message is noticed within a second: clients are told the heads [COM8, GAT10]', async () => {
  for (const partitions of [1, 4]) {
    const rig = await GatewayRig.open({ partitions });
    const { a, b, conversation } = await rig.pair();
    await rig.clock.advance(2_000);
    let lost = 0;
    rig.lost = (message) => {
      if (!isEntries(message) || lost >= partitions) return false;
      lost += 1;
      return true;
    };
    a.say('message.send', { conversation, text: 'lost on the way' });
    await rig.clock.advance(1_500);
    expect(lost).toBeGreaterThan(0);
    rig.lost = () => false;
    const [head] = b.events('head');
    expect(head).toEqual({ type: 'head', epoch: EPOCH, useq: 4 });
    const pulled = await b.result('sync', { epoch: EPOCH, cursor: 3 });
    expect(pulled.entries).toMatchObject([{ useq: 4, message: { text: 'lost on the way' } }]);
  }
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
