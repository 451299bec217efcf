import { expect, test } from 'bun:test';
import type { Message, Sending } from '@duolog/sdk';
import { CHAT_COMMANDS, chatHelp, readTyped } from './commands.ts';
import { EMPTY, draftOf } from './editor.ts';
import { bannerOf } from './banner.ts';
import { picture } from './layout.ts';
import type { Scene } from './layout.ts';
import { Names } from './names.ts';
import { unstyled } from './styles.ts';
import { Terminal } from './terminal.ts';
import { transcript } from './transcript.ts';
import type { Talk } from './transcript.ts';
import { widthOf } from './width.ts';

const me = 'uMMMMMMMMMMMMMMMM';
const bob = 'uBBBBBBBBBBBBBBBB';
const evil = 'uEEEEEEEEEEEEEEEE';
const handles: Readonly<Record<string, string>> = { [me]: 'alice', [bob]: 'bob', [evil]: 'eve' };
const names = new Names(
  {
    user: me,
    knownUser: (user) => {
      const handle = handles[user];
      return handle === undefined ? undefined : { user, handle, name: handle };
    },
    users: () => Promise.resolve([]),
  },
  () => undefined,
);

const at = new Date(2026, 10, 24, 9, 5).getTime();
const say = (seq: number, sender: string, text: string, more: Partial<Message> = {}): Message => ({
  conversation: 'g.1',
  seq,
  kind: 'text',
  sender,
  at,
  text,
  ...more,
});
const talk = (facts: Partial<Talk>): Talk => ({
  messages: [],
  sendings: [],
  me,
  unreadFrom: undefined,
  hasOlder: false,
  readByOthers: 0,
  ...facts,
});
const lines = (facts: Partial<Talk>, columns = 60): readonly string[] =>
  transcript(talk(facts), names, columns).map((line) => unstyled(line).trimEnd());

test('messages stand beside time and name, wrapped, with a rule for each day [OPS14]', () => {
  const next = new Date(2026, 10, 25, 8, 0).getTime();
  expect(
    lines({ messages: [say(1, bob, '你好，世界你好，世界 and more words'), say(2, bob, 'x', { at: next })] }, 40),
  ).toEqual([
    expect.stringMatching(/^─+ Tuesday, 24 November 2026 ─+$/),
    '09:05 bob     你好，世界你好，世界',
    '              and more words',
    expect.stringContaining('Wednesday, 25 November 2026'),
    '08:00 bob     x',
  ]);
});

test('what is new since last time stands below a rule, what is older is announced [OPS14]', () => {
  const shown = lines({ messages: [say(4, bob, 'old'), say(5, bob, 'new one')], unreadFrom: 5, hasOlder: true });
  expect(shown[0]).toContain('Page-up shows older messages');
  expect(shown[3]).toMatch(/^─+ new ─+$/);
  expect(shown[4]).toBe('09:05 bob     new one');
});

test('one’s own messages tell their fate: kept, stored, read, refused [OPS14]', () => {
  const sending = (state: Sending['state']): Sending =>
    ({
      order: 1,
      method: 'message.send',
      params: { conversation: 'g.1', text: 'later' },
      at,
      state,
    }) as unknown as Sending;
  const error = { message: 'You may not do this here.' } as never;
  const shown = lines(
    {
      messages: [say(1, me, 'read'), say(2, me, 'stored')],
      sendings: [sending({ status: 'queued' }), sending({ status: 'failed', error })],
      readByOthers: 1,
    },
    80,
  );
  expect(shown.slice(1)).toEqual([
    '09:05 you     read ✓✓',
    '09:05 you     stored ✓',
    '09:05 you     later ◷',
    '09:05 you     later ✗',
    '              not sent: You may not do this here. /retry or /discard',
  ]);
});

test('changes are sentences, and a shortened text says so [OPS14]', () => {
  const change = (action: string, facts = {}): Message => ({
    conversation: 'g.1',
    seq: 1,
    kind: 'change',
    sender: bob,
    at,
    change: { action, ...facts } as never,
  });
  const told = (message: Message): string | undefined => lines({ messages: [message] })[1];
  expect(told(change('added', { users: [me, evil] }))).toBe('· bob added you, eve');
  expect(told(change('renamed', { name: 'Ops' }))).toBe('· bob renamed the group to “Ops”');
  expect(told(change('left'))).toBe('· bob left');
  expect(told(change('somethingNew'))).toBe('· bob: somethingNew');
  expect(lines({ messages: [say(1, bob, 'long', { length: 99_999 })] })[1]).toBe(
    '09:05 bob     long… (99,999 characters; /whole shows all)',
  );
});

test('no line is wider than the window, and no text can command the terminal [OPS14]', () => {
  const nasty = '\x1b[2J\x1b]0;owned\x07 \u202eevil 你好'.repeat(5);
  const messages = [say(1, evil, nasty), say(2, me, nasty)];
  for (const columns of [30, 47, 80]) {
    for (const line of transcript(talk({ messages }), names, columns)) {
      expect(widthOf(unstyled(line))).toBeLessThanOrEqual(columns);
      expect(/[\p{Cc}\u202e]/u.test(unstyled(line))).toBe(false);
    }
  }
});

