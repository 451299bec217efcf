import { expect, test } from 'bun:test';
import { CLOSE_CODES, LIMITS, newGroupId } from '@duolog/protocol';
import { GatewayRig } from '../../../testing/gateway-rig.ts';

const outbox = 'outbox-1';

test('a frame may hold many requests; each gets one reply under its id [GAT4]', async () => {
  const rig = await GatewayRig.open();
  const { a, conversation } = await rig.pair();
  const requests = Array.from({ length: 64 }, (_, i) => ({
    id: 1_000 + i,
    method: i % 2 === 0 ? 'account.get' : 'message.list',
    params: i % 2 === 0 ? {} : { conversation },
  }));
  a.frame(JSON.stringify(requests));
  await rig.settle();
  const ids = a.news().map((item) => (item.type === 'reply' ? item.id : 0));
  expect(ids.toSorted((x, y) => x - y)).toEqual(requests.map(({ id }) => id));
});

test('an empty array and one of 65 requests are no frames [GAT4, LIM5]', async () => {
  const rig = await GatewayRig.open();
  const alice = await rig.signUp('alice');
  for (const count of [0, 65]) {
    const client = await rig.join(alice);
    client.frame(JSON.stringify(Array.from({ length: count }, (_, id) => ({ id, method: 'account.get', params: {} }))));
    expect(client.code).toBe(CLOSE_CODES.badFrame.code);
  }
});

test('what is no JSON, and a request without a readable id, ends the connection [GAT7]', async () => {
  const rig = await GatewayRig.open();
  const alice = await rig.signUp('alice');
  const method = '"method":"account.get","params":{}';
  const ids = ['-1', '1.5', '"1"', 'null', '9007199254740992', '1e400', '[1]', '{}', 'true'];
  const frames = [
    '',
    '{',
    'null',
    '1',
    '"x"',
    '[[]]',
    '[1]',
    'ä',
    '\u0000',
    `{${method}}`,
    `{"__proto__":{"id":1},${method}}`,
  ];
  for (const frame of [...frames, ...ids.map((id) => `{"id":${id},${method}}`)]) {
    const client = await rig.join(alice);
    client.news();
    client.frame(frame);
    await rig.settle();
    expect([frame, client.code, client.news()]).toEqual([frame, CLOSE_CODES.badFrame.code, []]);
  }
});

test('bytes that are no beat end the connection [GAT7]', async () => {
  const rig = await GatewayRig.open();
  const alice = await rig.signUp('alice');
  const beatLike = (type: number, position: number): Uint8Array => {
    const bytes = new Uint8Array(9);
    bytes[0] = type;
    new DataView(bytes.buffer).setFloat64(1, position);
    return bytes;
  };
  const frames = [
    new Uint8Array(0),
    new Uint8Array(8),
    new Uint8Array(10),
    beatLike(2, 0),
    beatLike(1, -1),
    beatLike(1, Number.NaN),
    beatLike(1, 0.5),
    beatLike(1, Infinity),
  ];
  for (const frame of frames) {
    const client = await rig.join(alice);
    client.frame(frame);
    expect(client.code).toBe(CLOSE_CODES.badFrame.code);
  }
});

test('other malformed requests are answered, naming the field [GAT7]', async () => {
  const rig = await GatewayRig.open();
  const { a, conversation } = await rig.pair();
  const send = { conversation, text: 'hi' };
  const cases: readonly (readonly [request: object, code: string, field: string | undefined])[] = [
    [{ params: {} }, 'invalid', 'method'],
    [{ method: 7, params: {} }, 'invalid', 'method'],
    [{ method: 'toString', params: {} }, 'unknownMethod', 'method'],
    [{ method: '__proto__', params: {} }, 'unknownMethod', 'method'],
    [{ method: 'account.signUp', params: { handle: 'eve', password: 'password' } }, 'invalid', 'method'],
    [{ method: 'message.send' }, 'invalid', 'params.conversation'],
    [{ method: 'message.send', params: [] }, 'invalid', 'params'],
    [{ method: 'message.send', params: { ...send, text: '\uD800' } }, 'invalid', 'params.text'],
    [{ method: 'message.send', params: { ...send, conversation: 'd.not-one' } }, 'invalid', 'params.conversation'],
    [{ method: 'message.send', params: send, outbox }, 'invalid', 'n'],
    [{ method: 'message.send', params: send, n: 1 }, 'invalid', 'outbox'],
    [{ method: 'message.send', params: send, outbox, n: 0 }, 'invalid', 'n'],
    [{ method: 'message.send', params: send, outbox: 'ä', n: 1 }, 'invalid', 'outbox'],
    [{ method: 'account.get', params: {}, outbox, n: 1 }, 'invalid', 'outbox'],
  ];
  for (const [index, [request, code, field]] of cases.entries()) {
    a.frame(JSON.stringify({ id: 500 + index, ...request }));
    await rig.settle();
    expect([request, a.reply(500 + index)]).toEqual([
      request,
      expect.objectContaining({ error: expect.objectContaining({ code, field }) }),
    ]);
  }
  expect(a.code).toBeUndefined();
});

