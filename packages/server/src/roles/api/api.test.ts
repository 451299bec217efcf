import { afterAll, beforeAll, expect, test } from 'bun:test';
import { request as httpRequest } from 'node:http';
import { LIMITS, newGroupId, newOutboxId } from '@duolog/protocol';
import type { WireError } from '@duolog/protocol';
import { boot } from '../../boot.ts';
import type { Server } from '../../boot.ts';
import { readConfig } from '../../config.ts';
import { createLog } from '../../log.ts';
import { frontPage, pageResponse } from './pages.ts';

const servers: Server[] = [];
const logged: string[] = [];

const start = async (environment: Record<string, string> = {}): Promise<Server> => {
  const read = readConfig({ DUOLOG_ENGINE: 'memory', DUOLOG_PORT: '0', ...environment });
  if (!read.ok) throw new Error(read.problems.join('\n'));
  const log = createLog({ level: 'debug', format: 'json', write: (line) => logged.push(line), now: () => Date.now() });
  const server = await boot({ config: read.settled.config, version: '9.9.9', log });
  servers.push(server);
  return server;
};

let server: Server;
beforeAll(async () => {
  server = await start({ DUOLOG_ORIGINS: 'https://web.example' });
});
afterAll(async () => {
  await Promise.all(servers.map((started) => started.stop()));
});

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown> & { readonly error?: WireError };
}
const call = async (
  method: string,
  params: unknown,
  headers: Record<string, string> = {},
  url = server.url,
): Promise<Answer> => {
  const response = await fetch(`${url}/v1/${method}`, { method: 'POST', body: JSON.stringify(params), headers });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Answer['body'] };
};

const password = 'correct horse';
let handles = 0;
const newHandle = (): string => `user${(handles += 1)}`;

interface Member {
  readonly handle: string;
  readonly user: string;
  readonly device: string;
  readonly auth: { readonly authorization: string };
}
const signIn = async (handle = newHandle(), url = server.url): Promise<Member> => {
  await call('account.signUp', { handle, password }, {}, url);
  const { body } = await call('session.logIn', { handle, password, deviceName: 'test' }, {}, url);
  return {
    handle,
    user: String(body['user']),
    device: String(body['device']),
    auth: { authorization: `Bearer ${String(body['token'])}` },
  };
};

test('a method is a POST with its params, and its result the answer [API1]', async () => {
  const alice = await signIn();
  const { status, body, headers } = await call('account.get', {}, alice.auth);
  expect([status, body]).toEqual([200, { account: { user: alice.user, handle: alice.handle, name: alice.handle } }]);
  expect(headers.get('content-type')).toBe('application/json');
  expect(headers.get('cache-control')).toBe('no-store');
});

test('params may be left out where none are needed [API1]', async () => {
  const { auth } = await signIn();
  const response = await fetch(`${server.url}/v1/account.get`, { method: 'POST', headers: auth });
  expect(response.status).toBe(200);
});

test.each<[string, () => Promise<Response>, number, string]>([
  ['an unknown method', () => fetch(`${server.url}/v1/no.such`, { method: 'POST' }), 404, 'unknownMethod'],
  ['a name every object has', () => fetch(`${server.url}/v1/constructor`, { method: 'POST' }), 404, 'unknownMethod'],
  ['a method of the WebSocket', () => fetch(`${server.url}/v1/hello`, { method: 'POST' }), 404, 'unknownMethod'],
  ['GET for a method', () => fetch(`${server.url}/v1/account.get`), 405, 'invalid'],
  ['POST for a page', () => fetch(`${server.url}/health`, { method: 'POST' }), 405, 'invalid'],
  ['an unknown path', () => fetch(`${server.url}/v2/x`), 404, 'notFound'],
  [
    'a body that is no JSON',
    () => fetch(`${server.url}/v1/user.find`, { method: 'POST', body: '{' }),
    401,
    'unauthenticated',
  ],
  [
    'a sign-up that is no JSON',
    () => fetch(`${server.url}/v1/account.signUp`, { method: 'POST', body: '{' }),
    400,
    'invalid',
  ],
  [
    'a sign-up that is no UTF-8',
    () => fetch(`${server.url}/v1/account.signUp`, { method: 'POST', body: new Uint8Array([0x22, 0xff, 0x22]) }),
    400,
    'invalid',
  ],
  ['an array', () => fetch(`${server.url}/v1/account.signUp`, { method: 'POST', body: '[]' }), 400, 'invalid'],
  [
    'a body too large',
    () => fetch(`${server.url}/v1/account.signUp`, { method: 'POST', body: 'x'.repeat(2_097_153) }),
    413,
    'tooLarge',
  ],
])('%s is refused with the status and the form of the table [API2]', async (_what, ask, status, code) => {
  const response = await ask();
  const { error } = (await response.json()) as { error: WireError };
  expect([response.status, error.code, error.retry]).toEqual([status, code as never, 'never']);
  expect(error.detail.length).toBeGreaterThan(0);
  if (status === 405)
    expect(response.headers.get('allow')).toBe(response.url.endsWith('/health') ? 'GET, HEAD' : 'POST');
});

