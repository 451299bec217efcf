/** Requests as they come over a socket: without a Host, cut short, nested, and with answers that nobody reads. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { WireError } from '@duolog/protocol';
import { systemClock } from '../../engines/clock-system.ts';
import { createLog } from '../../log.ts';
import { until } from '../../../testing/until.ts';
import { METRICS_CONTENT_TYPE, createMetrics } from '../../metrics.ts';
import type { Dispatch } from '../dispatch.ts';
import { listen } from '../listener.ts';
import type { Listener } from '../listener.ts';
import { createApi } from './handler.ts';
import { USER_CALL_LIMITS } from './user-calls.ts';

const MIB = 1_024 * 1_024;
const lines: string[] = [];
const metrics = createMetrics();
const log = createLog({ level: 'info', format: 'json', write: (line) => lines.push(line), now: () => 0 });

/** Answers with as many bytes as a page may have. */
const longPage = JSON.stringify('x'.repeat(5 * MIB));
const LIST = JSON.stringify({ conversation: 'g.abcdefghijklmnopqrstuv' });
let lists = 0;
const dispatch: Dispatch = ({ method }, answers, id) => {
  if (method !== 'message.list') answers.answered(id, '{}');
  else {
    lists += 1;
    setImmediate(() => answers.answered(id, longPage));
  }
  return undefined;
};

const api = createApi({
  version: '0',
  clock: systemClock,
  log,
  metrics,
  metricsText: () => ({ text: metrics.text(), contentType: METRICS_CONTENT_TYPE }),
  metricsFor: 'local',
  dispatch,
  readToken: (token) => ({ user: token, device: 'd' }),
  isSignedIn: () => Promise.resolve(true),
  userCalls: { ...USER_CALL_LIMITS, callsPerSecond: 1_000 },
  unready: () => [],
  rates: { signUpsPerHour: 10, logInsPerMinute: 10, logInsPerHandlePerMinute: 10 },
  answersCalls: true,
  origins: [],
  proxies: [],
  url: undefined,
});

let listener: Listener;
beforeAll(() => {
  const fetch = (request: Request, address: string): Promise<Response> => api.handle(request, address);
  listener = listen({ host: '127.0.0.1', port: 0, fetch, mayConnect: () => true, gateway: undefined, log });
});
beforeEach(() => {
  lines.length = 0;
});
afterAll(() => listener.close(0));

const open = (): Socket => connect({ host: '127.0.0.1', port: listener.port });

/** All that is answered before the server closes, as it is asked to. */
const ask = (head: string, body = ''): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = open();
    let text = '';
    socket.on('data', (data) => {
      text += data.toString();
    });
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
    socket.write(`${head}\r\nConnection: close\r\n\r\n${body}`);
  });

const post = (user: string, method: string, body = '{}'): Promise<Response> =>
  fetch(`http://127.0.0.1:${listener.port}/v1/${method}`, {
    method: 'POST',
    body,
    headers: { authorization: `Bearer ${user}` },
  });

const codeOf = async (response: Response): Promise<string> =>
  response.ok ? 'ok' : ((await response.json()) as { error: WireError }).error.code;

const count = (route: string, status: number): number =>
  Number(
    metrics.text().split(`duolog_http_requests_total{route="${route}",status="${status}"} `)[1]?.split('\n')[0] ?? 0,
  );

const listRequest = (user: string): Request =>
  new Request('http://x/v1/message.list', { method: 'POST', body: LIST, headers: { authorization: `Bearer ${user}` } });

test.each([
  ['no Host', 'GET /health HTTP/1.0'],
  ['an empty Host', 'GET /health?x=/y HTTP/1.1\r\nHost: '],
  ['a Host with a space', 'GET /health HTTP/1.1\r\nHost: a b'],
  ['a Host that makes no URL', 'GET /health HTTP/1.1\r\nHost: ['],
  ['a port that is none', 'GET /health HTTP/1.1\r\nHost: x:99999'],
])('a request with %s is answered like any other [API16]', async (_what, head) => {
  expect(await ask(head)).toMatch(/^HTTP\/1\.1 200 OK[^]*"serving"/);
  expect(lines).toEqual([]);
});

test('a call, and a page that shows the address, are answered without a Host [API16]', async () => {
  const head = 'POST /v1/account.get HTTP/1.0\r\nAuthorization: Bearer ann\r\nContent-Length: 2';
  expect(await ask(head, '{}')).toStartWith('HTTP/1.1 200 OK');
  expect(await ask('GET / HTTP/1.0')).toContain('http://localhost/v1');
  expect(lines).toEqual([]);
});