test('a malformed command uses no n up [GAT7, COM10]', async () => {
  const rig = await GatewayRig.open();
  const { a, conversation } = await rig.pair();
  expect((await a.error('message.send', { conversation, text: '' }, { outbox, n: 1 })).code).toBe('invalid');
  expect((await a.result('message.send', { conversation, text: 'first' }, { outbox, n: 1 })).seq).toBe(1);
});

test('unknown properties are skipped, also those named like parts of objects [GAT7]', async () => {
  const rig = await GatewayRig.open();
  const { a, conversation } = await rig.pair();
  a.frame(
    `{"id":900,"method":"message.send","__proto__":{"n":5},"constructor":1,"params":{"conversation":"${conversation}","text":"ok","__proto__":{"text":"no"},"later":[1]}}`,
  );
  await rig.settle();
  expect(a.reply(900)).toMatchObject({ result: { seq: 1 } });
  expect(({} as { n?: number }).n).toBeUndefined();
});

test('after many malformed requests the connection is ended; with time they are forgiven [GAT7]', async () => {
  const rig = await GatewayRig.open();
  const alice = await rig.signUp('alice');
  const hasty = await rig.join(alice);
  for (let i = 0; i <= 64; i++) hasty.say('no.such', {});
  expect(hasty.code).toBe(CLOSE_CODES.abuse.code);
  const patient = await rig.join(alice);
  for (let round = 0; round < 8; round++) {
    for (let i = 0; i < 25; i++) patient.say('no.such', {});
    for (let s = 0; s < 8; s++) {
      await rig.clock.advance(4_000);
      patient.beat();
    }
  }
  expect(patient.code).toBeUndefined();
});

test('a frame over 2 MiB in UTF-8 ends the connection, one just below is answered [GAT9, LIM5]', async () => {
  const rig = await GatewayRig.open();
  const alice = await rig.signUp('alice');
  const frameOf = (bytes: number): string => {
    const conversation = newGroupId();
    const head = `{"id":9,"method":"group.create","params":{"conversation":"${conversation}","name":"g","members":[],"x":"`;
    return `${head}${'€'.repeat(Math.floor((bytes - head.length - 3) / 3))}"}}`;
  };
  const small = await rig.join(alice);
  small.frame(frameOf(LIMITS.maxFrameBytes));
  await rig.settle();
  expect(small.reply(9)).toMatchObject({ result: {} });
  for (const frame of [frameOf(LIMITS.maxFrameBytes + 8), 'x'.repeat(LIMITS.maxFrameBytes + 1)]) {
    const client = await rig.join(alice);
    client.frame(frame);
    expect(client.code).toBe(CLOSE_CODES.tooLarge.code);
  }
});

test('99,999 code points are taken and 100,000 refused with the limit [LIM2, LIM1]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, conversation } = await rig.pair();
  const text = '😀'.repeat(99_999);
  expect((await a.result('message.send', { conversation, text })).seq).toBe(1);
  expect((await b.result('message.get', { conversation, seq: 1 })).message.text).toBe(text);
  const error = await a.error('message.send', { conversation, text: `${text}x` });
  expect(error).toMatchObject({ code: 'invalid', field: 'params.text', limit: 'maxTextLength', max: 99_999 });
});

test('beyond its rate a connection gets rateLimited, and goes on after the time named [GAT8]', async () => {
  const rig = await GatewayRig.open({ settings: { requestsPerSecond: 10 } });
  const client = await rig.join(await rig.signUp('alice'));
  const codes: string[] = [];
  for (let i = 0; i < 30; i++) {
    const reply = await client.ask('account.get', {});
    codes.push('error' in reply ? reply.error.code : 'ok');
  }
  expect(codes.filter((code) => code === 'ok')).toHaveLength(19);
  expect(await client.error('account.get', {})).toMatchObject({
    code: 'rateLimited',
    retry: 'later',
    retryAfterMs: 1_000,
  });
  await rig.clock.advance(1_000);
  expect((await client.ask('account.get', {})).type).toBe('reply');
  expect((await client.result('account.get', {})).account.handle).toBe('alice');
});

