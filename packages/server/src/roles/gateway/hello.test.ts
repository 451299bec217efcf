import { expect, test } from 'bun:test';
import { CLOSE_CODES, LIMITS } from '@duolog/protocol';
import { EPOCH, GatewayRig } from '../../../testing/gateway-rig.ts';

test('hello with a token is answered with who one is, the head, the epoch and the limits [GAT2, SYN10, LIM1]', async () => {
  const rig = await GatewayRig.open();
  const alice = await rig.signUp('alice');
  const client = rig.connect();
  const welcome = await client.result('hello', { versions: [1, 99], token: alice.token });
  expect(welcome).toEqual({
    version: 1,
    epoch: EPOCH,
    head: 2,
    user: alice.user,
    device: alice.device,
    heartbeatMs: 5_000,
    serverAt: expect.any(Number),
    limits: LIMITS,
  });
  expect(rig.gateway.size).toBe(1);
});

test('a ticket lets in as well, until it expires [GAT2]', async () => {
  const rig = await GatewayRig.open();
  const alice = await rig.signUp('alice');
  const ticket = rig.context.tokens.ticket(alice, rig.clock.now());
  const welcome = await rig.connect().result('hello', { versions: [1], ticket });
  expect(welcome.device).toBe(alice.device);
  await rig.clock.advance(61_000);
  const late = rig.connect();
  expect(await late.error('hello', { versions: [1], ticket })).toMatchObject({ code: 'unauthenticated' });
  expect(late.code).toBe(CLOSE_CODES.unauthenticated.code);
});

test('a token that was not made here gets an error, then the end [GAT2]', async () => {
  const rig = await GatewayRig.open();
  const alice = await rig.signUp('alice');
  const forged = `${alice.token.slice(0, -1)}${alice.token.endsWith('A') ? 'B' : 'A'}`;
  for (const token of [forged, 'x', undefined]) {
    const client = rig.connect();
    const error = await client.error('hello', token === undefined ? { versions: [1] } : { versions: [1], token });
    expect(error.code).toBe('unauthenticated');
    expect(client.code).toBe(CLOSE_CODES.unauthenticated.code);
  }
  expect(rig.gateway.size).toBe(0);
});

test('a revoked device is not let in, with token or ticket [GAT2, ACC6]', async () => {
  const rig = await GatewayRig.open();
  const alice = await rig.signUp('alice');
  const other = await rig.addDevice(alice.user);
  const ticket = rig.context.tokens.ticket(other, rig.clock.now());
  const client = await rig.join(alice);
  await client.result('device.revoke', { device: other.device });
  for (const hello of [{ token: other.token }, { ticket }]) {
    const refused = rig.connect();
    expect((await refused.error('hello', { versions: [1], ...hello })).code).toBe('unauthenticated');
    expect(refused.code).toBe(CLOSE_CODES.unauthenticated.code);
  }
});

test('without a version in common the connection is ended [GAT2, SYN10]', async () => {
  const rig = await GatewayRig.open();
  const alice = await rig.signUp('alice');
  const client = rig.connect();
  expect((await client.error('hello', { versions: [2, 3], token: alice.token })).code).toBe('unsupportedVersion');
  expect(client.code).toBe(CLOSE_CODES.unsupportedVersion.code);
});

test('anything but hello comes too early [GAT1]', async () => {
  const rig = await GatewayRig.open();
  const early = ['{"id":1,"method":"account.get","params":{}}', '[]', new Uint8Array(9)];
  for (const frame of early) {
    const client = rig.connect();
    client.frame(frame);
    expect(client.code).toBe(CLOSE_CODES.badFrame.code);
  }
  expect(rig.gateway.size).toBe(0);
});

test('a first frame of more than 16 KiB ends the connection before it is looked at [GAT9, LIM5]', async () => {
  const rig = await GatewayRig.open();
  const alice = await rig.signUp('alice');
  const helloOf = (bytes: number): string => {
    const head = `{"id":1,"method":"hello","params":{"versions":[1],"token":"${alice.token}","x":"`;
    return `${head}${'x'.repeat(bytes - head.length - 3)}"}}`;
  };
  const long = rig.connect();
  long.frame(helloOf(LIMITS.maxSignInBytes + 1));
  await rig.settle();
  expect([long.code, long.items]).toEqual([CLOSE_CODES.tooLarge.code, []]);
  const fits = rig.connect();
  fits.frame(helloOf(LIMITS.maxSignInBytes));
  await rig.settle();
  expect(fits.reply(1)).toMatchObject({ result: { user: alice.user } });
});

