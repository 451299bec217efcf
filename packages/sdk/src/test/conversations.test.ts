import { expect, test } from 'bun:test';
import { DuologError } from '@duolog/protocol';
import { memoryCache } from '../cache/memory.ts';
import { settle } from '../testing/index.ts';
import { newStage } from './stage.ts';
import type { Stage } from './stage.ts';

const reads = ({ server }: Stage): unknown[] =>
  server.requests.filter(({ method }) => method === 'conversation.read').map(({ params }) => params);
const group = 'g.aaaaaaaaaaaaaaaaaaaa';

test('unread is what came after the read position, and own messages are read', async () => {
  const stage = newStage();
  const { live, server, clock, alice, bob, direct } = stage;
  const client = await live(alice);
  for (const text of ['a', 'b', 'c']) server.say(bob.user, direct, text);
  await settle();
  expect([client.conversation(direct)?.unread, client.unread]).toEqual([3, 3]);
  client.markRead(direct, 2);
  expect(client.conversation(direct)?.unread).toBe(1);
  await client.send(direct, 'mine').stored;
  await settle();
  expect(client.conversation(direct)).toMatchObject({ unread: 0, readSeq: 4 });
  await clock.advance(2000);
  expect(server.user(alice.user).memberships.get(direct)?.readSeq).toBe(4);
});

test('the read position is told within two seconds, once for many moves', async () => {
  const stage = newStage();
  const { live, server, clock, alice, bob, direct } = stage;
  const client = await live(alice);
  for (let i = 1; i <= 10; i++) {
    server.say(bob.user, direct, `m${i}`);
    await settle();
    client.markRead(direct);
  }
  await clock.advance(2000);
  expect(reads(stage)).toEqual([{ conversation: direct, seq: 10 }]);
});

test('a read position never goes back, and never beyond the last message', async () => {
  const { live, server, alice, bob, direct } = newStage();
  const client = await live(alice);
  for (const text of ['a', 'b', 'c']) server.say(bob.user, direct, text);
  await settle();
  client.markRead(direct, 2);
  client.markRead(direct, 1);
  expect(client.conversation(direct)?.readSeq).toBe(2);
  client.markRead(direct, 900);
  expect(client.conversation(direct)?.readSeq).toBe(3);
});

test('a read on one device clears the badge on the other', async () => {
  const { live, server, clock, alice, bob, direct } = newStage();
  const one = await live(alice);
  const two = await live(server.addDevice(alice.user));
  server.say(bob.user, direct, 'hello');
  await settle();
  expect([one.unread, two.unread]).toEqual([1, 1]);
  one.markRead(direct);
  await clock.advance(2000);
  expect([one.unread, two.unread]).toEqual([0, 0]);
});

test('a day offline leaves one read command for each conversation', async () => {
  const stage = newStage();
  const { live, server, clock, alice, bob, direct } = stage;
  const client = await live(alice);
  for (let i = 1; i <= 30; i++) server.say(bob.user, direct, `m${i}`);
  await settle();
  server.unreachable = true;
  server.cut();
  for (let seq = 1; seq <= 30; seq++) {
    client.markRead(direct, seq);
    await clock.advance(3000);
  }
  expect(client.sendings()).toHaveLength(1);
  server.unreachable = false;
  await clock.advance(31_000);
  expect(reads(stage)).toEqual([{ conversation: direct, seq: 30 }]);
});

test('a position that was not told when the program ended is told by the next', async () => {
  const stage = newStage();
  const { live, client, server, clock, alice, bob, direct } = stage;
  const cache = memoryCache();
  const first = await live(alice, { cache });
  server.say(bob.user, direct, 'hello');
  await settle();
  first.markRead(direct);
  // The program is killed: nothing of it runs any more, and the timer never goes off.
  await settle();
  const copy = memoryCache();
  await copy.write((await cache.list('', '~')).map(([put, value]) => ({ put, value })));
  const second = client(server.addDevice(alice.user), { cache: copy });
  await second.open();
  expect(second.conversation(direct)?.unread).toBe(0);
  await second.live();
  await clock.advance(2000);
  expect(server.user(alice.user).memberships.get(direct)?.readSeq).toBe(1);
});

