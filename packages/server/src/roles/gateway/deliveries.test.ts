import { expect, test } from 'bun:test';
import { CLOSE_CODES } from '@duolog/protocol';
import { GatewayRig } from '../../../testing/gateway-rig.ts';

test('what one turn has for a connection is one frame: the reply, then its entry [GAT5]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, alice, conversation } = await rig.pair();
  const [sentFrames, gotFrames] = [a.socket.frames.length, b.socket.frames.length];
  const requests = [1, 2, 3].map((n) => ({
    id: 100 + n,
    method: 'message.send',
    params: { conversation, text: `m${n}` },
    outbox: 'o',
    n,
  }));
  a.frame(JSON.stringify(requests));
  await rig.settle();
  expect([a.socket.frames.length - sentFrames, b.socket.frames.length - gotFrames]).toEqual([1, 1]);
  const own = a.news();
  expect(own.map((item) => item.type)).toEqual(['reply', 'reply', 'reply', 'entry', 'entry', 'entry']);
  expect(own.slice(3)).toMatchObject([1, 2, 3].map((n) => ({ kind: 'sent', conversation, seq: n, outbox: 'o', n })));
  expect(b.news()).toMatchObject(
    [1, 2, 3].map((n) => ({ kind: 'message', message: { conversation, seq: n, sender: alice.user, text: `m${n}` } })),
  );
});

test('somebody else’s device gets the message, whatever its id [MSG4]', async () => {
  const rig = await GatewayRig.open();
  const { a, alice, bob, conversation } = await rig.pair();
  const namesake = await rig.join(await rig.addDevice(bob.user, alice.device));
  await rig.settle();
  namesake.news();
  await a.result('message.send', { conversation, text: 'mine' }, { outbox: 'o', n: 1 });
  await rig.settle();
  expect(namesake.news()).toMatchObject([{ kind: 'message', message: { text: 'mine' } }]);
});

test('the sending device gets its place without the text, its sister the message [MSG4]', async () => {
  const rig = await GatewayRig.open();
  const { a, alice, conversation } = await rig.pair();
  const sister = await rig.join(await rig.addDevice(alice.user));
  await rig.settle();
  a.news();
  sister.news();
  await a.result('message.send', { conversation, text: 'mine' }, { outbox: 'o', n: 1 });
  await rig.settle();
  const [own] = a.news().filter((item) => item.type === 'entry');
  const [theirs] = sister.news();
  expect(own).toMatchObject({ kind: 'sent', seq: 1, n: 1 });
  expect(theirs).toMatchObject({ kind: 'message', message: { text: 'mine' } });
  expect((own as { useq: number }).useq).toBe((theirs as { useq: number }).useq);
});

test('live entries carry consecutive numbers from the head in welcome on [SYN2]', async () => {
  const rig = await GatewayRig.open();
  const { b, alice, conversation } = await rig.pair();
  const late = rig.connect();
  const { head } = await late.result('hello', { versions: [1], token: alice.token });
  for (let i = 0; i < 5; i++) await b.result('message.send', { conversation, text: `m${i}` });
  await rig.settle();
  expect(late.entries.map(({ useq }) => useq)).toEqual([1, 2, 3, 4, 5].map((i) => head + i));
});

test('a message of any Unicode arrives as it was sent [MSG2]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, conversation } = await rig.pair();
  const texts = [
    '"quoted" \\ back\u0000\u001f',
    'ä€𝄞👩‍👩‍👧‍👦',
    '\u2028\u2029\u200b',
    '<b>&amp;</b>',
    '{"type":"entry"}',
    ' ',
  ];
  for (const text of texts) await a.result('message.send', { conversation, text });
  await rig.settle();
  expect(
    b.entries.flatMap((entry) => (entry.kind === 'message' ? [entry.message.text] : [])).slice(-texts.length),
  ).toEqual(texts);
});

test('a long text travels as preview and length, and is fetched whole [SYN8]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, conversation } = await rig.pair();
  const text = '𝄞'.repeat(5_000);
  await a.result('message.send', { conversation, text });
  await rig.settle();
  expect(b.news()).toMatchObject([{ message: { text: '𝄞'.repeat(4_096), length: 5_000 } }]);
  expect((await b.result('message.get', { conversation, seq: 1 })).message).toMatchObject({ text });
});

test('a group of 100 gets each message, one frame a turn [GAT5, LIM3]', async () => {
  const rig = await GatewayRig.open({ rates: { messagesPerSecond: 1_000 } });
  const people = [];
  for (let i = 0; i < 100; i++) people.push(await rig.signUp(`user${i}x`));
  const clients = [];
  for (const person of people) clients.push(await rig.join(person));
  const [first] = clients;
  const conversation = 'g.0123456789abcdef';
  await first?.result('group.create', { conversation, name: 'all', members: people.slice(1).map(({ user }) => user) });
  await rig.settle();
  for (const client of clients) client.news();
  for (let i = 0; i < 3; i++) first?.say('message.send', { conversation, text: `m${i}` }, { outbox: 'o', n: i + 1 });
  await rig.settle();
  for (const [index, client] of clients.entries()) {
    const entries = client.news().filter((item) => item.type === 'entry');
    expect(entries).toMatchObject(
      index === 0
        ? [{ kind: 'sent' }, { kind: 'sent' }, { kind: 'sent' }]
        : [0, 1, 2].map((i) => ({ message: { text: `m${i}` } })),
    );
  }
  expect(rig.gateway.counts.entriesOut).toBe(100 * (2 + 3));
});

