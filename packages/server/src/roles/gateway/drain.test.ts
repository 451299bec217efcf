import { expect, test } from 'bun:test';
import { CLOSE_CODES } from '@duolog/protocol';
import { GatewayRig } from '../../../testing/gateway-rig.ts';

test('a draining server says bye with a time to come back, then ends all connections [SYN11, GAT13]', async () => {
  const rig = await GatewayRig.open();
  const { a, b } = await rig.pair();
  const unsaid = rig.connect();
  const drained = rig.gateway.drain();
  await rig.clock.run(drained);
  for (const client of [a, b]) {
    const [bye] = client.events('bye');
    expect(bye?.reconnectAfterMs).toBeGreaterThanOrEqual(500);
    expect(bye?.reconnectAfterMs).toBeLessThan(2_000);
    expect(client.code).toBe(CLOSE_CODES.goingAway.code);
  }
  expect(unsaid.code).toBe(CLOSE_CODES.goingAway.code);
  expect([rig.gateway.size, rig.gateway.accepting]).toEqual([0, false]);
  expect(rig.connect().code).toBe(CLOSE_CODES.goingAway.code);
});

test('what is under way is answered before the end; what comes after bye is refused [GAT13]', async () => {
  const rig = await GatewayRig.open();
  const { a, conversation } = await rig.pair();
  const before = a.say('message.send', { conversation, text: 'just in time' });
  const drained = rig.gateway.drain();
  const after = a.say('message.send', { conversation, text: 'too late' });
  await rig.clock.run(drained);
  expect(a.reply(before)).toMatchObject({ result: { seq: 1 } });
  expect(a.reply(after)).toMatchObject({ error: { code: 'unavailable', retry: 'later' } });
  expect(a.items.findIndex(({ type }) => type === 'bye')).toBeLessThan(
    a.items.findIndex((item) => item.type === 'reply' && item.id === before),
  );
});

test('draining does not wait for an owner that answers nothing [GAT13]', async () => {
  const rig = await GatewayRig.open();
  const { a, conversation } = await rig.pair();
  rig.lost = ({ type }) => type === 'submission';
  a.say('message.send', { conversation, text: 'into the void' });
  const startedAt = rig.clock.monotonic();
  await rig.clock.run(rig.gateway.drain());
  expect(rig.clock.monotonic() - startedAt).toBeLessThan(3_100);
  expect(a.code).toBe(CLOSE_CODES.goingAway.code);
});

test('times to come back are spread at random, the wider the more there are [SYN11]', async () => {
  const rig = await GatewayRig.open({ settings: { reconnectsPerSecond: 10 }, random: true });
  const alice = await rig.signUp('alice');
  const clients = [];
  for (let i = 0; i < 20; i++) clients.push(await rig.join(await rig.addDevice(alice.user)).catch(() => undefined));
  await rig.clock.run(rig.gateway.drain());
  const times = clients.flatMap(
    (client) => client?.events('bye').map(({ reconnectAfterMs }) => reconnectAfterMs) ?? [],
  );
  expect(times.length).toBe(19);
  expect(new Set(times).size).toBeGreaterThan(10);
  expect(Math.max(...times)).toBeLessThanOrEqual(500 + 1_900);
  expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(500);
});
