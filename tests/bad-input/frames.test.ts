import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test';
import { CLOSE_CODES, LIMITS, decodeBeat, encodeBeat } from '@duolog/protocol';
import { Stage, until } from '../system/server-process.ts';
import { call } from './call.ts';
import { PATIENT, signUp } from './people.ts';
import type { Person } from './people.ts';
import { OPCODES, RawSocket, frameBytes, textFrame } from './raw-socket.ts';

const stage = new Stage();
let url: string;
let eve: Person;
let conversation: string;
let socket: RawSocket;
afterAll(() => stage.clean());

beforeAll(async () => {
  ({ url } = await stage.serve(PATIENT));
  eve = await signUp(url, 'eve');
  ({ conversation } = await call(url, 'direct.create', { user: eve.user }, eve.token));
});
beforeEach(async () => {
  socket = await RawSocket.join(url, eve.token);
});

const send = (text: string, id = 900): string =>
  JSON.stringify({ id, method: 'message.send', params: { conversation, text } });
/** The bytes of a text message in so many parts. */
const inParts = (text: string, parts: number): readonly Buffer[] => {
  const bytes = Buffer.from(text);
  const size = Math.ceil(bytes.length / parts);
  return Array.from({ length: parts }, (_, i) =>
    frameBytes(bytes.subarray(i * size, (i + 1) * size), {
      opcode: i === 0 ? OPCODES.text : OPCODES.continuation,
      fin: i === parts - 1,
    }),
  );
};
const isAnswered = async (id: number): Promise<unknown> => {
  await until(`request ${id} is answered`, () => socket.reply(id) !== undefined || socket.closed !== undefined);
  return socket.reply(id);
};

test('a request split into frames and packets of any size is one request [GAT14]', async () => {
  for (const parts of [2, 3, 17, 60]) {
    for (const frame of inParts(send(`in ${parts} parts: é😀`, 900 + parts), parts)) {
      socket.write(frame.subarray(0, 3));
      await Bun.sleep(0);
      socket.write(frame.subarray(3));
    }
    expect(await isAnswered(900 + parts)).toMatchObject({ result: {} });
  }
});

test('pings between the parts of a message are answered and break nothing [GAT14]', async () => {
  const [first, second] = inParts(send('with a ping'), 2);
  socket.write(first ?? '');
  socket.write(frameBytes(Buffer.from('ping'), { opcode: OPCODES.ping }));
  socket.write(second ?? '');
  expect(await isAnswered(900)).toMatchObject({ result: {} });
});

test('99,999 emoji, escaped and in parts, are taken; one more is refused [LIM2]', async () => {
  const escaped = '\\ud83d\\ude00';
  const frame = (count: number, id: number): string =>
    `{"id":${id},"method":"message.send","params":{"conversation":"${conversation}","text":"${escaped.repeat(count)}"}}`;
  for (const part of inParts(frame(99_999, 901), 40)) socket.write(part);
  const reply = (await isAnswered(901)) as { readonly result: { readonly seq: number } };
  const { message } = await socket.result('message.get', { conversation, seq: reply.result.seq });
  expect(message.text === '😀'.repeat(99_999)).toBe(true);
  socket.text(frame(100_000, 902));
  expect(await isAnswered(902)).toMatchObject({
    error: { code: 'invalid', field: 'params.text', limit: 'maxTextLength', max: 99_999 },
  });
});

test.each<[string, string]>([
  ['a million brackets', '['.repeat(1_000_000)],
  ['a million braces', '{"a":'.repeat(400_000)],
  ['deep and closed', `${'['.repeat(900_000)}${']'.repeat(900_000)}`],
  ['a number of a million digits', '1'.repeat(1_000_000)],
  ['a string of escapes', `"${'\\u0000'.repeat(300_000)}"`],
  ['spaces', ' '.repeat(2_000_000)],
  ['a byte order mark', '\uFEFF{"id":1,"method":"account.get","params":{}}'],
  ['two requests without a frame', '{"id":1,"method":"account.get","params":{}}{"id":2}'],
  ['NaN', '{"id":NaN,"method":"account.get","params":{}}'],
])('%s is no frame [GAT7]', async (_what, text) => {
  socket.text(text);
  expect(await socket.end()).toBe(CLOSE_CODES.badFrame.code);
});

