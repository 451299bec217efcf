import { expect, test } from 'bun:test';
import type { Result } from '@duolog/protocol';
import { storeOf } from '../../testing/chat-world.ts';
import { alice, asks, bob, group } from '../../testing/people.ts';
import { PumpRig } from '../../testing/pump-rig.ts';
import { countWithin } from './page.ts';
import { createQueries } from './queries.ts';
import { syncResult } from './sync.ts';

const MOST_CHARS = 600 * 1024;

test('a page ends after half a million characters, but is never empty [LIM12]', () => {
  const long = 'x'.repeat(200 * 1024);
  expect(countWithin([])).toBe(0);
  expect(countWithin(Array.from({ length: 500 }, () => 'short'))).toBe(500);
  expect(countWithin([long, long, long, long])).toBe(2);
  expect(countWithin([long.repeat(4), 'x'])).toBe(1);
});

test('pages of long messages are short, and together they are everything, whichever way one reads [LIM12] [MSG5] [SYN3]', async () => {
  const rig = new PumpRig();
  await rig.openOwner();
  await rig.results(asks('n/alice', alice, { kind: 'signUp', user: alice, name: 'A', passwordHash: 'h' }));
  await rig.results(asks('n/bob', bob, { kind: 'signUp', user: bob, name: 'B', passwordHash: 'h' }));
  await rig.results(asks(`c/${group}`, alice, { kind: 'createGroup', name: 'G', members: [bob] }));
  // Six characters of JSON for each.
  const text = '\u0001'.repeat(4_096);
  for (let i = 0; i < 60; i++) await rig.results(asks(`c/${group}`, alice, { kind: 'send', text }));
  const queries = createQueries({ store: await storeOf(rig), epoch: 'e', alarm: () => undefined });
  const all = Array.from({ length: 61 }, (_, i) => i + 1);

  const read = async (page: { readonly before?: number; readonly after?: number }) => {
    const json = await queries.history(bob, group, { ...page, limit: 200 });
    expect(json.length).toBeLessThan(MOST_CHARS);
    const { messages, more } = JSON.parse(json) as Result<'message.list'>;
    return { seqs: messages.map(({ seq }) => seq), more };
  };
  const back: number[] = [];
  for (let more = true; more;) {
    const page = await read(back.length === 0 ? {} : { before: back[0] ?? 0 });
    back.unshift(...page.seqs);
    ({ more } = page);
  }
  expect(back).toEqual(all);
  const forth: number[] = [];
  for (let more = true; more;) {
    const page = await read({ after: forth.at(-1) ?? 0 });
    forth.push(...page.seqs);
    ({ more } = page);
  }
  expect(forth).toEqual(all);

  const synced: number[] = [];
  let cursor = 0;
  for (let more = true; more;) {
    const json = syncResult('e', await queries.sync(bob, { epoch: 'e', useq: cursor }, 200));
    expect(json.length).toBeLessThan(MOST_CHARS);
    const page = JSON.parse(json) as Result<'sync'>;
    for (const entry of page.entries) {
      expect(entry.useq).toBe(cursor + 1);
      cursor = entry.useq;
      if (entry.kind === 'message') synced.push(entry.message.seq);
    }
    ({ more } = page);
  }
  expect(synced).toEqual(all);
});

test('a list of conversations whose last messages are long is cut as well [LIM12] [CON4]', async () => {
  const rig = new PumpRig();
  await rig.openOwner();
  await rig.results(asks('n/alice', alice, { kind: 'signUp', user: alice, name: 'A', passwordHash: 'h' }));
  const groups = Array.from({ length: 40 }, (_, i) => `g.${String(i).padStart(16, '0')}`);
  for (const id of groups) {
    await rig.results(asks(`c/${id}`, alice, { kind: 'createGroup', name: id, members: [] }));
    await rig.results(asks(`c/${id}`, alice, { kind: 'send', text: '\u0001'.repeat(4_096) }));
  }
  const queries = createQueries({ store: await storeOf(rig), epoch: 'e', alarm: () => undefined });
  const listed: string[] = [];
  for (let more = true; more;) {
    const json = await queries.conversations(alice, listed.at(-1), 200);
    expect(json.length).toBeLessThan(MOST_CHARS);
    const page = JSON.parse(json) as Result<'conversation.list'>;
    listed.push(...page.conversations.map(({ conversation }) => conversation));
    ({ more } = page);
  }
  expect(listed.filter((id) => id.startsWith('g.'))).toEqual(groups);
});