test('an address without a path is refused, and no fault [API16]', async () => {
  const request = new Proxy(new Request('http://x'), {
    get: (it, name): unknown => (name === 'url' ? '*' : Reflect.get(it, name)),
  });
  const response = await api.handle(request, '127.0.0.1');
  expect([response.status, await codeOf(response)]).toEqual([400, 'invalid']);
  expect(lines).toEqual([]);
});

test.each([
  ['of a known length', 'user.get', 'Content-Length: 30000', '{"users"'],
  ['of an unknown length', 'user.find', 'Transfer-Encoding: chunked', '8\r\n{"handle'],
])('a client that goes away in a body %s is no fault of the server [API16]', async (_what, method, length, part) => {
  const socket = open();
  socket.write(`POST /v1/${method} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ann\r\n${length}\r\n\r\n${part}`, () =>
    setTimeout(() => socket.resetAndDestroy(), 50),
  );
  await until('the call is counted', () => count(method, 400) + count(method, 500) > 0);
  expect([count(method, 400), lines]).toEqual([1, []]);
});

test('a body of more than 16 KiB is nested at most 32 levels deep [API15]', async () => {
  const nested = (levels: number): string =>
    `{"x":"${'x'.repeat(16_384)}","y":${'['.repeat(levels)}${']'.repeat(levels)}}`;
  const deep = await post('ann', 'account.get', '['.repeat(2 * MIB));
  expect([deep.status, await deep.json()]).toMatchObject([400, { error: { code: 'invalid', field: 'params' } }]);
  expect(await (await post('ann', 'account.get', nested(32))).text()).toContain('nested too deeply');
  expect(await (await post('ann', 'account.get', nested(31))).text()).not.toContain('nested too deeply');
});

test('long answers that nobody reads are refused beyond what may wait, and make room when they are taken or given up [API14]', async () => {
  const list = (user: string): Promise<Response> => api.handle(listRequest(user), '127.0.0.1');
  const kept = [await list('bob'), await list('bob')];
  const refused = await list('bob');
  expect([refused.status, refused.headers.get('retry-after'), await codeOf(refused)]).toEqual([503, '1', 'overloaded']);
  const short = await api.handle(
    new Request('http://x/v1/account.get', { method: 'POST', headers: { authorization: 'Bearer bob' } }),
    '127.0.0.1',
  );
  expect(short.status).toBe(200);
  expect(await kept[0]?.text()).toBe(longPage);
  kept.push(await list('bob'));
  expect(kept[2]?.status).toBe(200);
  await kept[1]?.body?.cancel();
  kept.push(await list('bob'));
  expect(kept[3]?.status).toBe(200);
  await Promise.all([kept[2]?.body?.cancel(), kept[3]?.body?.cancel()]);
});

test('of many long queries at once those are not worked on that the answers of the others leave no room for [API14]', async () => {
  lists = 0;
  const answers = await Promise.all(Array.from({ length: 60 }, () => api.handle(listRequest('dan'), '127.0.0.1')));
  expect(lists).toBeLessThan(10);
  expect(answers.map(({ status }) => status)).toContain(429);
  await Promise.all(answers.map(async ({ body }) => body?.cancel()));
});

test('all users together let no more than 128 MiB wait [API14]', async () => {
  const answers: Response[] = [];
  for (let i = 0; i < 60; i++) answers.push(await api.handle(listRequest(`user${i}`), '127.0.0.1'));
  const waiting = answers.filter(({ ok }) => ok);
  expect(waiting.length).toBeGreaterThan(10);
  expect(waiting.length * 5).toBeLessThan(128);
  await Promise.all(waiting.map(async ({ body }) => body?.cancel()));
  const after = await api.handle(listRequest('user59'), '127.0.0.1');
  expect(after.status).toBe(200);
  await after.body?.cancel();
});

test('a connection that goes away with an answer that it did not read makes room for the next [API14]', async () => {
  const before = count('message.list', 200);
  const sockets = [open(), open()];
  for (const socket of sockets) {
    socket.pause();
    const head = `POST /v1/message.list HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer cid\r\nContent-Length: ${LIST.length}`;
    socket.write(`${head}\r\n\r\n${LIST}`);
  }
  await until('both are answered', () => count('message.list', 200) === before + 2);
  expect(await codeOf(await post('cid', 'message.list', LIST))).toBe('overloaded');
  for (const socket of sockets) socket.destroy();
  let code = '';
  while (code !== 'ok') {
    const response = await post('cid', 'message.list', LIST);
    code = await codeOf(response);
    if (code === 'ok') expect(await response.text()).toBe(longPage);
  }
  expect(lines).toEqual([]);
});