test('deep params are skipped or refused like shallow ones [GAT7, GAT14]', async () => {
  const nested = (levels: number): string => `${'{"a":['.repeat(levels)}${']}'.repeat(levels)}`;
  const deep = nested(900);
  socket.text(`{"id":901,"method":"account.get","params":${deep}}`);
  expect(await isAnswered(901)).toMatchObject({ result: {} });
  socket.text(`{"id":902,"method":"user.get","params":{"users":${deep}}}`);
  expect(await isAnswered(902)).toMatchObject({ error: { code: 'invalid', field: 'params.users' } });
  // What would take long to parse is not parsed.
  socket.text(`{"id":903,"method":"account.get","params":${nested(100_000)}}`);
  expect(await isAnswered(903)).toMatchObject({ error: { code: 'invalid', field: 'params' } });
});

test('a frame of more than 2 MiB ends the connection, in one part or many, also one that only claims to be long [GAT9]', async () => {
  const long = ' '.repeat(LIMITS.maxFrameBytes + 1);
  socket.text(long);
  expect(await socket.end()).toBe(CLOSE_CODES.tooLarge.code);
  socket = await RawSocket.join(url, eve.token);
  for (const part of inParts(long, 10)) socket.write(part);
  expect(await socket.end()).toBe(CLOSE_CODES.tooLarge.code);
  for (const claimedLength of [100 * 1024 * 1024, 2 ** 40, 2 ** 63]) {
    socket = await RawSocket.join(url, eve.token);
    socket.write(frameBytes(Buffer.from('x'), { opcode: OPCODES.text, claimedLength }));
    expect(await socket.end()).toBeDefined();
  }
});

test('what breaks the rules of WebSocket ends the connection [GAT14]', async () => {
  const broken: readonly Buffer[] = [
    frameBytes(Buffer.from(send('unmasked')), { opcode: OPCODES.text, masked: false }),
    frameBytes(Buffer.from(send('never begun')), { opcode: OPCODES.continuation }),
    frameBytes(Buffer.from([0xff, 0xfe, 0xc0]), { opcode: OPCODES.text }),
    frameBytes(Buffer.from('x'), { opcode: 3 }),
    frameBytes(Buffer.from('x'), { opcode: 11 }),
    frameBytes(Buffer.alloc(126), { opcode: OPCODES.ping }),
    frameBytes(Buffer.from('x'), { opcode: OPCODES.ping, fin: false }),
    Buffer.concat([Buffer.from([0xf1, 0x81, 0, 0, 0, 0]), Buffer.from('x')]),
    frameBytes(Buffer.from([0x03]), { opcode: OPCODES.close }),
    frameBytes(Buffer.from([0x03, 0xe8]), { opcode: OPCODES.close }),
  ];
  for (const frame of broken) {
    socket = await RawSocket.join(url, eve.token);
    socket.write(frame);
    expect([frame.subarray(0, 8).toString('hex'), await socket.end()]).toEqual([
      frame.subarray(0, 8).toString('hex'),
      expect.anything(),
    ]);
  }
  expect((await (await RawSocket.join(url, eve.token)).result('account.get', {})).account.handle).toBe('eve');
});

test('a beat in parts is a beat; other bytes end the connection [GAT7, SYN7]', async () => {
  const beat = encodeBeat(7);
  socket.write(frameBytes(beat.subarray(0, 4), { opcode: OPCODES.binary, fin: false }));
  socket.write(frameBytes(beat.subarray(4), { opcode: OPCODES.continuation }));
  await until('the beat is answered', () => socket.beats.length === 1);
  expect(decodeBeat(socket.beats[0] ?? new Uint8Array())).toBeGreaterThan(0);
  socket.write(frameBytes(Buffer.alloc(1_000_000, 1), { opcode: OPCODES.binary }));
  expect(await socket.end()).toBe(CLOSE_CODES.badFrame.code);
});

test('after a close frame nothing of what follows is done [GAT14]', async () => {
  const { lastSeq } = await socket.result('message.list', { conversation, limit: 1 });
  socket.write(
    Buffer.concat([frameBytes(Buffer.from([0x03, 0xe8]), { opcode: OPCODES.close }), textFrame(send('too late'))]),
  );
  await socket.end();
  socket = await RawSocket.join(url, eve.token);
  expect((await socket.result('message.list', { conversation, limit: 1 })).lastSeq).toBe(lastSeq);
});