test('who goes on beyond the rate is ended [GAT8]', async () => {
  const rig = await GatewayRig.open({ settings: { requestsPerSecond: 10, maxExcess: 100 } });
  const client = await rig.join(await rig.signUp('alice'));
  for (let i = 0; i < 119; i++) client.say('account.get', {});
  expect(client.code).toBeUndefined();
  client.say('account.get', {});
  client.say('account.get', {});
  expect(client.code).toBe(CLOSE_CODES.abuse.code);
});

test('long requests count as several [GAT8]', async () => {
  const rig = await GatewayRig.open({ settings: { requestsPerSecond: 100 } });
  const client = await rig.join(await rig.signUp('alice'));
  const long = { name: 'g', members: [], x: 'x'.repeat(1_600_000) };
  const ids = [0, 1, 2, 3].map(() => client.say('group.create', { ...long, conversation: newGroupId() }));
  await rig.settle();
  expect(ids.map((id) => 'error' in (client.reply(id) ?? {}))).toEqual([false, false, false, true]);
});

test('long answers count as several, so that nobody makes the server read and send without end [GAT8]', async () => {
  const rig = await GatewayRig.open({ settings: { requestsPerSecond: 100 }, rates: { messagesPerSecond: 1_000 } });
  const { a, b, conversation } = await rig.pair();
  for (let i = 0; i < 80; i++) await a.result('message.send', { conversation, text: '\u0001'.repeat(4_096) });
  await rig.settle();
  // A page ends at half a million characters: 32 requests' worth, of which 200 may come at once.
  const pages = [];
  for (let i = 0; i < 10; i++) {
    const reply = await b.ask('message.list', { conversation });
    pages.push('error' in reply ? reply.error.code : reply.result.messages.length);
  }
  expect(pages.slice(0, 6)).toEqual([21, 21, 21, 21, 21, 21]);
  expect(pages.slice(8)).toEqual(['rateLimited', 'rateLimited']);
  await rig.clock.advance(2_000);
  expect((await b.result('message.list', { conversation, limit: 1 })).messages).toHaveLength(1);
});

test('a list of conversations counts for the time it takes to make [GAT8]', async () => {
  const rig = await GatewayRig.open({ settings: { requestsPerSecond: 20 }, rates: { conversationsPerMinute: 1_000 } });
  const alice = await rig.signUp('alice');
  const client = await rig.join(alice);
  for (let i = 0; i < 100; i++) {
    await client.result('group.create', { conversation: newGroupId(), name: 'x'.repeat(64), members: [] });
    await rig.clock.advance(100);
  }
  await rig.clock.advance(4_000);
  const codes = [];
  for (let i = 0; i < 5; i++) {
    const reply = await client.ask('conversation.list', {});
    codes.push('error' in reply ? reply.error.code : reply.result.conversations.length);
  }
  expect(codes[0]).toBe(100);
  expect(codes.slice(3)).toEqual(['rateLimited', 'rateLimited']);
});

test('a query that is longer than any has to be is refused, since queries may have to wait [GAT14]', async () => {
  const rig = await GatewayRig.open();
  const client = await rig.join(await rig.signUp('alice'));
  const x = 'x'.repeat(9_000);
  expect(await client.error('account.get', { x })).toMatchObject({ code: 'invalid', field: 'params' });
  expect(await client.error('watch', { conversations: [], x })).toMatchObject({ code: 'invalid' });
});

test('a frame that is dear to parse is refused unread, and ends the connection if it does not begin with an id [GAT7]', async () => {
  const rig = await GatewayRig.open();
  const alice = await rig.signUp('alice');
  const asking = await rig.join(alice);
  asking.frame(`{"id":77,"method":"account.get","params":${'['.repeat(100_000)}${']'.repeat(100_000)}}`);
  await rig.settle();
  expect(asking.reply(77)).toMatchObject({ error: { code: 'invalid', field: 'params' } });
  expect((await asking.result('account.get', {})).account.handle).toBe('alice');
  for (let i = 0; i < 64; i++) asking.frame(`{"id":${100 + i},"x":${'['.repeat(20_000)}`);
  expect(asking.code).toBe(CLOSE_CODES.abuse.code);
  for (const frame of ['['.repeat(100_000), `[${'{},'.repeat(70_000)}{}]`]) {
    const client = await rig.join(alice);
    client.frame(frame);
    expect(client.code).toBe(CLOSE_CODES.badFrame.code);
  }
});

