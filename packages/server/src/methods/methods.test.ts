import { expect, test } from 'bun:test';
import type { MethodName } from '@duolog/protocol';
import { METHODS } from '@duolog/protocol/schema';
import { GatewayRig } from '../../testing/gateway-rig.ts';
import type { Called } from '../../testing/gateway-rig.ts';
import { methods } from './index.ts';

const outbox = 'outbox-1';
const password = 'correct horse';
const ok = <M extends MethodName>(called: Called<M>) => {
  if ('error' in called) throw new Error(JSON.stringify(called.error));
  return called.result;
};
const errorOf = <M extends MethodName>(called: Called<M>) => {
  if ('result' in called) throw new Error(`not refused: ${JSON.stringify(called.result)}`);
  return called.error;
};

test('every method of the protocol has a handler of its kind', () => {
  for (const [name, { kind }] of Object.entries(METHODS))
    expect([name, methods[name as MethodName].kind]).toEqual([name, kind]);
});

test('methods for signed-in devices are refused to everybody else [API4]', async () => {
  const rig = await GatewayRig.open();
  for (const [name, { auth }] of Object.entries(METHODS)) {
    if (auth === 'none') continue;
    const minimal = {
      conversation: 's.u0000000000000000',
      text: 'x',
      seq: 1,
      user: 'u0000000000000000',
      users: ['u0000000000000000'],
      members: [],
      name: 'n',
      handle: 'abc',
      device: 'd',
      cursor: 0,
      conversations: [],
    };
    const params = name.startsWith('group.') ? { ...minimal, conversation: 'g.0123456789abcdef' } : minimal;
    // The params of all methods at once: unknown ones are skipped.
    expect([name, errorOf(await rig.call(name as MethodName, params as never)).code]).toEqual([
      name,
      'unauthenticated',
    ]);
  }
});

test('signing up and logging in gives a token that lets in [ACC1, ACC5]', async () => {
  const rig = await GatewayRig.open();
  const { user } = ok(await rig.call('account.signUp', { handle: 'alice', password }));
  const session = ok(await rig.call('session.logIn', { handle: 'alice', password, deviceName: 'phone' }));
  expect(session.user).toBe(user);
  const client = await rig.join(session);
  expect((await client.result('account.get', {})).account).toEqual({ user, handle: 'alice', name: 'alice' });
  expect((await client.result('device.list', {})).devices).toEqual([
    { device: session.device, name: 'phone', addedAt: expect.any(Number), current: true },
  ]);
});

test('a sign-up repeated with its (outbox, n) is the same user; with another password it is a conflict [ACC2, COM10]', async () => {
  const rig = await GatewayRig.open();
  const first = ok(
    await rig.call('account.signUp', { handle: 'alice', password, name: 'Alice' }, undefined, { outbox, n: 1 }),
  );
  const session = ok(await rig.call('session.logIn', { handle: 'alice', password, deviceName: 'phone' }));
  expect(
    ok(await rig.call('account.signUp', { handle: 'alice', password, name: 'Alice' }, undefined, { outbox, n: 1 })),
  ).toEqual(first);
  expect(
    errorOf(
      await rig.call('account.signUp', { handle: 'alice', password: 'another one', name: 'Alice' }, undefined, {
        outbox,
        n: 1,
      }),
    ).code,
  ).toBe('conflict');
  expect((await rig.join(session)).code).toBeUndefined();
});

test('a handle that somebody holds is taken, also for another outbox [ACC1]', async () => {
  const rig = await GatewayRig.open();
  ok(await rig.call('account.signUp', { handle: 'alice', password }, undefined, { outbox, n: 1 }));
  for (const numbered of [undefined, { outbox: 'outbox-2', n: 1 }]) {
    expect(errorOf(await rig.call('account.signUp', { handle: 'alice', password }, undefined, numbered)).code).toBe(
      'handleTaken',
    );
  }
});

