import { beforeAll, expect, test } from 'bun:test';
import { direct, openWorld, sayMany, storeOf } from '../../../testing/chat-world.ts';
import { alice, asks, bob, carol, group, numbered } from '../../../testing/people.ts';
import { PumpRig } from '../../../testing/pump-rig.ts';
import { OUTBOX_STRIDE } from '../../core/outbox.ts';
import type { Row } from '../../ports/store.ts';
import { fsck } from './fsck.ts';
import { reportLines } from './report.ts';

let rig: PumpRig;
beforeAll(async () => {
  rig = await openWorld();
});

test('a whole store has no fault, and everything in it was looked at [STO9]', async () => {
  const report = await fsck(await storeOf(rig));
  expect(report).toEqual({
    ok: true,
    conversations: { whole: 2, damaged: 0, unsure: 0 },
    users: { whole: 3, damaged: 0, unsure: 0 },
    names: { whole: 3, damaged: 0, unsure: 0 },
    messages: 21,
    entries: expect.any(Number) as number,
    outboxes: 1,
    longTexts: 1,
    missing: { messages: 0, entries: 0 },
    unsure: [],
    faults: [],
    faultCount: 0,
  });
  expect(report.entries).toBeGreaterThan(40);
  expect(reportLines(report).at(-1)).toBe('Everything is whole.');
});

test('logs of several buckets are whole, and of a user also when old buckets have expired [STO9]', async () => {
  const world = new PumpRig();
  await world.openOwner();
  await world.results(asks(`n/alice`, alice, { kind: 'signUp', user: alice, name: 'A', passwordHash: 'h' }));
  await world.results(asks(`n/bob`, bob, { kind: 'signUp', user: bob, name: 'B', passwordHash: 'h' }));
  await world.results(asks(`c/${direct}`, alice, { kind: 'createDirect' }));
  await sayMany(world, direct, alice, 8_400);
  expect((await fsck(await storeOf(world))).faults).toEqual([]);
  const expired = await storeOf(world, (rows) => {
    for (const [name, { partition }] of rows) if (partition === `u/${bob}/0`) rows.delete(name);
    change(rows, `u/${bob} log`, () => '1{"bucket":2,"begun":[[1,0]]}');
  });
  expect((await fsck(expired)).faults).toEqual([]);
  const hole = await fsck(await storeOf(world, (rows) => void rows.delete(`c/${direct}/1 000`)));
  expect(hole.faults.map(({ what }) => what)).toContain('number 4096 is missing');
  const unnamed = await fsck(await storeOf(world, (rows) => void rows.delete(`c/${direct} log`)));
  expect(unnamed.faults.map(({ what }) => what)).toContain('bucket 1 is used but not named');
});

const change = (rows: Map<string, Row>, name: string, edit: (value: string) => string): void => {
  const row = rows.get(name);
  if (row === undefined) throw new Error(`there is no row ${name}`);
  rows.set(name, { ...row, value: edit(row.value) });
};
const remove = (rows: Map<string, Row>, name: string): void => {
  if (!rows.delete(name)) throw new Error(`there is no row ${name}`);
};
const copy = (rows: Map<string, Row>, name: string, to: Partial<Row>): void => {
  const row = rows.get(name);
  if (row === undefined) throw new Error(`there is no row ${name}`);
  rows.set(`copy of ${name}`, { ...row, ...to });
};
const outbox = `c/${direct} outbox/${alice}/outbox-1`;