const scene = (facts: Partial<Scene>): Scene => ({
  columns: 80,
  rows: 12,
  list: [
    { title: 'bob', unread: 3, selected: false, left: false },
    { title: 'Ops team 运维', unread: 0, selected: true, left: false },
  ],
  heading: ['Ops team 运维', '2 members'],
  lines: () => Array.from({ length: 20 }, (_, i) => `line ${i}`),
  scrolled: 0,
  overlay: undefined,
  draft: EMPTY,
  banner: '',
  notice: '',
  ...facts,
});
const shown = (facts: Partial<Scene>): readonly string[] => picture(scene(facts)).rows.map(unstyled);

test('every row has exactly the columns of the window, at any size [OPS14]', () => {
  for (const columns of [20, 40, 63, 64, 80, 200]) {
    for (const rows of [6, 12, 50]) {
      const draft = draftOf('你好 '.repeat(columns));
      const found = picture(scene({ columns, rows, draft, banner: '离线 offline '.repeat(30) }));
      expect(found.rows).toHaveLength(rows);
      for (const row of found.rows) expect([columns, rows, widthOf(unstyled(row))]).toEqual([columns, rows, columns]);
      const [row, column] = found.cursor;
      expect(row >= 1 && row <= rows && column >= 1 && column <= columns).toBe(true);
    }
  }
});

test('the list shows unread counts; a narrow window leaves it out [OPS14]', () => {
  expect(shown({})[1]).toMatch(/^ bob +3 │/);
  expect(shown({})[2]).toMatch(/^ Ops team 运维 +│/);
  expect(shown({ columns: 50 })[0]).toStartWith(' Ops team 运维 · 2 members');
});

test('scrolling shows older lines and says how many are below [OPS14]', () => {
  expect(shown({})[8]).toContain('line 19');
  const scrolled = shown({ scrolled: 5 });
  expect(scrolled[8]).toContain('line 14');
  expect(scrolled.at(-1)).toContain('5 lines below');
  expect(shown({ scrolled: 1_000 })[1]).toContain('line 0');
});

test('the cursor stands where one writes, also in a draft of several lines [OPS14]', () => {
  expect(picture(scene({ draft: draftOf('你好') })).cursor).toEqual([11, 7]);
  const two = picture(scene({ draft: draftOf('one\ntwo') }));
  expect(
    two.rows
      .map(unstyled)
      .slice(-3)
      .map((row) => row.trimEnd()),
  ).toEqual(['> one', '  two', ' Tab: next conversation · /help']);
  expect(two.cursor).toEqual([11, 6]);
});

test('a broken connection is told, above any notice [OPS14]', () => {
  expect(shown({ banner: 'Offline', notice: 'Added.' }).at(-1)).toStartWith(' Offline');
  expect(shown({ notice: 'Added.' }).at(-1)).toStartWith(' Added.');
});

test('the banner says what goes on, but not for a blink [OPS14]', () => {
  const waiting = { status: 'waiting', attempt: 1, retryAt: 10_000 } as const;
  expect(bannerOf(waiting, 5_500, 500)).toBe('');
  expect(bannerOf(waiting, 5_500, 5_000)).toBe('Offline: trying again in 5 s. What you send is kept until then.');
  expect(bannerOf({ status: 'live' }, 0, 0)).toBe('');
  expect(bannerOf({ status: 'syncing' }, 0, 5_000)).toBe('Catching up …');
  expect(bannerOf({ status: 'stopped', error: { code: 'unauthenticated', message: '' } as never }, 0, 0)).toContain(
    'signed out',
  );
});

test('only rows that changed are written again [OPS14]', () => {
  let written = '';
  const terminal = new Terminal({ write: (text) => (written += text) });
  terminal.draw(picture(scene({})));
  expect(written).toContain('\x1b[2J');
  written = '';
  terminal.draw(picture(scene({ notice: 'hello' })));
  expect(written.match(/\[\d+;1H/g)).toEqual(['[12;1H']);
  written = '';
  terminal.forget();
  terminal.draw(picture(scene({})));
  expect(written.match(/\[\d+;1H/g)).toHaveLength(12);
});

test.each([
  ['hello', { kind: 'text', text: 'hello' }],
  ['//etc', { kind: 'text', text: '/etc' }],
  ['/chat bob', { kind: 'command', name: 'chat', words: ['bob'], rest: 'bob' }],
  [
    '/gr Ops team, bob carol',
    { kind: 'command', name: 'group', words: ['Ops', 'team', 'bob', 'carol'], rest: 'Ops team, bob carol' },
  ],
  ['/ADD bob,carol', { kind: 'command', name: 'add', words: ['bob', 'carol'], rest: 'bob,carol' }],
  ['/chat', { kind: 'wrong', message: 'Usage: /chat HANDLE' }],
  ['/nonsense', { kind: 'wrong', message: expect.stringContaining('There is no /nonsense') }],
  ['/constructor', { kind: 'wrong', message: expect.stringContaining('There is no /constructor') }],
  ['/re x', { kind: 'wrong', message: '/re may mean /remove or /rename or /retry or /revoke.' }],
  ['/', { kind: 'wrong', message: expect.stringContaining('There is no /;') }],
])('%j is read as %j [OPS14]', (typed, read) => {
  expect(readTyped(typed)).toEqual(read as never);
});

test('help names every command [OPS14]', () => {
  const help = chatHelp().join('\n');
  for (const name of Object.keys(CHAT_COMMANDS)) expect(help).toContain(`/${name}`);
});