test('logging in again with the same (outbox, n) gives the same device, with another n another one [ACC5]', async () => {
  const rig = await GatewayRig.open();
  ok(await rig.call('account.signUp', { handle: 'alice', password }));
  const logIn = async (n: number) =>
    ok(await rig.call('session.logIn', { handle: 'alice', password, deviceName: 'phone' }, undefined, { outbox, n }));
  const [first, again, second] = [await logIn(1), await logIn(1), await logIn(2)];
  expect(again).toEqual(first);
  expect(second.device).not.toBe(first.device);
  const { devices } = ok(await rig.call('device.list', {}, first));
  expect(devices.map(({ device, current }) => [device, current])).toEqual([
    [first.device, true],
    [second.device, false],
  ]);
});

test('a wrong password and an unknown handle get the same answer after the same work [API5]', async () => {
  const rig = await GatewayRig.open();
  ok(await rig.call('account.signUp', { handle: 'alice', password }));
  const passwords = rig.context.passwords as unknown as { readonly verified: number };
  const answers = [];
  for (const handle of ['alice', 'nobody']) {
    const before = passwords.verified;
    answers.push([
      errorOf(await rig.call('session.logIn', { handle, password: 'wrong password', deviceName: 'x' })),
      passwords.verified - before,
    ]);
  }
  expect(answers[0]).toEqual(answers[1]);
  expect(answers[0]).toMatchObject([{ code: 'badCredentials', retry: 'never' }, 1]);
});

test('a wrong password uses no n up and leaves nothing in the store [API5, COM10]', async () => {
  const rig = await GatewayRig.open();
  ok(await rig.call('account.signUp', { handle: 'alice', password }));
  const { rows } = rig.node.counters;
  expect(
    errorOf(
      await rig.call('session.logIn', { handle: 'alice', password: 'wrong password', deviceName: 'x' }, undefined, {
        outbox,
        n: 1,
      }),
    ).code,
  ).toBe('badCredentials');
  expect(rig.node.counters.rows).toBe(rows);
  expect(
    ok(await rig.call('session.logIn', { handle: 'alice', password, deviceName: 'x' }, undefined, { outbox, n: 1 }))
      .device,
  ).toBeString();
});

test('no password and no hash of one is in what is stored of a command, nor in any log line [API5]', async () => {
  const rig = await GatewayRig.open({ partitions: 1 });
  const stored: string[] = [];
  const write = rig.world.rows.write.bind(rig.world.rows);
  rig.world.rows.write = (partition, rows, stamp) => {
    for (const { key, value } of rows) if (key !== 'account') stored.push(value);
    return write(partition, rows, stamp);
  };
  ok(await rig.call('account.signUp', { handle: 'alice', password }, undefined, { outbox, n: 1 }));
  ok(await rig.call('session.logIn', { handle: 'alice', password, deviceName: 'x' }, undefined, { outbox, n: 1 }));
  expect(stored.length).toBeGreaterThan(3);
  expect([...stored, ...rig.logged].filter((text) => text.includes(password))).toEqual([]);
});

test('logging in waits for an account that is still on its way from its name [ACC5]', async () => {
  const rig = await GatewayRig.open({ partitions: 8 });
  const lost: string[] = [];
  rig.lost = ({ type }) => type === 'parcels' && lost.push(type) === 1;
  for (let i = 0; lost.length === 0; i++) {
    const handle = `user${i}`;
    ok(await rig.call('account.signUp', { handle, password }));
    expect(ok(await rig.call('session.logIn', { handle, password, deviceName: 'x' })).token).toBeString();
  }
});

test('taking another handle frees the old one [ACC3]', async () => {
  const rig = await GatewayRig.open();
  ok(await rig.call('account.signUp', { handle: 'alice', password }));
  const session = ok(await rig.call('session.logIn', { handle: 'alice', password, deviceName: 'x' }));
  ok(await rig.call('handle.claim', { handle: 'alicia' }, session));
  expect(ok(await rig.call('user.find', { handle: 'alicia' }, session)).user).toEqual({
    user: session.user,
    handle: 'alicia',
    name: 'alice',
  });
  expect(errorOf(await rig.call('user.find', { handle: 'alice' }, session)).code).toBe('notFound');
  expect(ok(await rig.call('account.signUp', { handle: 'alice', password })).user).not.toBe(session.user);
  expect(errorOf(await rig.call('handle.claim', { handle: 'alice' }, session)).code).toBe('handleTaken');
});

