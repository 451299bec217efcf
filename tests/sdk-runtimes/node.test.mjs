// The published JavaScript in Node: with `ws`, and from 22 on with Node's own WebSocket.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { WebSocket as Ws } from 'ws';
import * as sdk from '../../packages/sdk/dist/index.js';
import { comeBack, expectedComeBack, expectedTalk, talk } from './scenario.mjs';
import { startServer } from './server.mjs';

let server;
before(async () => {
  server = await startServer();
});
after(async () => {
  await server.stop();
});

/** Caches in memory that outlive their clients. */
function caches() {
  const byName = new Map();
  return (name) => {
    if (!byName.has(name)) byName.set(name, sdk.memoryCache());
    return byName.get(name);
  };
}

async function converse(name, webSocket) {
  const options = { url: server.url, ...(webSocket === undefined ? {} : { webSocket }) };
  const run = { sdk, options, cut: server.cut, cacheOf: caches(), name };
  assert.deepEqual(await talk(run), expectedTalk);
  assert.deepEqual(await comeBack(run), expectedComeBack);
}

/** What a proxy says while the server behind it is away: it is waited, not until an answer is overdue. */
async function waitsWhenRefused(webSocket) {
  const proxy = createServer((_, response) => response.writeHead(502).end()).on('upgrade', (_, socket) =>
    socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n'),
  );
  await once(proxy.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${proxy.address().port}`;
  const client = sdk.createClient({ url, token: 'x', ...(webSocket === undefined ? {} : { webSocket }) });
  try {
    const waiting = new Promise((resolve) => {
      client.on('state', () => client.state.status === 'waiting' && resolve(client.state.attempt));
    });
    await client.open();
    assert.equal(await waiting, 0);
  } finally {
    await client.close();
    proxy.close();
  }
}

const named = `Node ${process.versions.node}`;
void test(`${named} with the WebSocket of ws`, { timeout: 45_000 }, () => converse('ws', Ws));
void test(`${named} with that of ws, refused`, { timeout: 10_000 }, () => waitsWhenRefused(Ws));

if (Number.parseInt(process.versions.node, 10) < 22) {
  void test('without a WebSocket it says what to do', () => {
    assert.throws(() => sdk.createClient({ url: server.url, token: 'x' }), {
      name: 'DuologError',
      code: 'invalid',
      message: /pass one as `webSocket`/,
    });
  });
} else {
  void test(`${named} with its own WebSocket`, { timeout: 45_000 }, () => converse('own'));
  void test(`${named} with its own, refused`, { timeout: 10_000 }, () => waitsWhenRefused());
}
