import { expect, test } from 'bun:test';
import { CLOSE_CODES, newGroupId } from '@duolog/protocol';
import { EPOCH, GatewayRig } from '../../../testing/gateway-rig.ts';

const rates = { messagesPerSecond: 10_000 };
const settings = { requestsPerSecond: 10_000 };
const kib = (count: number): string => 'x'.repeat(count * 1_024);

test('with bytes waiting a client first loses events, but no entries [SYN9]', async () => {
  const rig = await GatewayRig.open({ rates, settings });
  const { a, b, conversation } = await rig.pair();
  await b.result('watch', { conversations: [conversation] });
  b.socket.room = 100;
  await a.result('message.send', { conversation, text: kib(1) });
  await a.result('conversation.read', { conversation, seq: 1 });
  await a.result('message.send', { conversation, text: 'two' });
  await rig.settle();
  expect(b.entries.slice(-2)).toMatchObject([{ message: { seq: 1 } }, { message: { seq: 2 } }]);
  expect(b.events('positions')).toEqual([]);
  expect(rig.gateway.counts.eventsLeftOut).toBe(1);
});

test('with much waiting it loses live entries, and is told the head once it has caught up [SYN9, SYN2, GAT16]', async () => {
  const rig = await GatewayRig.open({ rates, settings });
  const { a, b, conversation } = await rig.pair();
  b.socket.room = 0;
  const send = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await a.result('message.send', { conversation, text: kib(4) });
    await rig.settle();
  };
  await send(80);
  const seen = b.entries.length;
  expect(seen).toBeLessThan(75);
  // Half of it is read: what comes now would only be a gap.
  b.socket.read(200_000);
  b.drained();
  await send(1);
  expect(b.entries.length).toBe(seen);
  expect(b.events('head')).toEqual([]);
  b.socket.read(Infinity);
  b.socket.room = Infinity;
  b.drained();
  await rig.settle();
  const last = b.entries.at(-1)?.useq ?? 0;
  const head = 3 + 81;
  expect(b.events('head')).toEqual([{ type: 'head', epoch: EPOCH, useq: head }]);
  const pulled = await b.result('sync', { epoch: EPOCH, cursor: last });
  expect(pulled.entries.map(({ useq }) => useq)).toEqual(Array.from({ length: head - last }, (_, i) => last + 1 + i));
  await send(1);
  expect(b.entries.at(-1)?.useq).toBe(head + 1);
});

test('what waits for a client that never reads is bounded, then the connection ends with a code that says reconnect [SYN9, GAT16, GAT14]', async () => {
  const rig = await GatewayRig.open({ rates, settings });
  const { a, b, conversation } = await rig.pair();
  for (let i = 0; i < 40; i++) await a.result('message.send', { conversation, text: kib(4) });
  b.socket.room = 0;
  let asked = 0;
  while (b.code === undefined && asked < 2_000) {
    b.say('message.list', { conversation, limit: 40 });
    asked += 1;
    await rig.settle();
  }
  // One page waits and the refusals; the other queries are not read before the client reads.
  expect(b.code).toBeUndefined();
  expect(b.socket.getBufferedAmount()).toBeLessThan(600_000);
  expect(rig.gateway.size).toBe(2);
  for (let i = 0; i < 40; i++) {
    b.beat();
    await rig.clock.advance(1_000);
  }
  expect(b.code).toBe(CLOSE_CODES.slowReader.code);
});

test('what waits for all who do not read is bounded: the one for whom most waits goes first [GAT14, GAT16]', async () => {
  const rig = await GatewayRig.open({ rates, settings: { ...settings, maxTotalWaitingBytes: 700_000 } });
  const { a, b, bob } = await rig.pair();
  const carol = await rig.signUp('carol');
  const c = await rig.join(carol);
  const conversation = newGroupId();
  await a.result('group.create', { conversation, name: 'g', members: [bob.user, carol.user] });
  for (let i = 0; i < 100; i++) await a.result('message.send', { conversation, text: kib(4) });
  for (const [client, limit] of [
    [a, 50],
    [b, 100],
    [c, 50],
  ] as const) {
    expect([a.code, b.code, c.code]).toEqual([undefined, undefined, undefined]);
    client.socket.room = 0;
    client.say('message.list', { conversation, limit });
    await rig.settle();
  }
  expect([a.code, b.code, c.code]).toEqual([undefined, CLOSE_CODES.slowReader.code, undefined]);
  // What waited for it counts no more.
  const d = await rig.join(await rig.signUp('dave'));
  d.socket.room = 0;
  d.say('account.get', {});
  await rig.settle();
  expect([a.code, c.code, d.code]).toEqual([undefined, undefined, undefined]);
});