test('users are found by id; those who do not exist are left out', async () => {
  const rig = await GatewayRig.open();
  const [alice, bob] = [await rig.signUp('alice'), await rig.signUp('bob')];
  const { users } = ok(
    await rig.call('user.get', { users: [bob.user, 'unobody0000000000', alice.user, bob.user] }, alice),
  );
  expect(users.map(({ handle }) => handle)).toEqual(['bob', 'alice']);
});

test('discovery gives chat servers and a ticket that lets in [API9]', async () => {
  const rig = await GatewayRig.open();
  const alice = await rig.signUp('alice');
  const { servers, ticket } = ok(await rig.call('server.find', {}, alice));
  expect(servers).toEqual(['ws://127.0.0.1/v1/connect']);
  expect((await rig.connect().result('hello', { versions: [1], ticket })).device).toBe(alice.device);
});

test('the conversation with oneself and the one with somebody have one id, whoever begins [CON1, CON2]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, alice, bob, conversation } = await rig.pair();
  expect(await b.result('direct.create', { user: alice.user })).toEqual({ conversation });
  const own = await a.result('direct.create', { user: alice.user });
  expect(own.conversation).toBe(`s.${alice.user}`);
  expect((await a.error('message.send', { conversation: `s.${bob.user}`, text: 'x' })).code).toBe('notFound');
  expect((await a.result('message.send', { conversation: own.conversation, text: 'note' })).seq).toBe(1);
});

test('a read position beyond the end counts as the end, so what is said later is unread [CON12]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, conversation } = await rig.pair();
  await a.result('message.send', { conversation, text: 'one' });
  expect(await b.result('conversation.read', { conversation, seq: 1_000 })).toEqual({ seq: 1 });
  await a.result('message.send', { conversation, text: 'two' });
  const page = await b.result('conversation.list', {});
  expect(page.conversations[0]).toMatchObject({ conversation, readSeq: 1, lastSeq: 2, lastMessage: { text: 'two' } });
  expect(await b.result('conversation.read', { conversation, seq: 2 })).toEqual({ seq: 2 });
  expect(await b.result('conversation.read', { conversation, seq: 1 })).toEqual({ seq: 2 });
});

test('for who is no member there is no conversation, by whatever method [CON9]', async () => {
  const rig = await GatewayRig.open();
  const { a, conversation } = await rig.pair();
  await a.result('message.send', { conversation, text: 'secret' });
  const carol = await rig.signUp('carol');
  for (const id of [conversation, 'g.0123456789abcdef', 'd.u0000000000000000.u0000000000000001']) {
    const refusals = [
      await rig.call('message.send', { conversation: id, text: 'x' }, carol),
      await rig.call('message.list', { conversation: id }, carol),
      await rig.call('message.get', { conversation: id, seq: 1 }, carol),
      await rig.call('conversation.get', { conversation: id }, carol),
      await rig.call('conversation.read', { conversation: id, seq: 1 }, carol),
    ];
    expect([id, refusals.map((called) => errorOf<MethodName>(called).code)]).toEqual([
      id,
      refusals.map(() => 'notFound'),
    ]);
  }
});

test('history comes in pages in both directions, in order of seq [MSG5]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, conversation } = await rig.pair();
  for (let i = 1; i <= 9; i++) await a.result('message.send', { conversation, text: `m${i}` });
  const seqs = async (page: { before?: number; after?: number; limit?: number }) => {
    const { messages, more, lastSeq } = await b.result('message.list', { conversation, ...page });
    return [messages.map(({ seq }) => seq), more, lastSeq];
  };
  expect(await seqs({ limit: 4 })).toEqual([[6, 7, 8, 9], true, 9]);
  expect(await seqs({ before: 6, limit: 4 })).toEqual([[2, 3, 4, 5], true, 9]);
  expect(await seqs({ before: 2, limit: 4 })).toEqual([[1], false, 9]);
  expect(await seqs({ after: 7, limit: 1 })).toEqual([[8], true, 9]);
  expect(await seqs({ after: 8 })).toEqual([[9], false, 9]);
});

