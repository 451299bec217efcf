import { afterAll, beforeAll, expect, test } from 'bun:test';
import { CLOSE_CODES, encodeBeat } from '@duolog/protocol';
import { Stage } from '../system/server-process.ts';
import { call } from './call.ts';
import { residentMiB } from './memory.ts';
import { PATIENT, logIn, signUp } from './people.ts';
import type { Person } from './people.ts';
import { OPCODES, RawSocket, frameBytes, textFrame } from './raw-socket.ts';

const stage = new Stage();
let server: Awaited<ReturnType<Stage['serve']>>;
let alice: Person;
let eve: Person;
let conversation: string;
afterAll(() => stage.clean());

beforeAll(async () => {
  server = await stage.serve(PATIENT);
  alice = await signUp(server.url, 'alice');
  eve = await signUp(server.url, 'eve');
  ({ conversation } = await call(server.url, 'direct.create', { user: alice.user }, alice.token));
});

/** Somebody who only wants to talk, meanwhile; the longest time an answer took, in ms. */
const talk = async (until: Promise<unknown>): Promise<number> => {
  const state = { over: false };
  void until.finally(() => (state.over = true));
  const socket = await RawSocket.join(server.url, (await logIn(server.url, alice)).token);
  let longestMs = 0;
  for (let i = 0; !state.over; i++) {
    const askedAt = performance.now();
    await socket.result('message.send', { conversation, text: `message ${i}` });
    longestMs = Math.max(longestMs, performance.now() - askedAt);
    await Bun.sleep(20);
  }
  socket.destroy();
  return longestMs;
};

const FRAMES = 1_000;
const repeated = (frame: Buffer): Buffer => Buffer.concat(Array.from({ length: FRAMES }, () => frame));
/** A thousand frames each, of which none is of any use. */
const JUNK: readonly (readonly [what: string, signedIn: boolean, bytes: Buffer])[] = [
  ['no JSON', true, repeated(textFrame('{"id":1,"method":'))],
  ['no request', true, repeated(textFrame('[1,2,3]'))],
  ['no method', true, repeated(textFrame('{"id":1,"method":"no.such","params":{"x":[[[{}]]]}}'))],
  [
    'bad params',
    true,
    repeated(textFrame(`{"id":2,"method":"message.send","params":{"conversation":7,"text":"${'x'.repeat(500)}"}}`)),
  ],
  ['no hello', false, repeated(textFrame('{"id":1,"method":"account.get","params":{}}'))],
  ['bad hello', false, repeated(textFrame('{"id":1,"method":"hello","params":{"versions":[1],"token":"x"}}'))],
  ['bytes', true, repeated(frameBytes(Buffer.alloc(64, 7), { opcode: OPCODES.binary }))],
  ['bytes at first', false, repeated(frameBytes(Buffer.alloc(64, 7), { opcode: OPCODES.binary }))],
  ['beats', true, repeated(frameBytes(encodeBeat(1), { opcode: OPCODES.binary }))],
  ['noise', false, repeated(Buffer.from([0x81, 0x85, 1, 2, 3, 4, 9, 9, 9, 9, 9]))],
];

const throwJunk = async (): Promise<void> => {
  for (const [, signedIn, bytes] of JUNK) {
    const socket = signedIn ? await RawSocket.join(server.url, eve.token) : await RawSocket.open(server.url);
    socket.write(bytes);
    const before = performance.now();
    while (!socket.flushed && socket.closed === undefined && performance.now() - before < 5_000) await Bun.sleep(1);
    socket.destroy();
  }
};

test('100,000 junk frames leave the server serving and its memory flat [GAT14]', async () => {
  const rounds = 100_000 / (JUNK.length * FRAMES);
  const pid = server.child.pid ?? 0;
  // The first rounds bring the runtime's heap to its working size.
  for (let i = 0; i < 3; i++) await throwJunk();
  const beforeMiB = residentMiB(pid);
  const junk = (async () => {
    for (let i = 0; i < rounds; i++) await throwJunk();
  })();
  const [longestMs] = await Promise.all([talk(junk), junk]);
  expect(residentMiB(pid) - beforeMiB).toBeLessThan(48);
  expect(longestMs).toBeLessThan(2_000);
  expect(server.stderr()).not.toContain('"level":"error"');
}, 60_000);

test('who floods is ended, and may come again [GAT7, GAT8]', async () => {
  const socket = await RawSocket.join(server.url, eve.token);
  socket.write(repeated(textFrame('{"id":1,"method":"no.such","params":{}}')));
  expect(await socket.end()).toBe(CLOSE_CODES.abuse.code);
  const again = await RawSocket.join(server.url, eve.token);
  expect((await again.result('account.get', {})).account.handle).toBe('eve');
  again.destroy();
});
