// The published JavaScript in Node: with `ws`, and from 22 on with Node's own WebSocket.
import assert from 'node:assert/strict';
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

void test(`Node ${process.versions.node} with the WebSocket of ws`, { timeout: 45_000 }, () => converse('ws', Ws));

if (Number.parseInt(process.versions.node, 10) < 22) {
  void test('without a WebSocket it says what to do', () => {
    assert.throws(() => sdk.createClient({ url: server.url, token: 'x' }), {
      name: 'DuologError',
      code: 'invalid',
      message: /pass one as `webSocket`/,
    });
  });
} else void test(`Node ${process.versions.node} with its own WebSocket`, { timeout: 45_000 }, () => converse('own'));