test('where others hold all the room, who has little under way is served [GAT14]', async () => {
  const rig = await GatewayRig.open({ settings: { maxTotalLength: 40_000 } });
  const { a, b, conversation } = await rig.pair();
  b.socket.room = 0;
  b.say('message.list', { conversation });
  await rig.settle();
  const x = 'x'.repeat(8_000);
  for (let i = 0; i < 8; i++) b.say('message.list', { conversation, x });
  await rig.settle();
  expect((await a.result('message.send', { conversation, text: 'hello' })).seq).toBe(1);
  b.socket.read(Infinity);
  b.socket.room = Infinity;
  b.drained();
  await rig.settle();
  const refused = b.items.filter(
    (item) => item.type === 'reply' && 'error' in item && item.error?.code === 'overloaded',
  );
  expect(refused.length).toBeGreaterThan(0);
});

test('watching many conversations counts as several requests [GAT8]', async () => {
  const rig = await GatewayRig.open({ settings: { requestsPerSecond: 10 } });
  const client = await rig.join(await rig.signUp('alice'));
  const codes = [];
  for (let i = 0; i < 10; i++) {
    const conversations = Array.from({ length: 50 }, () => newGroupId());
    codes.push((await client.error('watch', { conversations })).code);
  }
  expect(codes.slice(0, 3)).toEqual(['notFound', 'notFound', 'notFound']);
  expect(codes.slice(4)).toEqual(Array.from({ length: 6 }, () => 'rateLimited'));
});

test('messages of a user into one conversation have a rate of their own, over all devices [LIM8]', async () => {
  const rig = await GatewayRig.open({ rates: { messagesPerSecond: 5 } });
  const { a, alice, bob, conversation } = await rig.pair();
  const second = await rig.join(await rig.addDevice(alice.user));
  const own = (await a.result('direct.create', { user: alice.user })).conversation;
  const replies = [];
  for (let i = 0; i < 12; i++)
    replies.push(await (i % 2 === 0 ? a : second).ask('message.send', { conversation, text: `${i}` }));
  const refused = replies.filter((reply) => 'error' in reply);
  expect(refused).toHaveLength(2);
  expect(refused[0]).toMatchObject({
    error: { code: 'rateLimited', limit: 'messagesPerSecond', max: 5, retryAfterMs: expect.any(Number) },
  });
  expect((await a.result('message.send', { conversation: own, text: 'elsewhere' })).seq).toBe(1);
  expect(bob.user).not.toBe(alice.user);
  await rig.clock.advance(1_000);
  expect((await a.result('message.send', { conversation, text: 'later' })).seq).toBe(11);
});

test('changes of a group count as messages, so that nobody floods its members with them [LIM8]', async () => {
  const rig = await GatewayRig.open({ rates: { messagesPerSecond: 2 } });
  const { a, bob } = await rig.pair();
  const group = { conversation: newGroupId() };
  await a.result('group.create', { ...group, name: 'g', members: [] });
  await a.result('group.add', { ...group, users: [bob.user] });
  await a.result('group.rename', { ...group, name: 'h' });
  await a.result('group.remove', { ...group, user: bob.user });
  await a.result('message.send', { ...group, text: 'four' });
  const changes = [
    ['group.add', { ...group, users: [bob.user] }],
    ['group.rename', { ...group, name: 'i' }],
    ['group.remove', { ...group, user: bob.user }],
    ['group.leave', group],
    ['message.send', { ...group, text: 'five' }],
  ] as const;
  for (const [method, params] of changes)
    expect([method, await a.error(method, params)]).toMatchObject([
      method,
      { code: 'rateLimited', limit: 'messagesPerSecond', max: 2, retryAfterMs: expect.any(Number) },
    ]);
  await rig.clock.advance(500);
  expect((await a.result('group.rename', { ...group, name: 'later' })).seq).toBe(6);
});

test('a user begins only so many conversations a minute, of whatever kind [LIM10]', async () => {
  const rig = await GatewayRig.open({ rates: { conversationsPerMinute: 3 } });
  const { a, b, alice, bob } = await rig.pair();
  const create = (): Promise<unknown> =>
    a.result('group.create', { conversation: newGroupId(), name: 'g', members: [] });
  await create();
  await create();
  for (const [method, params] of [
    ['group.create', { conversation: newGroupId(), name: 'g', members: [bob.user] }],
    ['direct.create', { user: alice.user }],
  ] as const)
    expect(await a.error(method, params)).toMatchObject({
      code: 'rateLimited',
      limit: 'conversationsPerMinute',
      max: 3,
      retryAfterMs: expect.any(Number),
    });
  await b.result('direct.create', { user: bob.user });
  for (let i = 0; i < 2; i++) {
    await rig.clock.advance(10_000);
    a.beat();
  }
  await create();
});