const damage: readonly (readonly [string, (rows: Map<string, Row>) => void, entity: string, what: string])[] = [
  [
    'a message is missing in the middle',
    (rows) => remove(rows, `c/${direct}/0 004`),
    `c/${direct}`,
    'number 4 is missing',
  ],
  [
    'the newest message is missing',
    (rows) => remove(rows, `c/${group}/0 00a`),
    `u/${alice}`,
    `points to number 10 of ${group}`,
  ],
  [
    'a message is another one',
    (rows) => copy(rows, `c/${direct}/0 004`, { key: '005' }),
    `c/${direct}`,
    'number 5 is not the message that belongs there',
  ],
  [
    'a message cannot be read',
    (rows) => change(rows, `c/${direct}/0 004`, (value) => value.slice(0, 40)),
    `c/${direct}`,
    'the row "number 4" cannot be read',
  ],
  [
    'a message has a format nobody knows',
    (rows) => change(rows, `c/${direct}/0 004`, (value) => `7${value.slice(1)}`),
    `c/${direct}`,
    'the row "number 4" cannot be read',
  ],
  [
    'a message too much',
    (rows) => copy(rows, `c/${direct}/0 00b`, { key: '00d' }),
    `c/${direct}`,
    'number 12 is missing',
  ],
  ['an entry is missing in the middle', (rows) => remove(rows, `u/${bob}/0 00d`), `u/${bob}`, 'number 13 is missing'],
  [
    'a row of several entries is missing',
    (rows) => remove(rows, `u/${bob}/0 00c`),
    `u/${bob}`,
    'numbers 3 to 12 are missing',
  ],
  [
    'a row of several entries cannot be read',
    (rows) => change(rows, `u/${bob}/0 00c`, (value) => value.replace('410 ', '4x ')),
    `u/${bob}`,
    'the row of number 12 cannot be read',
  ],
  [
    'a row of several entries goes over the one before it',
    (rows) => change(rows, `u/${bob}/0 00d`, () => `42 11 ${direct}`),
    `u/${bob}`,
    'number 12 is there twice',
  ],
  ['the newest entry is missing', (rows) => remove(rows, `u/${carol}/0 00a`), `u/${carol}`, 'entries go to number'],
  [
    'an entry points elsewhere',
    (rows) => change(rows, `u/${bob}/0 00d`, () => `29 ${direct}`),
    `u/${bob}`,
    'points to number 9',
  ],
  [
    'an entry points to nothing',
    (rows) => change(rows, `u/${bob}/0 00d`, () => `21 g.doesnotexist00000`),
    `u/${bob}`,
    'which is not there',
  ],
  [
    'an entry has a format nobody knows',
    (rows) => change(rows, `u/${bob}/0 00d`, () => '9'),
    `u/${bob}`,
    'entry 13 cannot be read',
  ],
  [
    'an outbox has a hole',
    (rows) => change(rows, outbox, (value) => value.replace('[7,', '[70,')),
    `c/${direct}`,
    'goes from n = 6 to 70',
  ],
  ['an outbox cannot be read', (rows) => change(rows, outbox, () => '20 [[1,2'), `c/${direct}`, 'cannot be read'],
  ['an outbox is empty', (rows) => change(rows, outbox, () => '20 []'), `c/${direct}`, 'is empty'],
  [
    'an outbox was answered with a message that is not there',
    (rows) => change(rows, outbox, (value) => value.replace('"seq":10', '"seq":99')),
    `c/${direct}`,
    'number 99, which is not there',
  ],
  [
    'an outbox was answered with a message of somebody else',
    (rows) => change(rows, outbox, (value) => value.replace('"seq":10', '"seq":11')),
    `c/${direct}`,
    `number 11 is by ${bob}`,
  ],
  [
    'a member has no row of the conversation',
    (rows) => remove(rows, `u/${bob} in/${group}`),
    `c/${group}`,
    `the member ${bob} has no row`,
  ],
  [
    'a member’s row says otherwise',
    (rows) => change(rows, `u/${bob} in/${group}`, (value) => value.replace('"joinSeq":0', '"joinSeq":4')),
    `c/${group}`,
    'not joined at 0',
  ],
  [
    'a user has a row of a conversation that does not know them',
    (rows) => copy(rows, `u/${bob} in/${direct}`, { partition: `u/${carol}` }),
    `u/${carol}`,
    'whose roster does not know the user',
  ],
  ['the roster is missing', (rows) => remove(rows, `c/${group} roster`), `c/${group}`, 'but no roster'],
  [
    'the roster cannot be read',
    (rows) => change(rows, `c/${group} roster`, () => '1{'),
    `c/${group}`,
    'the row "roster" cannot be read',
  ],
  [
    'a former membership cannot be',
    (rows) => change(rows, `c/${group} former/${carol}`, (value) => value.replace('"leaveSeq":6', '"leaveSeq":60')),
    `c/${group}`,
    'which cannot be',
  ],
  [
    'somebody has read beyond the end',
    (rows) => change(rows, `c/${direct} positions`, (value) => value.replace('7', '70')),
    `c/${direct}`,
    'has read up to 70',
  ],
  [
    'a long text is missing',
    (rows) => remove(rows, `t/${direct}/0 00b`),
    `c/${direct}`,
    'the whole text of number 11 is missing',
  ],
  [
    'a long text is shorter than it was',
    (rows) => change(rows, `t/${direct}/0 00b`, (value) => value.slice(0, -1)),
    `c/${direct}`,
    'has not the 6000 characters',
  ],
  [
    'a long text of no message',
    (rows) => copy(rows, `t/${direct}/0 00b`, { key: '003' }),
    'store',
    '1 rows of logs were met in no log',
  ],
  [
    'an account is missing',
    (rows) => remove(rows, `u/${carol} account`),
    `u/${carol}`,
    'there are entries, but no account',
  ],
  ['a handle is not held', (rows) => remove(rows, 'n/carol holder'), `u/${carol}`, 'the handle carol is not held'],
  [
    'a handle is held by somebody who bears another',
    (rows) => copy(rows, 'n/carol holder', { partition: 'n/karola' }),
    'n/karola',
    'does not bear it',
  ],
  [
    'the rows of a whole conversation are missing',
    (rows) => {
      for (const name of rows.keys()) if (name.startsWith(`c/${group} `)) rows.delete(name);
    },
    `c/${group}`,
    'belong to nothing',
  ],
  [
    'a row that nobody knows',
    (rows) => copy(rows, `c/${group} roster`, { key: 'colour' }),
    `c/${group}`,
    'nobody knows a row "colour"',
  ],
  [
    'rows of another program',
    (rows) => copy(rows, `c/${group} roster`, { partition: 'x/y' }),
    'x/y',
    'nobody knows a row',
  ],
];

