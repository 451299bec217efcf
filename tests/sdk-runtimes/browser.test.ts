/** The published JavaScript in Chromium, its copy in IndexedDB, across a reload of the page. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { findBrowser } from '../machine.ts';
import { expectedComeBack, expectedTalk } from './scenario.mjs';
import { startServer } from './server.mjs';

const dist = join(import.meta.dirname, '..', '..', 'packages', 'sdk', 'dist');
const files: Readonly<Record<string, readonly [type: string, text: string]>> = {
  'sdk.js': ['text/javascript', readFileSync(join(dist, 'index.js'), 'utf8')],
  'scenario.js': ['text/javascript', readFileSync(join(import.meta.dirname, 'scenario.mjs'), 'utf8')],
};

let server: Awaited<ReturnType<typeof startServer>>;
let browser: Browser;
beforeAll(async () => {
  server = await startServer();
  const quiet = ['background-networking', 'component-update', 'sync'].map((what) => `--disable-${what}`);
  const executablePath = findBrowser();
  browser = await chromium.launch({
    ...(executablePath === undefined ? {} : { executablePath }),
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', ...quiet],
  });
}, 30_000);
afterAll(async () => {
  await browser.close();
  await server.stop();
});

/**
 * The server's own page, which can import the SDK and the scenario. A page made up by the driver would come from no
 * network, and a browser keeps such pages away from this machine's.
 */
const openPage = async (context?: BrowserContext): Promise<Page> => {
  const page = await (context ?? (await browser.newContext({ bypassCSP: true }))).newPage();
  await page.route(`${server.url}/test/*`, (route) => {
    const [contentType, body] = files[new URL(route.request().url()).pathname.slice('/test/'.length)] ?? [];
    return body === undefined || contentType === undefined ? route.abort() : route.fulfill({ contentType, body });
  });
  await page.exposeFunction('cutConnections', () => server.cut());
  await page.goto(server.url);
  return page;
};

/** Runs one part of the scenario in the page. */
const runIn = (page: Page, part: 'talk' | 'comeBack', name: string): Promise<unknown> =>
  page.evaluate(
    `(async () => {
      const sdk = await import('/test/sdk.js');
      const scenario = await import('/test/scenario.js');
      const cacheOf = (name) => sdk.indexedDbCache({ name: 'duolog ' + name });
      const options = { url: location.origin };
      return await scenario.${part}({ sdk, options, cut: cutConnections, cacheOf, name: ${JSON.stringify(name)} });
    })()`,
  );

test('the published JavaScript in Chromium, with IndexedDB across a reload', async () => {
  const page = await openPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  expect(await runIn(page, 'talk', 'web')).toEqual(expectedTalk);
  await page.reload();
  expect(await runIn(page, 'comeBack', 'web')).toEqual(expectedComeBack);
  expect(faults).toEqual([]);
  await page.context().close();
}, 60_000);

test('two pages cannot use one copy at once, and the second can when the first has closed', async () => {
  const page = await openPage();
  const other = await openPage(page.context());
  const open = `(async () => {
    const sdk = await import('/test/sdk.js');
    window.client = sdk.createClient({ url: location.origin, token: 'none', cache: sdk.indexedDbCache({ name: 'shared' }) });
    return client.open().then(() => 'open', ({ code }) => code);
  })()`;
  expect(await page.evaluate(open)).toBe('open');
  expect(await other.evaluate(open)).toBe('conflict');
  await page.evaluate('client.close()');
  expect(await other.evaluate(`client.open().then(() => 'open')`)).toBe('open');
  await page.context().close();
}, 30_000);

test('a page that is reloaded while it sends loses and doubles nothing', async () => {
  const page = await openPage();
  const begin = `(async () => {
    const sdk = await import('/test/sdk.js');
    const url = location.origin;
    const password = 'correct horse battery';
    window.open_ = async () => {
      const credentials = { handle: 'reloader', password, deviceName: 'page' };
      const client = sdk.createClient({ url, credentials, cache: sdk.indexedDbCache({ name: 'duolog reloader' }) });
      await client.open();
      await client.live();
      return client;
    };
    window.sdk = sdk;
  })()`;
  await page.evaluate(begin);
  await page.evaluate(`(async () => {
    await sdk.signUp({ url: location.origin, handle: 'reloader', password: 'correct horse battery' });
    const client = await open_();
    const { conversation } = await client.createDirect(client.user).stored;
    for (let i = 0; i < 40; i++) client.send(conversation, 'm' + i);
    // Stored on this device, in part on the server; then the page goes away in the midst of it.
    await client.sendings()[11].stored;
  })()`);
  await page.reload();
  await page.evaluate(begin);
  const texts = await page.evaluate(`(async () => {
    const client = await open_();
    const [{ conversation }] = client.conversations;
    for (;;) {
      const [next] = client.sendings();
      if (next === undefined) break;
      await next.stored;
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    const window = client.history(conversation);
    await window.latest();
    return window.messages.map(({ text }) => text);
  })()`);
  expect(texts).toEqual(Array.from({ length: 40 }, (_, i) => `m${i}`));
  await page.context().close();
}, 60_000);