test('another method with the params of hello signs nobody in [GAT1]', async () => {
  const rig = await GatewayRig.open();
  const alice = await rig.signUp('alice');
  for (const method of ['sync', 'no.such', 'HELLO', 1, null]) {
    const client = rig.connect();
    client.frame(JSON.stringify({ id: 1, method, params: { versions: [1], token: alice.token } }));
    await rig.settle();
    expect([method, client.code]).toEqual([method, CLOSE_CODES.badFrame.code]);
  }
});

test('a malformed hello names the field and ends the connection [GAT1, GAT7]', async () => {
  const rig = await GatewayRig.open();
  const client = rig.connect();
  expect(await client.error('hello', { versions: 'all' })).toMatchObject({ code: 'invalid', field: 'params.versions' });
  expect(client.code).toBe(CLOSE_CODES.badFrame.code);
});

test('who says nothing for 10 s is sent away, who opened later stays [GAT1]', async () => {
  const rig = await GatewayRig.open();
  const first = rig.connect();
  await rig.clock.advance(9_000);
  const second = rig.connect();
  expect(first.code).toBeUndefined();
  await rig.clock.advance(3_000);
  expect([first.code, second.code]).toEqual([CLOSE_CODES.helloTimeout.code, undefined]);
});

test('a second hello is refused and changes nothing [GAT1]', async () => {
  const rig = await GatewayRig.open();
  const [alice, bob] = [await rig.signUp('alice'), await rig.signUp('bob')];
  const client = await rig.join(alice);
  expect((await client.error('hello', { versions: [1], token: bob.token })).code).toBe('invalid');
  expect((await client.result('account.get', {})).account.user).toBe(alice.user);
});

test('requests before hello is answered are refused for the moment, not lost [GAT4]', async () => {
  const rig = await GatewayRig.open();
  const alice = await rig.signUp('alice');
  const client = rig.connect();
  const hello = client.say('hello', { versions: [1], token: alice.token });
  const early = client.say('account.get', {});
  await rig.settle();
  expect(client.reply(hello)).toMatchObject({ result: { user: alice.user } });
  expect(client.reply(early)).toMatchObject({ error: { code: 'unavailable', retry: 'later' } });
  expect((await client.result('account.get', {})).account.user).toBe(alice.user);
});

test('a device that connects anew replaces its old connection and goes on getting entries [GAT3]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, alice, conversation } = await rig.pair();
  const again = await rig.join(alice);
  expect(a.code).toBe(CLOSE_CODES.replaced.code);
  await rig.settle();
  again.news();
  await b.result('message.send', { conversation, text: 'still there?' });
  await rig.settle();
  expect(again.news()).toMatchObject([{ type: 'entry', message: { text: 'still there?' } }]);
  expect(rig.gateway.size).toBe(2);
});

test('several devices of a user are connected side by side [GAT3]', async () => {
  const rig = await GatewayRig.open();
  const { a, b, alice, conversation } = await rig.pair();
  const second = await rig.join(await rig.addDevice(alice.user));
  await rig.settle();
  a.news();
  second.news();
  await b.result('message.send', { conversation, text: 'to both' });
  await rig.settle();
  expect(a.news()).toMatchObject([{ message: { text: 'to both' } }]);
  expect(second.news()).toMatchObject([{ message: { text: 'to both' } }]);
  second.vanish();
  await b.result('message.send', { conversation, text: 'to one' });
  await rig.settle();
  expect(a.news()).toMatchObject([{ message: { text: 'to one' } }]);
});

test('while the owner of the user cannot be asked, hello ends with a code that says reconnect [GAT2]', async () => {
  for (const [helloMs, code] of [
    [10_000, CLOSE_CODES.helloTimeout.code],
    [60_000, CLOSE_CODES.overloaded.code],
  ] as const) {
    const rig = await GatewayRig.open({ settings: { helloMs } });
    const alice = await rig.signUp('alice');
    rig.lost = ({ type }) => type === 'submission';
    const client = rig.connect();
    const id = client.say('hello', { versions: [1], token: alice.token });
    await rig.clock.advance(20_000);
    expect(client.code).toBe(code);
    expect(client.reply(id)).toEqual(
      helloMs > 15_000 ? expect.objectContaining({ error: expect.anything() }) : undefined,
    );
    expect(rig.gateway.size).toBe(0);
  }
});

test('more connections than the server holds are ended at once [GAT15]', async () => {
  const rig = await GatewayRig.open({ settings: { maxConnections: 2 } });
  const [one, two, three] = [rig.connect(), rig.connect(), rig.connect()];
  expect([one.code, two.code, three.code]).toEqual([undefined, undefined, CLOSE_CODES.overloaded.code]);
  one.vanish();
  expect(rig.connect().code).toBeUndefined();
});
