/** The published JavaScript in Bun. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { join } from 'node:path';
import type * as Sdk from '@duolog/sdk';
import { comeBack, expectedComeBack, expectedTalk, talk } from './scenario.mjs';
import { startServer } from './server.mjs';

let server: Awaited<ReturnType<typeof startServer>>;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

test('the published JavaScript in Bun, with its own WebSocket', async () => {
  const built = join(import.meta.dirname, '..', '..', 'packages', 'sdk', 'dist', 'index.js');
  const sdk: typeof Sdk = await import(built);
  const caches = new Map<string, Sdk.Cache>();
  const cacheOf = (name: string): Sdk.Cache => {
    const cache = caches.get(name) ?? sdk.memoryCache();
    caches.set(name, cache);
    return cache;
  };
  const run = { sdk, options: { url: server.url }, cut: () => server.cut(), cacheOf, name: 'bun' };
  expect(await talk(run)).toEqual(expectedTalk);
  expect(await comeBack(run)).toEqual(expectedComeBack);
}, 45_000);
