import { afterAll, beforeAll, expect, test } from 'bun:test';
import { CLOSE_CODES, ERRORS, LIMITS, newGroupId } from '@duolog/protocol';
import { METHODS } from '@duolog/protocol/schema';
import type { MethodName } from '@duolog/protocol/schema';
import { Stage } from '../system/server-process.ts';
import { badParams } from './bad-values.ts';
import type { Known } from './bad-values.ts';
import { call, errorOf, post } from './call.ts';
import { PATIENT, logIn, signUp } from './people.ts';
import type { Person } from './people.ts';
import { RawSocket } from './raw-socket.ts';

const stage = new Stage();
let server: Awaited<ReturnType<Stage['serve']>>;
let eve: Person;
let known: Known;
afterAll(() => stage.clean());

beforeAll(async () => {
  server = await stage.serve(PATIENT);
  const bob = await signUp(server.url, 'bob');
  eve = await signUp(server.url, 'eve');
  const { conversation } = await call(server.url, 'direct.create', { user: bob.user }, eve.token);
  const group = newGroupId();
  await call(server.url, 'group.create', { conversation: group, name: 'g', members: [bob.user] }, eve.token);
  known = { user: bob.user, conversation, group };
});

const names = Object.keys(METHODS) as MethodName[];
/** Methods after which the device would be gone. */
const endsSession = (method: MethodName): boolean => method === 'session.logOut';

/** Well-formed errors, and none that is a fault of the server. */
const checkError = (
  method: string,
  params: string,
  error: { readonly code: string; readonly retry: string; readonly detail: string },
): void => {
  const shown = params.slice(0, 200);
  expect([
    method,
    shown,
    Object.hasOwn(ERRORS, error.code),
    error.code === 'internal',
    error.detail.length > 0 && error.detail.length < 500,
  ]).toEqual([method, shown, true, false, true]);
};

/** Few enough that being malformed is not taken for abuse. */
const PER_CONNECTION = 50;

test.each(names)(
  '%s over WebSocket answers every bad value, and the connection goes on [GAT4, GAT7, GAT14]',
  async (method) => {
    const device = endsSession(method) ? await logIn(server.url, eve) : eve;
    const cases = badParams(method, known);
    expect(cases.length).toBeGreaterThan(20);
    for (let from = 0; from < cases.length; from += PER_CONNECTION) {
      if (endsSession(method) && from > 0) break;
      const socket = await RawSocket.join(server.url, device.token);
      for (const [index, params] of cases.slice(from, from + PER_CONNECTION).entries()) {
        const id = 1_000_000 + index;
        socket.text(`{"id":${id},"method":"${method}","params":${params}}`);
      }
      // What comes last is answered last or so; then all are.
      await socket.ask('account.get', {});
      const replies = socket.items.flatMap((item) => (item.type === 'reply' && item.id >= 1_000_000 ? [item] : []));
      if (!endsSession(method)) {
        expect(socket.closed).toBeUndefined();
        await Promise.all(
          cases.slice(from, from + PER_CONNECTION).map((_, index) => waitFor(socket, 1_000_000 + index)),
        );
      }
      for (const reply of replies)
        if ('error' in reply) checkError(method, cases[from + reply.id - 1_000_000] ?? '', reply.error);
      socket.destroy();
    }
  },
);

const waitFor = async (socket: RawSocket, id: number): Promise<void> => {
  while (socket.reply(id) === undefined) await Bun.sleep(2);
};

test.each(names.filter((name) => METHODS[name].over !== 'socket' && !endsSession(name)))(
  '%s over HTTP answers every bad value [API2, GAT14]',
  async (method) => {
    for (const params of badParams(method, known)) {
      const { status, body } = await post(server.url, method, params, eve.token);
      const error = errorOf(body);
      expect([method, params.slice(0, 100), status < 500 && (status === 200) === (error === undefined)]).toEqual([
        method,
        params.slice(0, 100),
        true,
      ]);
      if (error !== undefined) checkError(method, params, error);
    }
  },
  30_000,
);

test.each(names)('%s before hello ends the connection, whatever its params [GAT1]', async (method) => {
  if (method === 'hello') return;
  for (const params of badParams(method, known).slice(0, 3)) {
    const socket = await RawSocket.open(server.url);
    socket.text(`{"id":1,"method":"${method}","params":${params}}`);
    expect(await socket.end()).toBe(CLOSE_CODES.badFrame.code);
    socket.destroy();
  }
});

test('a hello with bad params is answered and ends the connection; one that is too long is not even read [GAT1, GAT2, GAT9]', async () => {
  const codes: readonly (number | 'gone')[] = [
    CLOSE_CODES.badFrame.code,
    CLOSE_CODES.unauthenticated.code,
    CLOSE_CODES.unsupportedVersion.code,
  ];
  for (const params of badParams('hello', known)) {
    const frame = `{"id":1,"method":"hello","params":${params}}`;
    const isLong = Buffer.byteLength(frame) > LIMITS.maxSignInBytes;
    const socket = await RawSocket.open(server.url);
    socket.text(frame);
    const code = await socket.end();
    const isRight = isLong ? code === CLOSE_CODES.tooLarge.code : codes.includes(code);
    expect([params.slice(0, 100), code, isRight]).toEqual([params.slice(0, 100), code, true]);
    expect(socket.items).toMatchObject(isLong ? [] : [{ type: 'reply', id: 1, error: expect.anything() }]);
    socket.destroy();
  }
}, 30_000);

test('after all that nothing failed inside, and everybody is served [GAT14]', async () => {
  expect(server.child.exitCode).toBeNull();
  expect(server.stderr()).not.toContain('"level":"error"');
  const socket = await RawSocket.join(server.url, eve.token);
  expect(
    (await socket.result('message.send', { conversation: known.conversation, text: 'still here' })).seq,
  ).toBeGreaterThan(0);
  expect(Object.keys(Object.prototype)).toEqual([]);
  socket.destroy();
});