test('a body of unknown length is read no further than it may be long [LIM5]', async () => {
  const { hostname, port } = new URL(server.url);
  const status = await new Promise<number>((resolve, reject) => {
    const sent = httpRequest({ hostname, port, path: '/v1/account.signUp', method: 'POST' }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    // The server may close before everything is written.
    sent.on('error', reject);
    const chunk = 'x'.repeat(1024 * 1024);
    sent.write(chunk);
    sent.write(chunk);
    sent.end('x');
  });
  expect(status).toBe(413);
});

test('a sign-up or log-in takes no more than 16 KiB, other calls 2 MiB [LIM5] [LIM1]', async () => {
  const { auth } = await signIn();
  const padded = (bytes: number): string => `{"handle":"somebody.else","x":"${'x'.repeat(bytes - 33)}"}`;
  const body = padded(LIMITS.maxSignInBytes + 1);
  expect(body.length).toBe(LIMITS.maxSignInBytes + 1);
  for (const method of ['account.signUp', 'session.logIn']) {
    const response = await fetch(`${server.url}/v1/${method}`, { method: 'POST', body });
    expect([response.status, await response.json()]).toMatchObject([
      413,
      { error: { code: 'tooLarge', limit: 'maxSignInBytes', max: LIMITS.maxSignInBytes } },
    ]);
    const fits = await fetch(`${server.url}/v1/${method}`, { method: 'POST', body: padded(LIMITS.maxSignInBytes) });
    expect(fits.status).toBe(400);
  }
  const find = await fetch(`${server.url}/v1/user.find`, { method: 'POST', body, headers: auth });
  expect(find.status).toBe(404);
});

test.each([
  ['none', {}],
  ['another scheme', { authorization: 'Basic abc' }],
  ['an empty one', { authorization: 'Bearer ' }],
  [
    'one that was not made here',
    { authorization: 'Bearer uAAAAAAAAAAAAAAAA.AAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' },
  ],
])('with %s for a token the answer is unauthenticated [API4]', async (_what, headers) => {
  const { status, body, headers: answered } = await call('account.get', {}, headers);
  expect([status, body.error?.code, answered.get('www-authenticate')]).toEqual([401, 'unauthenticated', 'Bearer']);
});

test('a token ends with its device [ACC6] [API4]', async () => {
  const { handle, auth } = await signIn();
  const second = await call('session.logIn', { handle, password, deviceName: 'other' });
  const other = { authorization: `Bearer ${String(second.body['token'])}` };
  expect((await call('device.revoke', { device: second.body['device'] }, auth)).status).toBe(200);
  expect((await call('account.get', {}, other)).body.error?.code).toBe('unauthenticated');
  expect((await call('account.get', {}, auth)).status).toBe(200);
  expect((await call('session.logOut', {}, auth)).status).toBe(200);
  expect((await call('account.get', {}, auth)).body.error?.code).toBe('unauthenticated');
});

test.each(['session.logOut', 'device.revoke'])(
  'a repeat of %s by which a device revoked itself is unauthenticated [ACC6] [COM10]',
  async (method) => {
    const { auth, device } = await signIn();
    const again = { ...auth, 'duolog-outbox': newOutboxId(), 'duolog-n': '1' };
    const params = method === 'device.revoke' ? { device } : {};
    expect((await call(method, params, again)).status).toBe(200);
    const { status, body } = await call(method, params, again);
    expect([status, body.error?.code]).toEqual([401, 'unauthenticated']);
  },
);

test('a device that is revoked while a body is on its way is refused at its end [ACC6] [API4]', async () => {
  const { auth, device, handle, user } = await signIn();
  const { body } = await call('direct.create', { user }, auth);
  const again = await call('session.logIn', { handle, password, deviceName: 'other' });
  const { hostname, port } = new URL(server.url);
  const text = JSON.stringify({ conversation: body['conversation'], text: 'from a stolen device' });
  const headers = { ...auth, 'content-length': String(text.length) };
  const status = await new Promise<number>((resolve, reject) => {
    const sent = httpRequest({ hostname, port, path: '/v1/message.send', method: 'POST', headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.write(text.slice(0, 5), () => {
      const other = { authorization: `Bearer ${String(again.body['token'])}` };
      call('device.revoke', { device }, other).then(() => sent.end(text.slice(5)), reject);
    });
  });
  expect(status).toBe(401);
});

test('a user may make only so many calls a second over HTTP [API14]', async () => {
  const { auth } = await signIn();
  const other = await signIn();
  const codes: (string | undefined)[] = [];
  for (let i = 0; i < 40; i++) {
    const answers = await Promise.all(Array.from({ length: 50 }, () => call('account.get', {}, auth)));
    codes.push(...answers.map(({ body }) => body.error?.code));
  }
  expect(codes.filter((code) => code === undefined).length).toBeGreaterThanOrEqual(400);
  expect(codes).toContain('rateLimited');
  expect((await call('account.get', {}, other.auth)).status).toBe(200);
});

test('an unknown handle and a wrong password get the same answer [API5]', async () => {
  const { handle } = await signIn();
  const wrong = await call('session.logIn', { handle, password: 'wrong horse', deviceName: 'x' });
  const unknown = await call('session.logIn', { handle: 'nobody.here', password, deviceName: 'x' });
  expect(wrong.status).toBe(401);
  expect(wrong.body).toEqual(unknown.body);
  expect([...wrong.headers.keys()]).toEqual([...unknown.headers.keys()]);
});

test('signing up and logging in are safe to repeat with the same (outbox, n) [API3] [ACC2] [ACC5]', async () => {
  const handle = newHandle();
  const numbered = { 'duolog-outbox': newOutboxId(), 'duolog-n': '1' };
  const [first, again] = [
    await call('account.signUp', { handle, password }, numbered),
    await call('account.signUp', { handle, password }, numbered),
  ];
  expect(first.status).toBe(200);
  expect(again.body).toEqual(first.body);
  const logIn = { handle, password, deviceName: 'phone' };
  const second = { 'duolog-outbox': newOutboxId(), 'duolog-n': '1' };
  const [one, two] = [await call('session.logIn', logIn, second), await call('session.logIn', logIn, second)];
  expect(two.body).toEqual(one.body);
  const auth = { authorization: `Bearer ${String(one.body['token'])}` };
  expect((await call('device.list', {}, auth)).body['devices']).toHaveLength(1);
});

test('a command over HTTP with (outbox, n) is executed once, and in order [API3] [COM10]', async () => {
  const [alice, bob] = [await signIn(), await signIn()];
  const conversation = newGroupId();
  await call('group.create', { conversation, name: 'g', members: [bob.user] }, alice.auth);
  const outbox = newOutboxId();
  const send = (n: number, text: string): Promise<Answer> =>
    call('message.send', { conversation, text }, { ...alice.auth, 'duolog-outbox': outbox, 'duolog-n': String(n) });
  const first = await send(1, 'one');
  expect(await send(1, 'one')).toMatchObject({ status: 200, body: first.body });
  expect((await send(1, 'another')).body.error?.code).toBe('conflict');
  expect(await send(3, 'three')).toMatchObject({
    status: 409,
    body: { error: { code: 'gap', retry: 'now', expected: 2 } },
  });
  expect((await send(2, 'two')).body['seq']).toBe(Number(first.body['seq']) + 1);
  const { body } = await call('message.list', { conversation }, bob.auth);
  expect((body['messages'] as { text?: string }[]).map(({ text }) => text)).toEqual([undefined, 'one', 'two']);
});

test.each([
  ['an outbox without n', { 'duolog-outbox': 'abc' }],
  ['n without an outbox', { 'duolog-n': '1' }],
  ['n = 0', { 'duolog-outbox': 'abc', 'duolog-n': '0' }],
  ['n that is no number', { 'duolog-outbox': 'abc', 'duolog-n': '1x' }],
  ['an outbox that is no id', { 'duolog-outbox': 'a b', 'duolog-n': '1' }],
])('%s is invalid [API3]', async (_what, headers) => {
  const { auth } = await signIn();
  expect((await call('session.logOut', {}, { ...auth, ...headers })).body.error?.code).toBe('invalid');
});

test('a query takes no (outbox, n) [API3]', async () => {
  const { auth } = await signIn();
  const { body } = await call('account.get', {}, { ...auth, 'duolog-outbox': 'abc', 'duolog-n': '1' });
  expect(body.error?.code).toBe('invalid');
});

test('who tries too often is told when to come back, whether the handle exists or not [API6]', async () => {
  const { url } = await start({
    DUOLOG_LOG_INS_PER_HANDLE_PER_MINUTE: '2',
    DUOLOG_LOG_INS_PER_MINUTE: '7',
    DUOLOG_SIGN_UPS_PER_HOUR: '1',
  });
  const { handle } = await signIn('somebody', url);
  const guess = (name: string): Promise<Answer> =>
    call('session.logIn', { handle: name, password: 'wrong horse', deviceName: 'x' }, {}, url);
  expect((await guess(handle)).status).toBe(401);
  const known = await guess(handle);
  expect(known.body.error).toMatchObject({ code: 'rateLimited', retry: 'later' });
  expect(Number(known.headers.get('retry-after'))).toBeGreaterThan(0);
  expect([(await guess('nobody')).status, (await guess('nobody')).status, (await guess('nobody')).status]).toEqual([
    401, 401, 429,
  ]);
  expect((await guess('third')).status).toBe(401);
  expect((await guess('fourth')).body.error?.detail).toContain('from this address');
  expect((await call('account.signUp', { handle: 'next', password }, {}, url)).status).toBe(429);
});

test('pages of other origins are refused, those that are named are answered [API7]', async () => {
  const { auth } = await signIn();
  const allowed = await call('account.get', {}, { ...auth, origin: 'https://web.example' });
  expect([allowed.status, allowed.headers.get('access-control-allow-origin'), allowed.headers.get('vary')]).toEqual([
    200,
    'https://web.example',
    'origin',
  ]);
  const refused = await call('account.get', {}, { ...auth, origin: 'https://evil.example' });
  expect([refused.status, refused.headers.get('access-control-allow-origin')]).toEqual([403, null]);
  expect(refused.body.error?.detail).toContain('DUOLOG_ORIGINS');
  const own = await call('account.get', {}, { ...auth, origin: server.url });
  expect([own.status, own.headers.get('access-control-allow-origin')]).toEqual([200, server.url]);
  const error = await call('account.get', {}, { origin: 'https://web.example' });
  expect([error.status, error.headers.get('access-control-allow-origin')]).toEqual([401, 'https://web.example']);
});

test('a preflight is answered for origins that are allowed [API7]', async () => {
  const preflight = (origin: string): Promise<Response> =>
    fetch(`${server.url}/v1/account.get`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    });
  const response = await preflight('https://web.example');
  expect(response.status).toBe(204);
  expect(response.headers.get('access-control-allow-headers')).toBe(
    'authorization, content-type, duolog-outbox, duolog-n',
  );
  expect((await preflight('https://evil.example')).status).toBe(403);
});

test('discovery gives the address the client came to, and a ticket [API9]', async () => {
  const { auth, user, device } = await signIn();
  const { body } = await call('server.find', {}, auth);
  expect(body['servers']).toEqual([`${server.url.replace('http', 'ws')}/v1/connect`]);
  expect(String(body['ticket'])).toStartWith(`${user}.${device}.`);
  const { url } = await start({ DUOLOG_URL: 'https://chat.example.org/' });
  const there = await signIn(newHandle(), url);
  expect((await call('server.find', {}, there.auth, url)).body['servers']).toEqual([
    'wss://chat.example.org/v1/connect',
  ]);
});

test('health and readiness are answered, and metrics counted [OPS8] [OPS9]', async () => {
  const health = await fetch(`${server.url}/health`);
  expect([health.status, await health.json()]).toEqual([200, { status: 'serving', version: '9.9.9' }]);
  const ready = await fetch(`${server.url}/ready`);
  expect([ready.status, await ready.json()]).toEqual([200, { ready: true, reasons: [] }]);
  await signIn();
  const metrics = await fetch(`${server.url}/metrics`);
  const text = await metrics.text();
  expect(metrics.headers.get('content-type')).toStartWith('text/plain; version=0.0.4');
  expect(text).toContain('duolog_http_requests_total{route="account.signUp",status="200"}');
  expect(text).toMatch(/\nduolog_commands_total [1-9]/);
  expect(text).toMatch(/\nprocess_resident_memory_bytes \d+\n/);
});

test('metrics are for the same machine, not for who comes through a proxy, unless the setting says so [OPS9]', async () => {
  const proxied = { headers: { 'x-forwarded-for': '9.9.9.9' } };
  const refused = await fetch(`${server.url}/metrics`, proxied);
  const { error } = (await refused.json()) as { error: WireError };
  expect([refused.status, error.code]).toEqual([403, 'forbidden']);
  expect(error.detail).toContain('DUOLOG_METRICS');
  expect((await fetch(`${server.url}/health`, proxied)).status).toBe(200);
  const { url } = await start({ DUOLOG_METRICS: 'all' });
  expect((await fetch(`${url}/metrics`, proxied)).status).toBe(200);
});

test('the front page says what this is, and all its links are answered [API12]', async () => {
  const response = await fetch(server.url);
  const html = await response.text();
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(html).toContain('chat server');
  expect(html).not.toMatch(/<script|src=|url\(|@import/);
  const links = [...html.matchAll(/href="([^"]+)"/g)].map(([, path]) => path ?? '');
  expect(links).toEqual(['/reference', '/openapi.json', '/health', '/ready', '/metrics']);
  for (const path of links) expect([path, (await fetch(`${server.url}${path}`)).status]).toEqual([path, 200]);
  expect((await fetch(server.url, { method: 'HEAD' })).status).toBe(200);
});

test('what a page shows of the request cannot be markup [API12]', () => {
  const html = frontPage({ version: '<i>', address: 'http://a"><script>x</script>&amp' });
  const page = pageResponse(html);
  expect(html).not.toMatch(/<script>|<i>|a">|&amp[^;]/);
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
});

test('OpenAPI is served, also to pages of any origin [API11]', async () => {
  const response = await fetch(`${server.url}/openapi.json`);
  expect(response.headers.get('access-control-allow-origin')).toBe('*');
  expect(await response.json()).toMatchObject({ openapi: '3.1.0', info: { version: '9.9.9' } });
});

test('no password and no token is in the log [OPS4]', async () => {
  const { auth } = await signIn();
  const all = logged.join('');
  expect(all).toContain('session.logIn');
  expect(all).not.toContain(password);
  expect(all).not.toContain(auth.authorization.slice('Bearer '.length));
});

test('a process does only what its roles say [OPS15]', async () => {
  const { url } = await start({ DUOLOG_ROLES: 'gateway,worker' });
  expect((await call('account.signUp', { handle: 'x1y', password }, {}, url)).body.error?.detail).toContain(
    'DUOLOG_ROLES',
  );
  expect((await fetch(`${url}/ready`)).status).toBe(200);
  const apiAlone = await start({ DUOLOG_ROLES: 'api,worker' });
  expect((await fetch(`${apiAlone.url}/v1/connect`, { headers: { upgrade: 'websocket' } })).status).toBe(503);
  const there = await signIn(newHandle(), apiAlone.url);
  expect((await call('server.find', {}, there.auth, apiAlone.url)).body.error?.code).toBe('unavailable');
  const refused: unknown = await start({ DUOLOG_ROLES: 'gateway,api' }).catch((thrown: unknown) => thrown);
  expect(String(refused)).toContain('DUOLOG_ROLES must name worker');
});