test('a reset keeps a read position that was not told yet [SYN3]', async () => {
  const { live, server, clock, alice, bob, direct } = newStage();
  const client = await live(alice);
  for (const text of ['a', 'b']) server.say(bob.user, direct, text);
  await settle();
  server.unreachable = true;
  server.cut();
  await settle();
  client.markRead(direct, 1);
  server.expire(alice.user, server.user(alice.user).entries.length);
  server.say(bob.user, direct, 'c');
  server.expire(alice.user, server.user(alice.user).entries.length);
  server.unreachable = false;
  await clock.advance(5000);
  expect(client.conversation(direct)).toMatchObject({ readSeq: 1, lastSeq: 3, unread: 2 });
  expect(server.user(alice.user).memberships.get(direct)?.readSeq).toBe(1);
});

test('a read position of another epoch is not told: it would pass over new messages', async () => {
  const stage = newStage();
  const { live, server, clock, alice, bob, direct } = stage;
  const client = await live(alice);
  const backup = server.backup();
  for (const text of ['a', 'b', 'c']) server.say(bob.user, direct, text);
  await settle();
  server.unreachable = true;
  server.cut();
  await settle();
  client.markRead(direct);
  await clock.advance(5000);
  server.restore(backup);
  server.unreachable = false;
  await clock.advance(20_000);
  server.say(bob.user, direct, 'new');
  await clock.advance(5000);
  expect(client.conversation(direct)).toMatchObject({ lastSeq: 1, unread: 1 });
  expect(reads(stage)).toEqual([]);
});

test('the list has the newest conversation first and stays the same array until something changes', async () => {
  const { live, server, clock, alice, bob, direct } = newStage();
  const client = await live(alice);
  server.run(bob.user, 'group.create', { conversation: group, name: 'Team', members: [alice.user] });
  await clock.advance(1);
  expect(client.conversations.map(({ conversation }) => conversation)).toEqual([group, direct]);
  expect(client.conversations).toBe(client.conversations);
  server.say(bob.user, direct, 'newest');
  await settle();
  expect(client.conversations.map(({ conversation }) => conversation)).toEqual([direct, group]);
  expect(client.conversations[0]?.lastMessage?.text).toBe('newest');
});

test('a group is made, renamed, grown, shrunk and left; every member learns it', async () => {
  const { live, server, alice, bob } = newStage();
  const carol = server.addAccount('carol');
  const client = await live(alice);
  const other = await live(carol);
  const { conversation } = await client.createGroup('Team', [bob.user]).stored;
  await client.addMembers(conversation, [carol.user]).stored;
  await client.renameGroup(conversation, 'Crew').stored;
  await settle();
  expect(other.conversation(conversation)).toMatchObject({
    name: 'Crew',
    state: 'joined',
    joinSeq: 1,
    lastSeq: 3,
    unread: 2,
  });
  const { members } = await client.members(conversation);
  expect(members.map(({ user, role }) => [user, role])).toEqual([
    [alice.user, 'owner'],
    [bob.user, 'member'],
    [carol.user, 'member'],
  ]);
  await client.removeMember(conversation, carol.user).stored;
  await settle();
  expect(other.conversation(conversation)).toMatchObject({ state: 'left', leaveSeq: 4 });
  expect(other.unread).toBe(0);
  await client.leaveGroup(conversation).stored;
  await settle();
  expect(client.conversation(conversation)?.state).toBe('left');
});

test('positions of a watched conversation come live, and watching goes on after a reconnect', async () => {
  const { live, server, clock, alice, bob, direct } = newStage();
  const client = await live(alice);
  client.watch([direct]);
  await client.send(direct, 'one').stored;
  server.run(bob.user, 'conversation.read', { conversation: direct, seq: 1 });
  await settle();
  expect(client.positions(direct)).toMatchObject({ [bob.user]: 1 });
  server.cut();
  await clock.advance(2000);
  await client.send(direct, 'two').stored;
  server.run(bob.user, 'conversation.read', { conversation: direct, seq: 2 });
  await settle();
  expect(client.positions(direct)).toMatchObject({ [bob.user]: 2 });
});

