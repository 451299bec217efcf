import { describe, expect, test } from 'bun:test';
import type { Result } from '@duolog/protocol';
import { storeOf } from '../../testing/chat-world.ts';
import { alice, asks, bob, group } from '../../testing/people.ts';
import { PumpRig } from '../../testing/pump-rig.ts';
import type { Row, Store } from '../ports/store.ts';
import { createQueries } from './queries.ts';

const inGroup = (command: Parameters<typeof asks>[2]) => asks(`c/${group}`, alice, command);
const rename = (name: string) => inGroup({ kind: 'rename', name });
const remove = inGroup({ kind: 'remove', user: bob });
const add = inGroup({ kind: 'add', users: [bob] });

/** A group of Alice and Bob that bore one name before, another when Bob left, and a third afterwards. */
const leftWorld = async (partitions: number): Promise<PumpRig> => {
  const rig = new PumpRig({ partitions });
  await rig.openOwner();
  await rig.results(inGroup({ kind: 'createGroup', name: 'Climbing', members: [bob] }));
  await rig.results(rename('Hiking'), remove, rename('Surprise for Bob'));
  return rig;
};

const reading = (store: Store) => createQueries({ store, epoch: 'epoch-1', alarm: () => undefined });

/** The group as Bob gets it alone and in his list, which say the same; as text and as what it is. */
const seenByBob = async (store: Store): Promise<{ readonly text: string; readonly name: string | undefined }> => {
  const [text, list] = [
    await reading(store).conversation(bob, group),
    await reading(store).conversations(bob, undefined, 10),
  ];
  const { conversation } = JSON.parse(text) as Result<'conversation.get'>;
  const { conversations } = JSON.parse(list) as Result<'conversation.list'>;
  expect(conversations).toEqual([conversation]);
  return { text: text + list, name: conversation.name };
};

const changeOwnRow = (change: (value: string) => string) => (rows: Map<string, Row>) => {
  const name = `u/${bob} in/${group}`;
  const row = rows.get(name);
  if (row === undefined) throw new Error(`there is no row ${name}`);
  const value = change(row.value);
  expect(value).not.toBe(row.value);
  rows.set(name, { ...row, value });
};

describe.each([1, 16])('with %i partitions', (partitions) => {
  test('a group that was left keeps the name it had then, whatever it is called later [CON4]', async () => {
    const { text, name } = await seenByBob(await storeOf(await leftWorld(partitions)));
    expect(name).toBe('Hiking');
    expect(text).not.toContain('Surprise');
  });

  test('who comes back sees what the group is called now, and after leaving again what it was called then [CON4] [CON8]', async () => {
    const rig = await leftWorld(partitions);
    await rig.results(add, rename('Four'));
    const back = await storeOf(rig);
    expect(await back.get(`u/${bob}`, `in/${group}`)).not.toContain('name');
    expect((await seenByBob(back)).name).toBe('Four');
    await rig.results(rename('Five'), asks(`c/${group}`, bob, { kind: 'leave' }), rename('Six'));
    expect((await seenByBob(await storeOf(rig))).name).toBe('Five');
  });

  test('the entry that tells of leaving says the name too [CON4] [SYN4]', async () => {
    const rig = await leftWorld(partitions);
    const page = await reading(await storeOf(rig)).sync(bob, { epoch: undefined, useq: 0 }, 200);
    const entries = JSON.parse(page.state === 'run' ? `[${page.entries}]` : '[]') as Result<'sync'>['entries'];
    expect(entries.at(-1)).toMatchObject({ kind: 'membership', state: 'left', name: 'Hiking', leaveSeq: 3 });
    expect(entries.every((entry) => !JSON.stringify(entry).includes('Surprise'))).toBe(true);
  });
});

test('a row of an older version has no name to tell: none is told, and never that of today [COM11] [CON4]', async () => {
  const older = changeOwnRow((value) => value.replace(',"name":"Hiking"', ''));
  const { text, name } = await seenByBob(await storeOf(await leftWorld(1), older));
  expect(name).toBeUndefined();
  expect(text).not.toContain('Surprise');
  expect(text).toContain('"state":"left"');
});

test('while one’s own row has not heard of leaving yet, the name of today is not told either [CON4] [COM6]', async () => {
  const behind = changeOwnRow(() => '1{"state":"joined","joinSeq":0,"visibleFrom":1,"readSeq":0}');
  const { text, name } = await seenByBob(await storeOf(await leftWorld(1), behind));
  expect(name).toBeUndefined();
  expect(text).not.toContain('Surprise');
});