test('who pings and reads nothing is ended, and so is who pings without end [GAT14]', async () => {
  const rig = await GatewayRig.open({ settings: { requestsPerSecond: 10, maxExcess: 50 } });
  const { a, b, conversation } = await rig.pair();
  for (let i = 0; i < 300 && a.code === undefined; i++) a.ping();
  expect(a.code).toBe(CLOSE_CODES.abuse.code);
  b.socket.room = 0;
  b.say('message.list', { conversation });
  await rig.settle();
  b.ping();
  expect(b.code).toBeUndefined();
  b.socket.send(kib(300));
  b.ping();
  expect(b.code).toBe(CLOSE_CODES.slowReader.code);
});

test('who sends commands and reads no answers is ended at the limit [SYN9, GAT16]', async () => {
  const rig = await GatewayRig.open({ rates, settings: { ...settings, maxSendQueueBytes: 20_000 } });
  const { b, conversation } = await rig.pair();
  b.socket.room = 0;
  for (let i = 0; i < 400 && b.code === undefined; i++) {
    b.say('message.send', { conversation, text: 'x' }, { outbox: 'o', n: i + 1 });
    await rig.settle();
  }
  expect(b.code).toBe(CLOSE_CODES.slowReader.code);
  expect(b.socket.getBufferedAmount()).toBeLessThan(21_000);
});

test('one that reads slowly but steadily is kept [SYN9, GAT16]', async () => {
  const rig = await GatewayRig.open({ rates, settings });
  const { a, b, conversation } = await rig.pair();
  for (let i = 0; i < 50; i++) await a.result('message.send', { conversation, text: kib(4) });
  b.socket.room = 0;
  const id = b.say('message.list', { conversation, limit: 50 });
  await rig.settle();
  expect(b.reply(id)).toBeDefined();
  for (let i = 0; i < 60; i++) {
    b.socket.read(3_000);
    b.beat();
    await rig.clock.advance(1_000);
  }
  expect([b.code, b.socket.getBufferedAmount() > 0]).toEqual([undefined, true]);
});

test('queries that waited for a slow client are answered once it reads [SYN9, GAT16, GAT4]', async () => {
  const rig = await GatewayRig.open({ rates, settings });
  const { b, conversation } = await rig.pair();
  b.socket.room = 0;
  const first = b.say('account.get', {});
  await rig.settle();
  const later = [1, 2, 3, 4, 5, 6, 7].map(() => b.say('message.list', { conversation }));
  await rig.settle();
  expect([b.reply(first) !== undefined, later.some((id) => b.reply(id) !== undefined)]).toEqual([true, false]);
  b.socket.read(Infinity);
  b.socket.room = Infinity;
  b.drained();
  await rig.settle();
  expect(later.every((id) => b.reply(id) !== undefined)).toBe(true);
});

test('one slow member holds nobody else back [SYN9, GAT14]', async () => {
  const rig = await GatewayRig.open({ rates, settings });
  const { a, b, bob } = await rig.pair();
  const carol = await rig.signUp('carol');
  const c = await rig.join(carol);
  const conversation = 'g.0123456789abcdef';
  await a.result('group.create', { conversation, name: 'g', members: [bob.user, carol.user] });
  await rig.settle();
  c.news();
  b.socket.room = 0;
  for (let i = 0; i < 100; i++) await a.result('message.send', { conversation, text: kib(4) });
  await rig.settle();
  expect(c.news()).toHaveLength(100);
  expect(b.socket.getBufferedAmount()).toBeLessThan(300_000);
});

test('a socket that takes nothing any more is ended [SYN9]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, conversation } = await rig.pair();
  b.socket.close(1006, '');
  await a.result('message.send', { conversation, text: 'one' });
  await rig.settle();
  expect(rig.gateway.size).toBe(1);
});

test('a page longer than the send queue may wait while it is read, with replies behind it [SYN9, GAT16]', async () => {
  const rig = await GatewayRig.open({ rates, settings: { ...settings, maxSendQueueBytes: 100_000 } });
  const { a, b, conversation } = await rig.pair();
  for (let i = 0; i < 200; i++) await a.result('message.send', { conversation, text: '\u{1F600}'.repeat(4_096) });
  await rig.settle();
  b.socket.room = 0;
  const pages = [1, 2, 3].map(() => b.say('message.list', { conversation, limit: 200 }));
  await rig.settle();
  expect(b.socket.getBufferedAmount()).toBeGreaterThan(3_000_000);
  for (let i = 0; i < 50; i++) {
    b.socket.read(50_000);
    b.say('message.send', { conversation, text: 'x' });
    await rig.clock.advance(1_000);
  }
  expect(b.code).toBeUndefined();
  b.socket.room = Infinity;
  b.socket.read(Infinity);
  b.drained();
  await rig.settle();
  expect(pages.every((id) => b.reply(id) !== undefined)).toBe(true);
  // Once it has caught up, no more may wait than before.
  b.socket.room = 0;
  for (let i = 0; i < 5_000 && b.code === undefined; i++) {
    b.say('message.send', { conversation, text: 'x' });
    await rig.settle();
  }
  expect(b.code).toBe(CLOSE_CODES.slowReader.code);
  expect(b.socket.getBufferedAmount()).toBeLessThan(101_000);
});