test('sync answers a run after the cursor in pages, up to the head at least [SYN3, COM8]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, conversation } = await rig.pair();
  for (let i = 1; i <= 7; i++) await a.result('message.send', { conversation, text: `m${i}` });
  const first = await b.result('sync', { epoch: rig.context.queries.epoch, cursor: 2, limit: 5 });
  expect([first.state, first.head, first.more, first.entries.map(({ useq }) => useq)]).toEqual([
    'run',
    10,
    true,
    [3, 4, 5, 6, 7],
  ]);
  const second = await b.result('sync', { epoch: first.epoch, cursor: 7, limit: 5 });
  expect([second.more, second.entries.map(({ useq }) => useq)]).toEqual([false, [8, 9, 10]]);
});

test('a hole that a client tells of is counted [SYN12]', async () => {
  const rig = await GatewayRig.open();
  const { a, conversation } = await rig.pair();
  const asked = { conversation, after: 0, limit: 1 };
  const page = await a.result('message.list', asked);
  expect(await a.result('message.list', { ...asked, hole: false })).toEqual(page);
  expect(rig.metrics.text()).toContain('\nduolog_holes_total 0\n');
  expect(await a.result('message.list', { ...asked, hole: true })).toEqual(page);
  expect(rig.metrics.text()).toContain('\nduolog_holes_total 1\n');
});

test('another epoch and a cursor beyond the head get a reset [SYN3]', async () => {
  const rig = await GatewayRig.open();
  const { b } = await rig.pair();
  for (const cursor of [
    { epoch: 'other', cursor: 1 },
    { cursor: 2 },
    { epoch: rig.context.queries.epoch, cursor: 99 },
  ]) {
    expect(await b.result('sync', cursor)).toMatchObject({ state: 'reset', head: 3, entries: [], more: false });
  }
});

test('resets are let in by a bucket, runs are not counted [SYN3]', async () => {
  const rig = await GatewayRig.open({ rates: { resetsPerSecond: 1 } });
  const { b } = await rig.pair();
  const states = [];
  for (let i = 0; i < 6; i++) {
    const reply = await b.ask('sync', { epoch: 'other', cursor: 1 });
    states.push('error' in reply ? reply.error.code : reply.result.state);
  }
  expect(states).toEqual(['reset', 'reset', 'reset', 'reset', 'rateLimited', 'rateLimited']);
  expect(await b.error('sync', { epoch: 'other', cursor: 1 })).toMatchObject({
    retry: 'later',
    retryAfterMs: expect.any(Number),
  });
  expect((await b.result('sync', { epoch: rig.context.queries.epoch, cursor: 0 })).state).toBe('run');
  await rig.clock.advance(1_000);
  expect((await b.result('sync', { epoch: 'other', cursor: 1 })).state).toBe('reset');
});

test('a store that is behind is asked again until it has what the edge has heard of [COM8, SYN3]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, conversation } = await rig.pair();
  await a.result('message.send', { conversation, text: 'new' });
  await rig.settle();
  const { queries } = rig.context;
  let behind = 5;
  rig.behind = (page) =>
    behind-- > 0 && page.state === 'run' ? { ...page, head: 3, entries: '', count: 0, more: false } : page;
  const pulled = await b.result('sync', { epoch: queries.epoch, cursor: 3 });
  expect([pulled.head, pulled.entries.length]).toEqual([4, 1]);
  behind = 1_000;
  expect(await b.error('sync', { epoch: queries.epoch, cursor: 3 })).toMatchObject({
    code: 'unavailable',
    retry: 'later',
  });
});

test('one user who begins anew again and again keeps nobody else from it [SYN3]', async () => {
  const rig = await GatewayRig.open({ rates: { resetsPerSecond: 10 } });
  const { a, b } = await rig.pair();
  const begin = { epoch: 'other', cursor: 1 };
  const codes = [];
  for (let i = 0; i < 100; i++) {
    const reply = await a.ask('sync', begin);
    codes.push('error' in reply ? reply.error.code : reply.result.state);
  }
  // Once for each device one may have.
  expect(codes.filter((code) => code === 'reset')).toHaveLength(20);
  expect((await b.result('sync', begin)).state).toBe('reset');
});
