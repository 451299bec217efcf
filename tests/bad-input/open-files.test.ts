import { afterAll, expect, test } from 'bun:test';
import { Stage, until } from '../system/server-process.ts';
import { call } from './call.ts';
import { PATIENT, signUp } from './people.ts';
import { RawSocket } from './raw-socket.ts';

const stage = new Stage();
afterAll(() => stage.clean());

test('more sockets than files may be open keep the store from nothing, and nobody out for longer than they last [GAT17]', async () => {
  const server = await stage.serve(PATIENT, { maxOpenFiles: 256 });
  const alice = await signUp(server.url, 'alice');
  const { conversation } = await call(server.url, 'direct.create', { user: alice.user }, alice.token);
  const client = await RawSocket.join(server.url, alice.token);
  const crowd = await Promise.all(Array.from({ length: 600 }, () => RawSocket.dial(server.url)));
  await until('new connections are not taken any more', () => server.stderr().includes('no new connections'));
  // More than the store's write buffer: it has to open files.
  const text = 'é'.repeat(99_999);
  for (let i = 0; i < 240; i += 8)
    await Promise.all(Array.from({ length: 8 }, () => client.result('message.send', { conversation, text })));
  expect(server.child.exitCode).toBeNull();
  for (const socket of crowd) socket.destroy();
  await until('connections are taken again', () => server.stderr().includes('takes connections again'));
  const again = await RawSocket.join(server.url, alice.token);
  expect((await again.result('message.list', { conversation, limit: 1 })).lastSeq).toBe(240);
  again.destroy();
  client.destroy();
}, 60_000);
