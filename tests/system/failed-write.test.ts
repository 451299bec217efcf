import { afterEach, expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, selfId, signUp } from '@duolog/sdk';
import { Stage, main, plainEnvironment, until } from './server-process.ts';

const password = 'correct horse battery';
const stage = new Stage();
const limited: { readonly kill: () => void }[] = [];
const folders: string[] = [];

afterEach(() => {
  stage.clean();
  for (const { kill } of limited.splice(0)) kill();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** A server none of whose files may grow beyond this many bytes: a write beyond fails with EFBIG. */
const serveWithSmallFiles = async (data: string, maxFileBytes: number) => {
  const limit = `trap '' XFSZ; ulimit -f ${maxFileBytes / 512}; exec "$@"`;
  const child = spawn('/bin/sh', ['-c', limit, 'sh', process.execPath, main, 'serve'], {
    cwd: data,
    env: { ...plainEnvironment(), NO_COLOR: '1', DUOLOG_PORT: '0', DUOLOG_DATA: join(data, 'store') },
    stdio: 'pipe',
  });
  limited.push({ kill: () => child.kill('SIGKILL') });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  await until('the server serves', () => {
    if (child.exitCode !== null) throw new Error(`it ended: ${stderr}`);
    return stdout.includes('\n');
  });
  const [, url = ''] = / serves (http:\S+) /.exec(stdout) ?? [];
  return { url, ended, stderr: () => stderr };
};

test('after a failed write the server tells so and ends, and everything it acknowledged is there [OPS13] [COM9] [SYN6]', async () => {
  const data = mkdtempSync(join(tmpdir(), 'duolog-failed-write-'));
  folders.push(data);
  const server = await serveWithSmallFiles(data, 2 * 1024 * 1024);
  const { user } = await signUp({ url: server.url, handle: 'alice', password });
  const credentials = { handle: 'alice', password, deviceName: 'laptop' };
  const client = createClient({ url: server.url, credentials });
  await client.open();
  await client.live();
  await client.createDirect(user).stored;
  const stored: number[] = [];
  for (let i = 0; i < 100; i++) {
    void client.send(selfId(user), `${i} ${'x'.repeat(90_000)}`).stored.then(
      ({ seq }) => void stored.push(seq),
      () => undefined,
    );
  }
  expect(await server.ended).toBe(1);
  await client.close();
  expect(server.stderr()).toContain('the store failed; the process ends');
  expect(server.stderr()).toContain('File too large');
  expect(stored.length).toBeGreaterThan(2);
  expect(stored.length).toBeLessThan(40);
  const again = await stage.serve({ DUOLOG_DATA: join(data, 'store') });
  const reader = createClient({ url: again.url, credentials });
  await reader.open();
  await reader.live();
  const history = reader.history(selfId(user));
  await history.latest();
  while (history.hasOlder) await history.older();
  const texts = history.messages.map(({ text = '' }) => text.slice(0, text.indexOf(' ')));
  expect(texts.slice(0, stored.length)).toEqual(stored.map((_, i) => `${i}`));
  expect(stored).toEqual(stored.map((_, i) => i + 1));
  await reader.close();
}, 30_000);
