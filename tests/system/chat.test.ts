import { afterEach, expect, test } from 'bun:test';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { signUp } from '@duolog/sdk';
import { Stage, main, plainEnvironment, until } from './server-process.ts';

const stage = new Stage();
const terminals: Window[] = [];
afterEach(() => {
  for (const terminal of terminals.splice(0)) terminal.end();
  stage.clean();
});

const password = 'correct horse';

// oxlint-disable no-control-regex -- a screen is told by escape sequences
/** A row written at its place, up to the next sequence that is no attribute. */
const ROW = /\x1b\[(\d+);1H((?:(?!\x1b\[\d+;\d+H|\x1b\[\?)[\s\S])*)/g;
const ATTRIBUTE = /\x1b\[\d*m/g;
// oxlint-enable no-control-regex

/** A window with duolog in it, and what it shows. */
class Window {
  /** Everything written, with all sequences. */
  raw = '';
  readonly #rows = new Map<number, string>();
  readonly #process: Bun.Subprocess;
  readonly #columns: number;

  constructor(args: readonly string[], columns = 90, rows = 20) {
    this.#columns = columns;
    const decoder = new TextDecoder();
    this.#process = Bun.spawn([process.execPath, main, ...args], {
      env: plainEnvironment(),
      terminal: {
        cols: columns,
        rows,
        data: (_terminal, bytes) => this.#take(decoder.decode(bytes, { stream: true })),
      },
    });
    terminals.push(this);
  }

  #take(text: string): void {
    this.raw += text;
    for (const [, row = '', shown = ''] of text.matchAll(ROW)) {
      this.#rows.set(Number(row), shown.replace(ATTRIBUTE, ''));
    }
  }

  get screen(): string {
    return [...this.#rows]
      .toSorted(([a], [b]) => a - b)
      .map(([, text]) => text)
      .join('\n');
  }

  get columns(): number {
    return this.#columns;
  }

  type(text: string): void {
    this.#process.terminal?.write(text);
  }

  async shows(text: string): Promise<void> {
    await until(
      `the screen shows ${text}; it shows:\n${this.screen}\nraw: ${JSON.stringify(this.raw.slice(-500))}`,
      () => this.screen.includes(text) || this.raw.slice(-200).includes(text),
    );
  }

  get ended(): Promise<number> {
    return this.#process.exited;
  }

  end(): void {
    this.#process.kill('SIGKILL');
    this.#process.terminal?.close();
  }
}

test('one can sign up, talk and leave at a terminal, and the password is never shown [OPS14]', async () => {
  const server = await stage.serve();
  const folder = stage.folder();
  await signUp({ url: server.url, handle: 'bob', password });
  const alice = new Window(['chat', server.url, '--folder', folder]);
  await alice.shows('Handle: ');
  alice.type('alice\r');
  await alice.shows('Password: ');
  alice.type(`${password}\r`);
  await alice.shows('[y/N] ');
  alice.type('y\r');
  await alice.shows('Nobody has written yet.');
  alice.type('/chat bob\r');
  await alice.shows(' bob · you are alice');
  alice.type('/members\r');
  await alice.shows('Esc closes this');
  alice.type('你好 bob\r');
  await alice.shows('你好 bob ✓');
  expect(alice.raw).not.toContain(password);
  writeFileSync(join(folder, 'password'), password);
  const bob = stage.duolog(
    ['chat', server.url, '--folder', folder, '--user', 'bob', '--password-file', join(folder, 'password')],
    { input: '/switch alice\nhello back\n' },
  );
  expect([await bob.ended, bob.stderr()]).toEqual([0, '']);
  await alice.shows('bob     hello back');
  alice.type('\u0003');
  expect(await alice.ended).toBe(0);
  expect(alice.raw).toEndWith('\x1b[?1049l');
  const again = new Window(['chat', server.url, '--folder', folder, '--user', 'alice']);
  await again.shows('bob     hello back');
  again.type('/quit\r');
  expect(await again.ended).toBe(0);
}, 30_000);

test('logging out leaves nothing of the account on the disk, nor does an account that could not be opened [OPS14]', async () => {
  const server = await stage.serve();
  const folder = stage.folder();
  await signUp({ url: server.url, handle: 'alice', password });
  writeFileSync(join(folder, 'password'), password);
  const kept = (): readonly string[] =>
    readdirSync(folder, { recursive: true })
      .map(String)
      .filter((name) => name.endsWith('.account'));
  const run = (user: string, input: string): Promise<unknown> =>
    stage.duolog(
      ['chat', server.url, '--folder', folder, '--user', user, '--password-file', join(folder, 'password')],
      { input },
    ).ended;
  expect(await run('bob', 'x\n')).toBe(1);
  expect(kept()).toEqual([]);
  expect(await run('alice', '/notes\na secret\n')).toBe(0);
  expect(kept()).toHaveLength(1);
  expect(await run('alice', '/logout\n')).toBe(0);
  expect(kept()).toEqual([]);
}, 30_000);

test('what is said while the server is away is kept and told, and sent when it is back [OPS14]', async () => {
  const data = join(stage.folder(), 'data');
  const folder = stage.folder();
  const server = await stage.serve({ DUOLOG_DATA: data });
  const { port } = new URL(server.url);
  await signUp({ url: server.url, handle: 'alice', password });
  writeFileSync(join(folder, 'password'), password);
  const args = ['chat', server.url, '--folder', folder, '--user', 'alice', '--password-file', join(folder, 'password')];
  const window = new Window(args);
  await window.shows('you are alice');
  window.type('/notes\r');
  await window.shows('Saved messages ·');
  server.child.kill('SIGTERM');
  await server.ended;
  await window.shows('Offline: trying again');
  window.type('kept\r');
  await window.shows('kept ◷');
  window.type('/quit\r');
  expect(await window.ended).toBe(0);
  expect(window.raw).toContain('1 not sent yet; kept here');
  await stage.serve({ DUOLOG_DATA: data, DUOLOG_PORT: port });
  const again = new Window(args);
  await again.shows('kept ✓');
}, 30_000);

test('in a pipe every line is said as it is, and what others say comes out [OPS14]', async () => {
  const server = await stage.serve();
  const folder = stage.folder();
  for (const handle of ['alice', 'bob']) await signUp({ url: server.url, handle, password });
  writeFileSync(join(folder, 'password'), password);
  const args = (user: string, ...more: string[]): readonly string[] => [
    'chat',
    server.url,
    '--folder',
    folder,
    '--user',
    user,
    '--password-file',
    join(folder, 'password'),
    ...more,
  ];
  const bob = stage.duolog(args('bob', '--follow'), { input: '' });
  await until('bob is connected', async () =>
    (await (await fetch(`${server.url}/metrics`)).text()).includes('duolog_connections_signed_in_total 1'),
  );
  const alice = stage.duolog(args('alice', '--to', 'bob'), { input: '/not a command\n\n你好\x1b[2J\nlast' });
  expect([await alice.ended, alice.stderr()]).toEqual([0, '']);
  await until('bob has all lines', () => bob.stdout().split('\n').length > 3);
  expect(bob.stdout().replaceAll(/^\d\d:\d\d /gm, '')).toBe(
    '[alice] alice: /not a command\n[alice] alice: 你好␛[2J\n[alice] alice: last\n',
  );
  bob.child.kill('SIGTERM');
  expect(await bob.ended).toBe(0);
  await stage.duolog(args('alice', '--to', 'bob'), { input: 'while away' }).ended;
  const again = stage.duolog(args('bob', '--follow'), { input: '' });
  await until('bob has what was said meanwhile', () => again.stdout().includes('\n'));
  expect(again.stdout()).toEndWith('[alice] alice: while away\n');
}, 20_000);

test.each<[string, readonly string[], string]>([
  ['nobody of that name', ['--user', 'alice', '--to', 'nobody'], 'Nobody has this handle.'],
  ['a line that is said nowhere', ['--user', 'alice'], 'Open a conversation first'],
  ['a password that is none', ['--user', 'bob', '--to', 'alice'], '--sign-up makes a new account'],
  ['no account named', ['--to', 'bob'], 'name yourself with --user'],
  ['a handle that cannot be one', ['--user', '../alice'], 'is no handle'],
])(
  '%s is told in one message [OPS11] [OPS14]',
  async (_what, flags, message) => {
    const server = await stage.serve();
    const folder = stage.folder();
    await signUp({ url: server.url, handle: 'alice', password });
    writeFileSync(join(folder, 'password'), password);
    const refused = stage.duolog(
      ['chat', server.url, '--folder', folder, '--password-file', join(folder, 'password'), ...flags],
      { input: 'x\n' },
    );
    expect(await refused.ended).toBe(1);
    expect(refused.stderr()).toStartWith('duolog chat: ');
    expect(refused.stderr()).toContain(message);
  },
  15_000,
);

test.each(['ftp://127.0.0.1', 'http://'])('%s is no address of a server [OPS11] [OPS14]', async (address) => {
  const refused = stage.duolog(['chat', address, '--user', 'alice', '--folder', stage.folder()], { input: '' });
  expect(await refused.ended).toBe(1);
  expect(refused.stderr()).toBe(`duolog chat: ${address} is no address of a server\n`);
});

test('a long text that is shown in full cannot command the terminal either [OPS14]', async () => {
  const server = await stage.serve();
  const folder = stage.folder();
  writeFileSync(join(folder, 'password'), password);
  for (const handle of ['alice', 'bob']) await signUp({ url: server.url, handle, password });
  const run = (user: string, input: string) =>
    stage.duolog(
      ['chat', server.url, '--folder', folder, '--user', user, '--password-file', join(folder, 'password')],
      { input },
    );
  const harm = '\x1b]0;owned\x07\u202e';
  expect(await run('bob', `/chat alice\n${'x'.repeat(4_096)}${harm}the end\n`).ended).toBe(0);
  const alice = run('alice', '/chat bob\n/whole\n');
  expect(await alice.ended).toBe(0);
  expect(alice.stdout()).toContain('the end');
  expect(alice.stdout().match(/(?!\n)[\p{Cc}\u202e]/gu)).toBeNull();
}, 30_000);

test('with --to a conversation is opened, or begun with somebody of that handle [OPS14]', async () => {
  const server = await stage.serve();
  const folder = stage.folder();
  for (const handle of ['alice', 'bob']) await signUp({ url: server.url, handle, password });
  writeFileSync(join(folder, 'password'), password);
  for (const attempt of ['begun', 'opened']) {
    const window = new Window([
      'chat',
      server.url,
      '--folder',
      folder,
      '--user',
      'alice',
      '--password-file',
      join(folder, 'password'),
      '--to',
      'bob',
    ]);
    await window.shows(' bob · you are alice');
    window.type('/quit\r');
    expect([attempt, await window.ended]).toEqual([attempt, 0]);
  }
}, 20_000);

test('an account open in one terminal is not opened in another [OPS14]', async () => {
  const server = await stage.serve();
  const folder = stage.folder();
  await signUp({ url: server.url, handle: 'alice', password });
  writeFileSync(join(folder, 'password'), password);
  const args = ['chat', server.url, '--folder', folder, '--user', 'alice', '--password-file', join(folder, 'password')];
  const window = new Window(args);
  await window.shows('you are alice');
  const second = stage.duolog(args, { input: 'x\n' });
  expect(await second.ended).toBe(1);
  expect(second.stderr()).toContain('alice is open already in another terminal');
}, 15_000);
