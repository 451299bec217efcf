import { afterEach, expect, test } from 'bun:test';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient, logIn, selfId, signUp } from '@duolog/sdk';
import { Stage, until } from './server-process.ts';

const stage = new Stage();
afterEach(() => stage.clean());

const password = 'correct horse battery';

/** Signs somebody in; what is said goes into their saved messages. */
const talk = async (url: string, handle: string) => {
  const { user } = await signUp({ url, handle, password });
  const client = createClient({ url, credentials: { handle, password, deviceName: 'laptop' } });
  await client.open();
  await client.live();
  await client.createDirect(user).stored;
  return { client, say: async (text: string): Promise<number> => (await client.send(selfId(user), text).stored).seq };
};

const run = async (args: readonly string[]) => {
  const running = stage.duolog(args);
  const code = await running.ended;
  return { code, stdout: running.stdout(), stderr: running.stderr() };
};

interface Report {
  readonly ok: boolean;
  readonly messages: number;
  readonly faults: readonly { readonly what: string }[];
}
const check = async (data: string): Promise<Report> => {
  const { code, stdout, stderr } = await run(['fsck', '--json', '--data', data]);
  expect(stderr).toBe('');
  const report = JSON.parse(stdout) as Report;
  expect(code).toBe(report.ok ? 0 : 1);
  return report;
};

/** How many messages the saved messages of the only user hold, by what fsck counts. */
const messagesIn = async (data: string): Promise<number> => {
  const report = await check(data);
  expect(report.faults).toEqual([]);
  return report.messages;
};