test('watching goes on after one was away, after a server that could not, and beside a group that was left', async () => {
  const { live, server, clock, alice, bob, direct } = newStage();
  const client = await live(alice);
  const alarms: unknown[] = [];
  client.on('alarm', (alarm) => alarms.push(alarm));
  server.run(bob.user, 'group.create', { conversation: group, name: 'Team', members: [alice.user] });
  await settle();
  let refusals = 1;
  server.script('watch', () =>
    refusals-- > 0 ? { error: new DuologError('overloaded', 'later', { retryAfterMs: 500 }) } : undefined,
  );
  client.watch([direct, group]);
  await clock.advance(600);
  expect(server.connection.watched).toEqual([direct, group]);
  server.run(bob.user, 'group.remove', { conversation: group, user: alice.user });
  await settle();
  expect(server.connection.watched).toEqual([direct]);
  server.run(bob.user, 'group.add', { conversation: group, users: [alice.user] });
  await settle();
  expect(server.connection.watched).toEqual([direct, group]);
  expect(alarms).toEqual([]);
});

test('positions do not outlive the server that told them', async () => {
  const { live, server, clock, alice, bob, direct } = newStage();
  const client = await live(alice);
  const backup = server.backup();
  server.say(alice.user, direct, 'one');
  server.run(bob.user, 'conversation.read', { conversation: direct, seq: 1 });
  await settle();
  await client.members(direct);
  expect(client.positions(direct)[bob.user]).toBe(1);
  expect(client.positions(direct)).toBe(client.positions(direct));
  server.restore(backup);
  await clock.advance(5_000);
  expect(client.positions(direct)[bob.user]).toBeUndefined();
});

test('users are asked for once, and known offline', async () => {
  const { live, client, server, alice, bob } = newStage();
  const cache = memoryCache();
  const first = await live(alice, { cache });
  expect((await first.users([bob.user, alice.user, 'uAAAAAAAAAAAAAAAA'])).map(({ handle }) => handle)).toEqual([
    'bob',
    'alice',
  ]);
  await first.users([bob.user]);
  expect(server.requests.filter(({ method }) => method === 'user.get')).toHaveLength(1);
  expect(first.knownUser(bob.user)?.handle).toBe('bob');
  await first.close();
  server.unreachable = true;
  const second = client(alice, { cache });
  await second.open();
  expect((await second.users([bob.user])).map(({ handle }) => handle)).toEqual(['bob']);
});

test('devices are listed and their changes are told', async () => {
  const { live, server, alice } = newStage();
  const client = await live(alice);
  const changes: string[] = [];
  client.on('devices', ({ change }) => changes.push(change));
  const phone = server.addDevice(alice.user, 'phone');
  expect((await client.devices()).map(({ name, current }) => [name, current])).toEqual([
    ['device', true],
    ['phone', false],
  ]);
  await client.revokeDevice(phone.device).stored;
  await settle();
  expect(await client.devices()).toHaveLength(1);
  expect(changes).toEqual(['revoked']);
});

test('another handle is claimed, and one’s own account follows', async () => {
  const { live, alice } = newStage();
  const client = await live(alice);
  expect(client.account).toMatchObject({ handle: 'alice' });
  await client.claimHandle('alicia').stored;
  await settle();
  expect(client.account).toMatchObject({ handle: 'alicia' });
  expect(await client.claimHandle('bob').stored.catch((error: unknown) => error)).toMatchObject({
    code: 'handleTaken',
  });
});

test('a message of a conversation that is not known here makes it known', async () => {
  const { live, server, alice, bob } = newStage();
  const client = await live(alice);
  server.run(bob.user, 'group.create', { conversation: group, name: 'Team', members: [] });
  server.conversation(group).members.set(alice.user, 'member');
  server
    .user(alice.user)
    .memberships.set(group, { state: 'joined', joinSeq: 1, visibleFrom: 2, leaveSeq: undefined, readSeq: 1 });
  server.say(bob.user, group, 'hello');
  await settle();
  expect(client.conversation(group)).toMatchObject({ name: 'Team', lastSeq: 2, unread: 1 });
});