test.each(damage)('fsck finds that %s, and what is still whole [STO9]', async (_, edit, entity, what) => {
  const report = await fsck(await storeOf(rig, edit));
  expect(report.ok).toBe(false);
  expect(report.faults.filter((fault) => fault.entity === entity && fault.what.includes(what))).not.toEqual([]);
  const { conversations, users, names } = report;
  expect(conversations.whole + users.whole + names.whole).toBeGreaterThanOrEqual(3);
  expect(reportLines(report).join('\n')).toContain(what);
});

test.each<readonly [string, (rows: Map<string, Row>) => void, string]>([
  [
    'is there twice',
    (rows) => change(rows, `c/${direct}/0 005`, (value) => value.replace(' 5 ', ' 4 ')),
    'which was at 4 before',
  ],
  [
    'is left out',
    (rows) => change(rows, `c/${direct}/0 005`, (value) => value.replace(' 5 ', ' 6 ')),
    'goes from n = 4 to 6',
  ],
  ['has no row', (rows) => remove(rows, outbox), 'which has no row'],
  [
    'is older than its row says',
    (rows) => change(rows, outbox, (value) => value.replace('23 ', '28 ')),
    'ends before n = 4',
  ],
  [
    'is too far behind its row',
    (rows) => change(rows, outbox, (value) => value.replace('23 ', '20 ').replace(/\[\[.*$/, '[[0,"",{}]]')),
    'too far behind',
  ],
  [
    'is another one than its row says',
    (rows) => change(rows, outbox, (value) => value.replace('"seq":3', '"seq":2')),
    'answered with number 2',
  ],
])('fsck finds that a command in the log of messages %s [STO9] [COM10]', async (_, edit, what) => {
  const world = new PumpRig();
  await world.openOwner();
  await world.results(asks(`c/${direct}`, alice, { kind: 'createDirect' }));
  await sayMany(world, direct, alice, 3);
  for (let n = 4; n <= OUTBOX_STRIDE + 3; n++) await sayMany(world, direct, alice, 1, n);
  const faults = async (changed?: typeof edit) =>
    (await fsck(await storeOf(world, changed))).faults
      .filter(({ entity }) => entity === `c/${direct}`)
      .map((fault) => fault.what)
      .filter((fault) => !fault.includes('has no row of it'));
  expect(await faults()).toEqual([]);
  expect((await faults(edit)).join('; ')).toContain(what);
});

test('answers that no message belongs to are no fault: changes that change nothing, and refusals [STO9] [COM10]', async () => {
  const world = await openWorld();
  const ask = (n: number, command: Parameters<typeof asks>[2]) => numbered(n, asks(`c/${group}`, alice, command));
  await world.results(ask(1, { kind: 'add', users: [bob] }));
  await world.results(ask(2, { kind: 'remove', user: 'ustranger0000000' }));
  await world.ask(ask(3, { kind: 'refused', refusal: { code: 'notFound', detail: 'There is no such user.' } }));
  const report = await fsck(await storeOf(world));
  expect(report.outboxes).toBe(2);
  expect(report.faults).toEqual([]);
});

test('rows of groups that were left are whole with the name of then and, of older versions, without [STO9] [COM11]', async () => {
  const world = await openWorld();
  await world.results(asks(`c/${group}`, bob, { kind: 'leave' }));
  expect((await fsck(await storeOf(world))).faults).toEqual([]);
  const older = await storeOf(world, (rows) =>
    change(rows, `u/${bob} in/${group}`, (value) => {
      expect(value).toContain(',"name":"Hiking"');
      return value.replace(',"name":"Hiking"', '');
    }),
  );
  expect((await fsck(older)).faults).toEqual([]);
});

test('faults of the files come with the report, and many faults stay few lines [STO9]', async () => {
  const report = await fsck(await storeOf(rig), [
    { what: 'the table 000005.ldb has 1 damaged of 9 blocks', unread: [] },
  ]);
  expect(report).toMatchObject({ ok: false, faultCount: 1, faults: [{ entity: 'store' }] });
  const world = new PumpRig();
  await world.openOwner();
  await world.results(asks(`c/${direct}`, alice, { kind: 'createDirect' }));
  await sayMany(world, direct, alice, 3_000);
  const spoilt = await fsck(
    await storeOf(world, (rows) => {
      for (const [name, row] of rows) if (row.partition === `c/${direct}/0`) rows.set(name, { ...row, value: '1{}' });
    }),
  );
  expect(spoilt.faultCount).toBeGreaterThan(3_000);
  expect(spoilt.faults).toHaveLength(1_000);
});

test('whatever a row says, the rest is looked at [STO9]', async () => {
  const names: string[] = [];
  await storeOf(rig, (rows) => void names.push(...rows.keys()));
  const spoilt = [
    '',
    'garbage',
    '\u0001x',
    '1{',
    '1null',
    '1[]',
    '1{}',
    '1{"members":3}',
    '2x',
    '3{',
    '4x',
    '4300 2 c',
  ];
  for (const name of names) {
    for (const value of spoilt) {
      const report = await fsck(await storeOf(rig, (rows) => change(rows, name, () => value)));
      expect([name, value, report.faults.find(({ what }) => what.includes('to its end'))]).toEqual([
        name,
        value,
        undefined,
      ]);
    }
  }
});

test('a store that cannot be read to its end says so [STO9]', async () => {
  const store = await storeOf(rig);
  const broken = await fsck({
    ...store,
    scan: async (after, limit) => {
      if (after !== undefined) throw new Error('bad block');
      return store.scan(after, Math.min(limit, 40));
    },
    range: async (partition, range) => {
      if (partition === `u/${bob}/0`) throw new Error('bad block');
      return store.range(partition, range);
    },
  });
  expect(broken.faults.map(({ what }) => what).join()).toContain('cannot be read to its end: bad block');
});
