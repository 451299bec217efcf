import { expect, test } from 'bun:test';
import { CLOSE_CODES } from '@duolog/protocol';
import { GatewayRig } from '../../../testing/gateway-rig.ts';
import type { Client } from '../../../testing/gateway-rig.ts';

/** Beats each `everyMs` for so long. */
const keepBeating = async (rig: GatewayRig, client: Client, everyMs: number, forMs: number): Promise<void> => {
  for (let ms = 0; ms < forMs; ms += everyMs) {
    client.beat();
    await rig.clock.advance(everyMs);
  }
};

test('a beat is answered with the newest head known, also for one who was told nothing [SYN7]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, conversation } = await rig.pair();
  b.beat(3);
  expect(b.socket.beats).toEqual([3]);
  await a.result('message.send', { conversation, text: 'one' });
  await rig.settle();
  b.beat(3);
  expect(b.socket.beats).toEqual([3, 4]);
});

test('beats reach no owner and no store [PRE5]', async () => {
  const rig = await GatewayRig.open();
  const { a, b } = await rig.pair();
  const asked: string[] = [];
  rig.lost = ({ type }) => {
    if (type === 'submission') asked.push(type);
    return false;
  };
  const { commands, turns } = rig.node.counters;
  for (let i = 0; i < 12; i++) {
    b.beat();
    await keepBeating(rig, a, 5_000, 5_000);
  }
  expect([asked, rig.node.counters.commands, rig.node.counters.turns]).toEqual([[], commands, turns]);
  expect(rig.gateway.counts.beats).toBe(24);
});

test('a connection is closed after three missed beats, not before [PRE2]', async () => {
  const rig = await GatewayRig.open();
  const alice = await rig.signUp('alice');
  const client = await rig.join(alice);
  await rig.clock.advance(14_900);
  expect(client.code).toBeUndefined();
  client.beat();
  await rig.clock.advance(14_900);
  expect(client.code).toBeUndefined();
  await rig.clock.advance(2_100);
  expect(client.code).toBe(CLOSE_CODES.missedBeats.code);
  expect(rig.gateway.size).toBe(0);
});

test('any frame counts as a beat [PRE1]', async () => {
  const rig = await GatewayRig.open();
  const client = await rig.join(await rig.signUp('alice'));
  for (let i = 0; i < 6; i++) {
    client.say('no.such', {});
    await rig.clock.advance(10_000);
  }
  expect(client.code).toBeUndefined();
});

test('a client in the background beats each 25 s [PRE1]', async () => {
  const rig = await GatewayRig.open();
  const alice = await rig.signUp('alice');
  const client = rig.connect();
  const welcome = await client.result('hello', { versions: [1], token: alice.token, background: true });
  expect(welcome.heartbeatMs).toBe(25_000);
  await rig.clock.advance(74_000);
  expect(client.code).toBeUndefined();
  await rig.clock.advance(3_000);
  expect(client.code).toBe(CLOSE_CODES.missedBeats.code);
});

test('the interval is a setting, told in welcome [PRE1]', async () => {
  const rig = await GatewayRig.open({ settings: { heartbeatMs: 100 } });
  const alice = await rig.signUp('alice');
  const client = rig.connect();
  expect((await client.result('hello', { versions: [1], token: alice.token })).heartbeatMs).toBe(100);
  await keepBeating(rig, client, 100, 2_000);
  expect(client.code).toBeUndefined();
  await rig.clock.advance(600);
  expect(client.code).toBe(CLOSE_CODES.missedBeats.code);
});

test('beats beyond the rate are not answered, and too many end the connection [GAT8]', async () => {
  const rig = await GatewayRig.open({ settings: { requestsPerSecond: 10, maxExcess: 50 } });
  const client = await rig.join(await rig.signUp('alice'));
  for (let i = 0; i < 69; i++) client.beat();
  expect([client.code, client.socket.beats.length]).toEqual([undefined, 19]);
  client.beat();
  expect(client.code).toBe(CLOSE_CODES.abuse.code);
});

test('who was closed for silence is no longer routed: nothing is sent to a dead socket [COM8]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, alice, conversation } = await rig.pair();
  for (let i = 0; i < 4; i++) {
    a.beat();
    await rig.clock.advance(5_000);
  }
  expect(b.code).toBe(CLOSE_CODES.missedBeats.code);
  await rig.settle();
  const told: string[] = [];
  rig.lost = (message) => {
    if (message.type !== 'link') return false;
    for (const item of message.items) if (item.kind === 'entry') told.push(...item.to);
    return false;
  };
  await a.result('message.send', { conversation, text: 'are you there?' });
  expect(told).toEqual([alice.user]);
});
