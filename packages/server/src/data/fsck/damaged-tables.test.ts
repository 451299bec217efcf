import { afterAll, beforeAll, expect, test } from 'bun:test';
import { readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { LevelRig, claimed, filesOf, flipByte } from '../../../testing/level-rig.ts';
import { AT_ONCE, DIRECTS, MESSAGES_EACH, USERS, storeInTables } from '../../../testing/level-world.ts';
import { LAYOUT } from '../../boot/layout.ts';
import { openForCheck } from '../../engines/level-check.ts';
import type { Checked } from '../../engines/level-check.ts';
import { LEDGER_FOLDER } from '../../engines/level-folder.ts';
import { areaBounds, keysOf } from '../../engines/level-keys.ts';
import type { Store } from '../../ports/store.ts';
import { fsck } from './fsck.ts';
import { reportLines } from './report.ts';
import type { FsckReport } from './report.ts';

const TABLE = /\.ldb$/;
const MESSAGES = DIRECTS.length * MESSAGES_EACH;
const rig = new LevelRig();
let whole: string;
let truth: Rows;
beforeAll(async () => {
  whole = await storeInTables(rig);
  const checked = await openForCheck({ directory: whole, layout: LAYOUT });
  truth = await rowsByEntity(checked.store);
  await checked.close();
});
afterAll(() => rig.clean());

/** All rows, by the conversation, user or name they belong to. */
type Rows = ReadonlyMap<string, readonly string[]>;

const entityOf = (partition: string): string => {
  const [kind = '', id = ''] = partition.split('/');
  return `${kind === 't' ? 'c' : kind}/${id}`;
};

const rowsByEntity = async (store: Store): Promise<Rows> => {
  const rows = new Map<string, string[]>();
  for (let after: string | undefined; ;) {
    const page = await store.scan(after, 1_000);
    for (const { partition, key, value } of page.rows) {
      const entity = entityOf(partition);
      rows.set(entity, [...(rows.get(entity) ?? []), `${partition} ${key} ${value}`]);
    }
    if (page.next === undefined) return new Map([...rows].map(([entity, all]) => [entity, all.toSorted()]));
    after = page.next;
  }
};

interface Looked {
  readonly report: FsckReport;
  readonly rows: Rows;
}
const look = async (opening: Promise<Checked>): Promise<Looked> => {
  const checked = await opening;
  const { store, damage, doubt } = checked;
  const looked = { report: await fsck(store, damage, doubt), rows: await rowsByEntity(store) };
  await checked.close();
  return looked;
};
const lookAt = (directory: string): Promise<Looked> => look(openForCheck({ directory, layout: LAYOUT }));

/** What a report calls whole: all that is there and has neither a fault nor a doubt. */
const calledWhole = ({ report, rows }: Looked): readonly string[] => {
  const named = new Set([...report.unsure, ...report.faults.map(({ entity }) => entity)]);
  return [...rows.keys()].filter((entity) => /^[cun]\//.test(entity) && !named.has(entity));
};

/** What is called whole has every row it had, and is counted so. */
const expectHonest = (looked: Looked): void => {
  const { report, rows } = looked;
  expect(report.ok).toBe(false);
  const entities = calledWhole(looked);
  for (const entity of entities) expect([entity, rows.get(entity)]).toEqual([entity, truth.get(entity)]);
  const { conversations, users, names } = report;
  expect(conversations.whole + users.whole + names.whole).toBe(entities.length);
};

/** The tables of a copy of the store, the largest first. */
const tablesOfCopy = (): { readonly directory: string; readonly tables: readonly string[] } => {
  const directory = rig.copyOf(whole);
  return { directory, tables: filesOf(directory, TABLE).toSorted((a, b) => statSync(b).size - statSync(a).size) };
};

test('a store whose rows lie in many tables is whole [STO9]', async () => {
  const { report } = await lookAt(whole);
  expect(report).toMatchObject({ ok: true, messages: MESSAGES, faults: [], unsure: [] });
  expect(report.users).toEqual({ whole: USERS.length, damaged: 0, unsure: 0 });
  expect(filesOf(whole, TABLE).length).toBeGreaterThan(2);
});

test('wherever a table is damaged, it is named, and what is called whole is [STO11]', async () => {
  const { directory, tables } = tablesOfCopy();
  const kept = { whole: 0, unsure: 0, damaged: 0 };
  for (const table of tables) {
    const content = readFileSync(table);
    for (let at = 50; at < content.length; at += Math.ceil(content.length / 6)) {
      flipByte(table, at);
      const looked = await lookAt(directory);
      expect(looked.report.faults[0]?.what).toStartWith(`the table ${basename(table)} has `);
      expectHonest(looked);
      for (const what of ['whole', 'unsure', 'damaged'] as const) kept[what] += looked.report.conversations[what];
      writeFileSync(table, content);
    }
  }
  expect(kept.damaged).toBeGreaterThan(0);
  expect(kept.unsure).toBeGreaterThan(0);
  // One block is a few rows of a few conversations.
  expect(kept.whole).toBeGreaterThan(4 * (kept.damaged + kept.unsure));
}, 30_000);

test('a message that cannot be read is counted and told by its number, and so are the entries that point to it [STO11]', async () => {
  const { directory, tables } = tablesOfCopy();
  const [table = ''] = tables;
  // Rows of conversations are at the beginning of an area, those of users behind.
  flipByte(table, Math.floor(statSync(table).size / 4));
  const { report } = await lookAt(directory);
  const missing = MESSAGES - report.messages;
  expect(missing).toBeGreaterThan(0);
  expect(report.missing).toEqual({ messages: missing, entries: 0 });
  const told = report.faults.filter(({ entity, what }) => entity.startsWith('c/') && what.startsWith('number'));
  const numbers = told.map(({ what }) => /^numbers? (\d+)(?: to (\d+))? (?:is|are) missing$/.exec(what));
  expect(
    numbers.map((found) => Number(found?.[2] ?? found?.[1]) - Number(found?.[1]) + 1).reduce((a, b) => a + b),
  ).toBe(missing);
  const [file = ''] = report.faults.map(({ what }) => what);
  const [from = ''] = numbers.map((found) => found?.[1] ?? '');
  expect(file).toContain(`its rows from number ${from} of ${told[0]?.entity}`);
  expect(report.faults.map(({ what }) => what).join()).toMatch(/entries from \d+ to \d+ point to numbers/);
  const lines = reportLines(report);
  expect(lines).toContain(`missing       ${String(missing).padStart(10)} messages, 0 entries`);
  expect(lines.join('\n')).toContain('duolog restore');
});

test.each<readonly [string, (table: string) => void, string]>([
  ['is cut short', (table) => truncateSync(table, 10_000), 'is cut short: 10000 of '],
  ['is missing', (table) => rmSync(table), 'is missing: '],
  ['has lost its end', (table) => flipByte(table, statSync(table).size - 4), 'does not end like one: '],
])(
  'the rest is read when a whole table %s, and nothing is called whole that may not be [STO11]',
  async (_, spoil, what) => {
    for (const n of filesOf(whole, TABLE).keys()) {
      const { directory, tables } = tablesOfCopy();
      const table = tables[n] ?? '';
      spoil(table);
      const looked = await lookAt(directory);
      expect(looked.report.faults[0]?.what).toStartWith(`the table ${basename(table)} ${what}`);
      expectHonest(looked);
      const { messages, missing } = looked.report;
      expect(messages).toBeGreaterThan(0);
      expect(messages + missing.messages).toBeLessThanOrEqual(MESSAGES);
      rmSync(directory, { recursive: true });
    }
  },
);

test('rows that are consistent but older than what was last written are in doubt, not whole [STO11]', async () => {
  const { directory, tables } = tablesOfCopy();
  // The newest rows are in the table that was written last: without it there is no hole.
  const newest = tables.toSorted().at(-1) ?? '';
  rmSync(newest);
  const { report } = await lookAt(directory);
  expect(report.conversations).toEqual({ whole: 0, damaged: 0, unsure: DIRECTS.length });
  expect(report.unsure).toContain(`c/${DIRECTS[0]?.id}`);
  expect(report.missing).toEqual({ messages: 0, entries: 0 });
  expect(report.messages).toBeLessThan(MESSAGES);
  expect(reportLines(report).join('\n')).toContain('may have held something newer');
});

test('several damaged tables are all named, and the store keeps every byte [STO11]', async () => {
  const { directory, tables } = tablesOfCopy();
  const [first = '', second = '', third = ''] = tables;
  flipByte(first, 20_000);
  truncateSync(second, 4_000);
  rmSync(third);
  const files = () => filesOf(directory, /./).map((file) => [basename(file), readFileSync(file, 'base64')]);
  const before = files();
  const looked = await lookAt(directory);
  const told = looked.report.faults.map(({ what }) => what).join('\n');
  for (const table of [first, second, third]) expect(told).toContain(`the table ${basename(table)} `);
  expectHonest(looked);
  expect(files()).toEqual(before);
});

const LISTS: readonly (readonly [string, (directory: string) => void, what: RegExp])[] = [
  [
    'is damaged',
    (directory) => flipByte(listOf(directory), 20),
    /^the list of tables MANIFEST-\d+ is damaged at byte 0: /,
  ],
  ['is missing', (directory) => rmSync(listOf(directory)), /^the file MANIFEST-\d+ of the database is missing: /],
  [
    'is not named any more',
    (directory) => rmSync(join(directory, LEDGER_FOLDER, 'CURRENT')),
    /^the file CURRENT of the database is missing: /,
  ],
];
const listOf = (directory: string): string => filesOf(directory, /^MANIFEST/)[0] ?? '';

test.each(LISTS)(
  'a list of tables that %s is told, and all tables are read without it [STO11]',
  async (_, spoil, what) => {
    const { directory, tables } = tablesOfCopy();
    spoil(directory);
    const { report, rows } = await lookAt(directory);
    expect(report.faults.map((fault) => fault.what)).toEqual([expect.stringMatching(what) as string]);
    expect(rows).toEqual(truth);
    // A table may be missing: then what it held newer than the others is as well.
    expect(report.conversations).toEqual({ whole: 0, damaged: 0, unsure: DIRECTS.length });
    expect(report.messages).toBe(MESSAGES);

    const [first = '', second = ''] = tables;
    flipByte(first, 20_000);
    truncateSync(second, 4_000);
    const looked = await lookAt(directory);
    const told = looked.report.faults.map((fault) => fault.what).join('\n');
    for (const table of [first, second]) expect(told).toContain(`the table ${basename(table)} `);
    expectHonest(looked);
    expect(looked.report.conversations.damaged).toBeGreaterThan(0);
    expect(looked.report.messages).toBeLessThan(MESSAGES);
    expect(readdirSync(join(directory, LEDGER_FOLDER)).filter((name) => name.startsWith('check-'))).toEqual([]);
  },
);

test('where batches are lost with a damaged log, nothing is called whole [STO9]', async () => {
  const { directory } = tablesOfCopy();
  const level = await rig.open(directory);
  const claim = await claimed(level);
  for (let n = 1; n <= 20; n++) {
    const rows = [{ partition: 'p/0', key: `accepted/${n}`, value: '1{"stamp":1}' }];
    const stamp = claim.stamp + n;
    await level.ledger.commit({ partition: 0, claim: claim.id, stamp, rows, drops: [], parcels: [], grown: [] });
  }
  await rig.close(level);
  const [log = ''] = filesOf(directory, /\.log$/).filter((file) => statSync(file).size > 0);
  expect((await lookAt(directory)).report.conversations).toEqual({ whole: DIRECTS.length, damaged: 0, unsure: 0 });
  flipByte(log, Math.floor(statSync(log).size / 2));
  const { report } = await lookAt(directory);
  expect(report.faults[0]?.what).toStartWith(`the log ${basename(log)} is damaged at byte `);
  expect(report.conversations).toEqual({ whole: 0, damaged: 0, unsure: DIRECTS.length });
  expect(report.users).toEqual({ whole: 0, damaged: 0, unsure: USERS.length });
  expect(reportLines(report).join('\n')).toContain('may have held something newer');
});

test('a running server looks around its damaged tables too, while it writes on [STO11]', async () => {
  const { directory, tables } = tablesOfCopy();
  const level = await rig.open(directory);
  flipByte(tables[0] ?? '', 80_000);
  const claim = await claimed(level);
  let written = 0;
  const stop = new AbortController();
  const writing = (async () => {
    while (!stop.signal.aborted) {
      written += 1;
      const rows = [{ partition: 'p/0', key: 'accepted/1', value: `1${written}` }];
      const stamp = claim.stamp + written;
      await level.ledger.commit({ partition: 0, claim: claim.id, stamp, rows, drops: [], parcels: [], grown: [] });
    }
  })();
  const looked = await look(level.check());
  stop.abort();
  await writing;
  expectHonest(looked);
  expect(looked.report.faults[0]?.what).toStartWith(`the table ${basename(tables[0] ?? '')} has `);
  expect(looked.report.conversations.whole).toBeGreaterThan(0);
  expect(looked.rows.has('p/0')).toBe(true);
  expect(readdirSync(join(directory, LEDGER_FOLDER)).filter((name) => name.startsWith('check-'))).toEqual([]);
  await rig.close(level);
});

test('rows that lie together and cannot be told apart are faults of what they belong to, and the rest is looked at [STO9]', async () => {
  const directory = rig.copyOf(whole);
  const level = await rig.open(directory);
  const places = await level.db.iterator(areaBounds).all();
  const ofConversation = places.filter(([place]) => keysOf(place)[0].startsWith('c/'));
  const [place, stored] = ofConversation[ofConversation.length >> 1] ?? ['', ''];
  await level.db.put(place, stored.slice(0, -1));
  const [partition, key] = keysOf(place);
  const failure = await level.store.get(partition, key).catch((cause: unknown) => cause);
  expect(String(failure)).toContain('Reading the store failed');
  const running = await look(level.check());
  await rig.close(level);
  const entity = entityOf(partition);
  const number = Number.parseInt(key, 16);
  for (const looked of [running, await lookAt(directory)]) {
    const { report } = looked;
    expectHonest(looked);
    expect(report.conversations).toEqual({ whole: DIRECTS.length - 1, damaged: 1, unsure: 0 });
    expect(report.messages).toBe(MESSAGES - AT_ONCE + 1);
    const told = report.faults.filter((fault) => fault.entity === entity).map(({ what }) => what);
    expect(told).toContain(`number ${number - 1} is missing`);
    expect(told).toContain(`the row "number ${number}" cannot be read`);
  }
});