test('who was removed gets nothing said afterwards [CON4]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, bob } = await rig.pair();
  const conversation = 'g.0123456789abcdef';
  await a.result('group.create', { conversation, name: 'g', members: [bob.user] });
  await a.result('group.remove', { conversation, user: bob.user });
  await rig.settle();
  b.news();
  await a.result('message.send', { conversation, text: 'without you' });
  await rig.settle();
  expect(b.news()).toEqual([]);
  expect((await b.error('message.send', { conversation, text: 'hello?' })).code).toBe('notFound');
  expect((await b.result('message.list', { conversation })).messages.map(({ kind }) => kind)).toEqual([
    'change',
    'change',
  ]);
});

test('a revoked device is told and its connection ended; its sisters stay [GAT12, ACC6]', async () => {
  const rig = await GatewayRig.open();
  const { a, alice } = await rig.pair();
  const other = await rig.addDevice(alice.user);
  const sister = await rig.join(other);
  await rig.settle();
  sister.news();
  await a.result('device.revoke', { device: other.device });
  await rig.settle();
  expect(sister.news()).toMatchObject([{ type: 'entry', kind: 'device', change: 'revoked', device: other.device }]);
  expect(sister.code).toBe(CLOSE_CODES.unauthenticated.code);
  expect(a.code).toBeUndefined();
  await a.result('session.logOut', {});
  await rig.settle();
  expect(a.code).toBe(CLOSE_CODES.unauthenticated.code);
});

test('positions are told to members who watch, and no longer once they watch something else [GAT11]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, bob, conversation } = await rig.pair();
  const own = (await a.result('direct.create', { user: (await a.result('account.get', {})).account.user }))
    .conversation;
  await a.result('message.send', { conversation, text: 'one' });
  await a.result('message.send', { conversation, text: 'two' });
  await b.result('conversation.read', { conversation, seq: 1 });
  await rig.settle();
  expect(a.events('positions')).toEqual([]);
  await a.result('watch', { conversations: [conversation, own] });
  await b.result('conversation.read', { conversation, seq: 2 });
  await rig.settle();
  expect(a.events('positions')).toEqual([{ type: 'positions', conversation, read: { [bob.user]: 2 } }]);
  expect(b.events('positions')).toEqual([]);
  await a.result('watch', { conversations: [own] });
  await a.result('message.send', { conversation, text: 'three' });
  await b.result('conversation.read', { conversation, seq: 3 });
  await rig.settle();
  expect(a.events('positions')).toHaveLength(1);
});

test('watching a conversation that is not one’s own is refused by its place; the others are watched [GAT11, CON9]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, bob, conversation } = await rig.pair();
  const carol = await rig.join(await rig.signUp('carol'));
  const foreign = (await carol.result('direct.create', { user: bob.user })).conversation;
  const error = await a.error('watch', { conversations: [conversation, foreign] });
  expect(error).toMatchObject({ code: 'notFound', field: 'params.conversations[1]' });
  await a.result('message.send', { conversation, text: 'one' });
  await carol.result('message.send', { conversation: foreign, text: 'one' });
  await b.result('conversation.read', { conversation: foreign, seq: 1 });
  await b.result('conversation.read', { conversation, seq: 1 });
  await rig.settle();
  expect(a.events('positions')).toEqual([{ type: 'positions', conversation, read: { [bob.user]: 1 } }]);
});

test('two connections of a user may watch the same; one that leaves takes nothing from the other [GAT11]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, alice, conversation } = await rig.pair();
  const sister = await rig.join(await rig.addDevice(alice.user));
  await a.result('watch', { conversations: [conversation] });
  await sister.result('watch', { conversations: [conversation] });
  sister.vanish();
  await a.result('message.send', { conversation, text: 'one' });
  await b.result('conversation.read', { conversation, seq: 1 });
  await rig.settle();
  expect(a.events('positions')).toHaveLength(1);
});

test('of a user’s connections only those that watch are told positions [GAT11]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, alice, conversation } = await rig.pair();
  const sister = await rig.join(await rig.addDevice(alice.user));
  await sister.result('watch', { conversations: [conversation] });
  await a.result('message.send', { conversation, text: 'one' });
  await b.result('conversation.read', { conversation, seq: 1 });
  await rig.settle();
  expect([a.events('positions').length, sister.events('positions').length]).toEqual([0, 1]);
});

test('who joins, or leaves and comes back, may watch from then on [GAT11, CON8]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, alice, bob } = await rig.pair();
  const conversation = 'g.0123456789abcdef';
  await a.result('group.create', { conversation, name: 'g', members: [] });
  expect((await b.error('watch', { conversations: [conversation] })).code).toBe('notFound');
  await a.result('group.add', { conversation, users: [bob.user] });
  await b.result('watch', { conversations: [conversation] });
  await a.result('conversation.read', { conversation, seq: 2 });
  await rig.settle();
  expect(b.events('positions')).toEqual([{ type: 'positions', conversation, read: { [alice.user]: 2 } }]);
  await b.result('group.leave', { conversation });
  await a.result('conversation.read', { conversation, seq: 3 });
  await a.result('group.add', { conversation, users: [bob.user] });
  await a.result('conversation.read', { conversation, seq: 4 });
  await rig.settle();
  expect(b.events('positions')).toHaveLength(1);
  await b.result('watch', { conversations: [conversation] });
  await a.result('message.send', { conversation, text: 'welcome back' });
  await a.result('conversation.read', { conversation, seq: 5 });
  await rig.settle();
  expect(b.events('positions').slice(1)).toEqual([{ type: 'positions', conversation, read: { [alice.user]: 5 } }]);
});