test('a backup of a running server is a moment of it, and serves with a new epoch and everybody still signed in [STO7] [STO8] [STO9]', async () => {
  const folder = stage.folder();
  const [data, file, restored] = [join(folder, 'data'), join(folder, 'backup'), join(folder, 'restored')];
  const server = await stage.serve({ DUOLOG_DATA: data, DUOLOG_MESSAGES_PER_SECOND: '100000' });
  const { client, say } = await talk(server.url, 'alice');
  const { token } = await logIn({ url: server.url, handle: 'alice', password, deviceName: 'script' });
  for (let i = 1; i <= 20; i++) await say(`before ${i}`);
  const stop = new AbortController();
  let stored = 20;
  const talking = (async () => {
    while (!stop.signal.aborted) stored = await say('meanwhile');
  })();
  const backup = await run(['backup', file, '--data', data]);
  expect(backup).toMatchObject({ code: 0, stderr: '' });
  expect(await messagesIn(data)).toBeGreaterThanOrEqual(20);
  stop.abort();
  await talking;
  await client.close();
  server.child.kill('SIGTERM');
  expect(await server.ended).toBe(0);
  expect(existsSync(join(data, 'control.sock'))).toBe(false);
  expect(await messagesIn(data)).toBe(stored);

  expect((await run(['restore', file, '--data', restored])).stdout).toMatch(/rows as they were at \d{4}-.*new epoch/);
  const kept = await messagesIn(restored);
  expect(kept).toBeGreaterThanOrEqual(20);
  expect(kept).toBeLessThanOrEqual(stored);
  const second = await stage.serve({ DUOLOG_DATA: restored });
  const answer = await fetch(`${second.url}/v1/account.get`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  expect(await answer.json()).toMatchObject({ account: { handle: 'alice' } });
}, 60_000);

test('without a server the store itself is backed up; what exists is neither overwritten nor restored into [STO7] [STO8]', async () => {
  const folder = stage.folder();
  const [data, file] = [join(folder, 'data'), join(folder, 'backup')];
  expect(await run(['backup', file, '--data', data])).toMatchObject({
    code: 1,
    stderr: `duolog backup: There is no store in ${data}.\n`,
  });
  const server = await stage.serve({ DUOLOG_DATA: data });
  const { client, say } = await talk(server.url, 'alice');
  await say('hello');
  await client.close();
  // Its socket stays behind: a command must not wait for a server that is gone.
  server.child.kill('SIGKILL');
  await server.ended;
  expect((await run(['backup', file, '--data', data])).code).toBe(0);
  expect(await run(['backup', file, '--data', data])).toMatchObject({
    code: 1,
    stderr: `duolog backup: The file ${file} exists; nothing was overwritten.\n`,
  });
  expect((await run(['restore', file, '--data', data])).stderr).toContain('Restore into an empty folder.');
  expect(await messagesIn(data)).toBe(1);
}, 60_000);

test('a server does not serve a damaged store, says to run fsck, and fsck says what is damaged without changing it [STO4] [STO9] [OPS7]', async () => {
  const data = join(stage.folder(), 'data');
  const server = await stage.serve({ DUOLOG_DATA: data });
  const { client, say } = await talk(server.url, 'alice');
  for (let i = 1; i <= 40; i++) await say(`message ${i}`);
  await client.close();
  server.child.kill('SIGKILL');
  await server.ended;
  const [name = ''] = readdirSync(join(data, 'ledger')).filter((file) => file.endsWith('.log'));
  const log = join(data, 'ledger', name);
  const bytes = readFileSync(log);
  const at = bytes.indexOf('message 20');
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(log, bytes);
  const refused = stage.duolog(['serve', '--port', '0', '--data', data]);
  expect(await refused.ended).toBe(1);
  expect(refused.stderr()).toMatch(/is damaged: .*duolog fsck/);
  const report = await check(data);
  expect(report.ok).toBe(false);
  expect(report.faults.map(({ what }) => what).join()).toMatch(/the log \d+\.log is damaged/);
  expect(readFileSync(log).equals(bytes)).toBe(true);
  const text = await run(['fsck', '--data', data]);
  expect(text).toMatchObject({ code: 1 });
  expect(text.stdout).toContain('conversations');
  await until('nothing is left of the check', () =>
    readdirSync(join(data, 'ledger')).every((file) => !file.startsWith('check-')),
  );
}, 60_000);

/** Texts that cannot be compressed: so they stand in a table as they are. */
const texts = Array.from({ length: 40 }, () => randomBytes(120).toString('base64'));

/** A store whose messages lie in a table; returns that table. */
const storeWithTable = async (data: string): Promise<string> => {
  const server = await stage.serve({ DUOLOG_DATA: data });
  const { client, say } = await talk(server.url, 'alice');
  for (const text of texts) await say(text);
  await client.close();
  server.child.kill('SIGTERM');
  await server.ended;
  // Opening moves what is in the log to a table.
  const again = await stage.serve({ DUOLOG_DATA: data });
  again.child.kill('SIGTERM');
  await again.ended;
  const tables = readdirSync(join(data, 'ledger')).filter((file) => file.endsWith('.ldb'));
  const sizes = tables.map((name) => [statSync(join(data, 'ledger', name)).size, name] as const);
  return join(data, 'ledger', sizes.toSorted(([a], [b]) => b - a)[0]?.[1] ?? '');
};

const damage = (table: string): Buffer => {
  const bytes = readFileSync(table);
  const at = bytes.indexOf(texts[20]?.slice(40, 60) ?? '');
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  writeFileSync(table, bytes);
  return bytes;
};

test('with a damaged table fsck tells what is missing and what is whole, and no backup is written, with and without a server [STO11] [STO12] [OPS7]', async () => {
  const folder = stage.folder();
  const [data, file] = [join(folder, 'data'), join(folder, 'backup')];
  const table = await storeWithTable(data);
  const server = await stage.serve({ DUOLOG_DATA: data });
  const spoilt = damage(table);
  for (const running of [true, false]) {
    const text = await run(['fsck', '--data', data]);
    expect(text).toMatchObject({ code: 1, stderr: '' });
    expect(text.stdout).toMatch(/^conversations +0 whole, 1 damaged\nusers +0 whole, 1 damaged\nnames +1 whole\n/);
    expect(text.stdout).toMatch(
      /\nstore: the table \d+\.ldb has 1 damaged of \d+ blocks, .*: its rows from number \d+ of c\//,
    );
    expect(text.stdout).toMatch(/\nc\/\S+: numbers \d+ to \d+ are missing\n/);
    expect(text.stdout).toMatch(/\nWhat to do: stop the server, restore the last backup/);
    const backup = await run(['backup', file, '--data', data]);
    expect(backup).toMatchObject({ code: 1, stdout: '' });
    expect(backup.stderr).toMatch(
      /^duolog backup: The store in \S+ is damaged: the table \d+\.ldb has 1 damaged of .*\. No backup was written; .*"duolog fsck".*"duolog restore".*\n$/,
    );
    expect(readdirSync(folder)).toEqual(['data']);
    if (!running) continue;
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
  }
  expect(readFileSync(table).equals(spoilt)).toBe(true);
  rmSync(table);
  const refused = await run(['backup', file, '--data', data]);
  expect(refused.stderr).toMatch(/the table \d+\.ldb is missing\. No backup was written/);
  expect((await run(['fsck', '--data', data])).stdout).toMatch(/store: the table \d+\.ldb is missing: its rows/);
}, 60_000);