test('with too many requests unanswered the next is overloaded; those before are answered [GAT8, LIM9]', async () => {
  const rig = await GatewayRig.open({ settings: { maxUnderWay: 8 }, rates: { messagesPerSecond: 1_000 } });
  const { a, conversation } = await rig.pair();
  const ids = Array.from({ length: 12 }, (_, i) => a.say('message.send', { conversation, text: `m${i}` }));
  await rig.settle();
  const codes = ids.map((id): string => {
    const reply = a.reply(id);
    return reply !== undefined && 'error' in reply ? reply.error.code : 'ok';
  });
  expect(codes).toEqual([...Array.from({ length: 8 }, () => 'ok'), ...Array.from({ length: 4 }, () => 'overloaded')]);
  expect((await a.result('message.send', { conversation, text: 'after' })).seq).toBe(9);
});

test('the length of what is unanswered is bounded as well [GAT8, GAT14]', async () => {
  const rig = await GatewayRig.open({ settings: { maxUnderWayLength: 100_000 } });
  const { a, conversation } = await rig.pair();
  const ids = [0, 1, 2, 3].map((n) => a.say('message.send', { conversation, text: `${n}${'x'.repeat(60_000)}` }));
  await rig.settle();
  expect(ids.map((id) => 'error' in (a.reply(id) ?? {}))).toEqual([false, false, true, true]);
  expect((await a.result('message.send', { conversation, text: 'after' })).seq).toBe(3);
});

test('commands reach their owner in order, also behind one that has to look something up [GAT6]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, bob } = await rig.pair();
  const group = 'g.0123456789abcdef';
  a.frame(
    JSON.stringify([
      {
        id: 801,
        method: 'group.create',
        params: { conversation: group, name: 'g', members: [bob.user] },
        outbox,
        n: 1,
      },
      { id: 802, method: 'message.send', params: { conversation: group, text: 'first' }, outbox, n: 2 },
      { id: 803, method: 'message.send', params: { conversation: group, text: 'second' }, outbox, n: 3 },
    ]),
  );
  await rig.settle();
  expect([801, 802, 803].map((id) => a.reply(id))).toMatchObject([
    { result: { seq: 1 } },
    { result: { seq: 2 } },
    { result: { seq: 3 } },
  ]);
  expect(b.entries.flatMap((entry) => (entry.kind === 'message' ? [entry.message.text] : []))).toEqual([
    undefined,
    'first',
    'second',
  ]);
});

test('a repeated command gets its first result over another connection too [COM10]', async () => {
  const rig = await GatewayRig.open();
  const { a, alice, conversation } = await rig.pair();
  const first = await a.result('message.send', { conversation, text: 'once' }, { outbox, n: 1 });
  const again = await rig.join(alice);
  expect(await again.result('message.send', { conversation, text: 'once' }, { outbox, n: 1 })).toEqual(first);
  expect((await again.error('message.send', { conversation, text: 'other' }, { outbox, n: 1 })).code).toBe('conflict');
  expect(await again.error('message.send', { conversation, text: 'far' }, { outbox, n: 9 })).toMatchObject({
    code: 'gap',
    retry: 'now',
    expected: 2,
  });
});

test('a refusal by a look-up is the answer of its n [COM10]', async () => {
  const rig = await GatewayRig.open();
  const { a, bob } = await rig.pair();
  const nobody = 'unobody0000000000';
  const group = 'g.0123456789abcdef';
  const refused = await a.error(
    'group.create',
    { conversation: group, name: 'g', members: [bob.user, nobody] },
    { outbox, n: 1 },
  );
  expect(refused).toMatchObject({ code: 'notFound', field: 'params.members[1]' });
  expect(
    await a.error('group.create', { conversation: group, name: 'g', members: [bob.user, nobody] }, { outbox, n: 1 }),
  ).toEqual(refused);
  expect(
    (await a.result('group.create', { conversation: group, name: 'g', members: [bob.user] }, { outbox, n: 2 })).seq,
  ).toBe(1);
  expect((await a.error('direct.create', { user: nobody })).code).toBe('notFound');
});
