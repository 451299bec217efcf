import { afterAll, beforeAll, expect, test } from 'bun:test';
import { CLOSE_CODES, SOCKET_PATH, encodeBeat, newGroupId } from '@duolog/protocol';
import { Stage, until } from '../system/server-process.ts';
import { call } from './call.ts';
import { residentMiB } from './memory.ts';
import { PATIENT, signUp } from './people.ts';
import type { Person } from './people.ts';
import { OPCODES, RawSocket, frameBytes } from './raw-socket.ts';

const stage = new Stage();
let server: Awaited<ReturnType<Stage['serve']>>;
let alice: Person;
afterAll(() => stage.clean());

beforeAll(async () => {
  server = await stage.serve({ ...PATIENT, DUOLOG_HEARTBEAT_MS: '1000' });
  alice = await signUp(server.url, 'alice');
});

const beat = frameBytes(encodeBeat(0), { opcode: OPCODES.binary });

const connectionsHeld = async (): Promise<number> => {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^duolog_connections (\d+)$/m.exec(text)?.[1]);
};

test('hundreds of sockets that say nothing, or half a handshake, hold nobody up and are ended [GAT1, GAT14]', async () => {
  const silent = await Promise.all(Array.from({ length: 200 }, () => RawSocket.open(server.url)));
  const halves = await Promise.all(Array.from({ length: 200 }, () => RawSocket.dial(server.url)));
  for (const half of halves) half.write(`GET ${SOCKET_PATH} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n`);
  const openedAt = performance.now();
  expect(await connectionsHeld()).toBeGreaterThanOrEqual(200);
  const client = await RawSocket.join(server.url, alice.token);
  expect((await client.result('account.get', {})).account.handle).toBe('alice');
  client.destroy();
  while (silent.some(({ closed }) => closed === undefined) && performance.now() - openedAt < 14_000)
    await Bun.sleep(50);
  expect(new Set(silent.map(({ closed }) => closed))).toEqual(new Set([CLOSE_CODES.helloTimeout.code]));
  expect(performance.now() - openedAt).toBeGreaterThan(9_500);
  for (const half of halves) half.destroy();
  await until('no connection is held', async () => (await connectionsHeld()) === 0);
}, 30_000);

test('sockets that never read take little memory, are ended, and hold nobody up [SYN9, PRE2, GAT14]', async () => {
  const people = [];
  for (let i = 0; i < 50; i++) people.push(await signUp(server.url, `deaf${i}`));
  const conversation = newGroupId();
  await call(
    server.url,
    'group.create',
    { conversation, name: 'g', members: people.map(({ user }) => user) },
    alice.token,
  );
  const sender = await RawSocket.join(server.url, alice.token);
  const text = 'x'.repeat(4_000);
  // Brings the store's buffers and the runtime's heap to their working size.
  for (let i = 0; i < 300; i++) await sender.result('message.send', { conversation, text });
  const beforeMiB = residentMiB(server.child.pid ?? 0);
  const deaf = await Promise.all(people.map(({ token }) => RawSocket.join(server.url, token)));
  for (const socket of deaf) socket.stopReading();
  const beating = setInterval(() => deaf.forEach((socket) => socket.write(beat)), 500);
  // 50 sockets times 10 MB, of which a kernel takes some and the server next to nothing.
  for (let i = 0; i < 2_400; i += 16) {
    await Promise.all(Array.from({ length: 16 }, () => sender.result('message.send', { conversation, text })));
  }
  expect(residentMiB(server.child.pid ?? 0) - beforeMiB).toBeLessThan(120);
  expect(await connectionsHeld()).toBe(deaf.length + 1);
  clearInterval(beating);
  await until('all of them are ended', async () => (await connectionsHeld()) <= 1);
  for (const socket of deaf) socket.readAgain();
  const codes = new Set(await Promise.all(deaf.map((socket) => socket.end())));
  expect(
    [...codes].every(
      (code) => code === 'gone' || code === CLOSE_CODES.missedBeats.code || code === CLOSE_CODES.slowReader.code,
    ),
  ).toBe(true);
  for (const socket of deaf) socket.destroy();
  // Nothing is lost by it: a device that comes back has all of it.
  const [first] = people;
  const back = await RawSocket.join(server.url, first?.token ?? '');
  const { lastSeq } = await back.result('message.list', { conversation, limit: 1 });
  expect(lastSeq).toBe(2_701);
  back.destroy();
  sender.destroy();
}, 60_000);

test('a client that stops reading for a while is told the head when it reads on, and pulls the rest [SYN9, SYN7]', async () => {
  const bob = await signUp(server.url, 'bob');
  const { conversation } = await call(server.url, 'direct.create', { user: bob.user }, alice.token);
  const sender = await RawSocket.join(server.url, alice.token);
  const reader = await RawSocket.join(server.url, bob.token);
  const { epoch, head } = await reader.result('sync', { cursor: 0 });
  reader.stopReading();
  const beating = setInterval(() => reader.write(beat), 500);
  const text = 'x'.repeat(4_000);
  // More than kernels take on both sides, and the 256 KiB that wait in the server.
  const count = 3_200;
  for (let i = 0; i < count; i += 16) {
    await Promise.all(Array.from({ length: 16 }, () => sender.result('message.send', { conversation, text })));
  }
  expect(reader.items.filter(({ type }) => type === 'entry').length).toBeLessThan(count / 2);
  reader.readAgain();
  const told = (): number[] => reader.items.flatMap((item) => (item.type === 'head' ? [item.useq] : []));
  // Kernels may take more in between: then a head is told already, and live entries come for a while.
  await until('the head is told', () => told().includes(head + count) || reader.closed !== undefined);
  expect(told()).toEqual(told().toSorted((a, b) => a - b));
  const useqs = reader.items.flatMap((item) => (item.type === 'entry' ? [item.useq] : []));
  expect(useqs).toEqual([...new Set(useqs)].toSorted((a, b) => a - b));
  expect(useqs.length).toBeLessThan(count);
  let cursor = head;
  while (useqs.includes(cursor + 1)) cursor += 1;
  while (cursor < head + count) {
    const page = await reader.result('sync', { epoch, cursor });
    expect(page.entries.map(({ useq }) => useq)).toEqual(
      Array.from({ length: page.entries.length }, (_, i) => cursor + 1 + i),
    );
    cursor = page.entries.at(-1)?.useq ?? Number.POSITIVE_INFINITY;
  }
  await sender.result('message.send', { conversation, text: 'live again' });
  await until('live entries come again', () =>
    reader.items.some((item) => item.type === 'entry' && item.useq === head + count + 1),
  );
  clearInterval(beating);
  reader.destroy();
  sender.destroy();
}, 60_000);
