/** Conversations made by a real owner over memory engines, for whatever reads the store. */
import { directId } from '@duolog/protocol';
import { MemoryRows, openMemoryStore } from '../src/engines/store-memory.ts';
import type { Row, Store } from '../src/ports/store.ts';
import { alice, asks, bob, carol, group, numbered } from './people.ts';
import { PumpRig } from './pump-rig.ts';

export const direct = directId(alice, bob);
export const LONG_TEXT = '\u{1F600}x'.repeat(3_000);

/** All rows of the world as a store of their own, with what a test takes away, adds or changes. */
export const storeOf = async (
  rig: PumpRig,
  edit: (rows: Map<string, Row>) => void = () => undefined,
): Promise<Store> => {
  const rows = new Map<string, Row>();
  const source = openMemoryStore(rig.world.rows);
  for (let after: string | undefined; ;) {
    const page = await source.scan(after, 1_000);
    for (const row of page.rows) rows.set(`${row.partition} ${row.key}`, row);
    if (page.next === undefined) break;
    after = page.next;
  }
  edit(rows);
  const copy = new MemoryRows();
  for (const { partition, key, value } of rows.values()) copy.write(partition, [{ key, value }], 1);
  return openMemoryStore(copy);
};

const signUp = (user: string, handle: string) =>
  asks(`n/${handle}`, user, { kind: 'signUp', user, name: handle.toUpperCase(), passwordHash: 'hash' });

export const say = (conversation: string, user: string, text: string) =>
  asks(`c/${conversation}`, user, { kind: 'send', text });

/** Sends so many messages, numbered in an outbox of the user. */
export const sayMany = async (
  rig: PumpRig,
  conversation: string,
  user: string,
  count: number,
  from = 1,
): Promise<void> => {
  const commands = Array.from({ length: count }, (_, i) =>
    numbered(from + i, say(conversation, user, `message ${from + i}`)),
  );
  for (let i = 0; i < count; i += 500) await rig.results(...commands.slice(i, i + 500));
};

/**
 * Alice, Bob and Carol; a direct conversation of Alice and Bob with ten messages and a long one; a group of Alice's in
 * which Bob is from 1 on, and Carol from 3 to 6 and again from 9 on.
 */
export const openWorld = async (): Promise<PumpRig> => {
  const rig = new PumpRig();
  await rig.openOwner();
  await rig.results(signUp(alice, 'alice'), signUp(bob, 'bob'), signUp(carol, 'carol'));
  await rig.results(asks(`u/${alice}`, alice, { kind: 'addDevice', device: 'phone', name: 'Phone' }));
  await rig.results(asks(`c/${direct}`, alice, { kind: 'createDirect' }));
  await sayMany(rig, direct, alice, 10);
  await rig.results(say(direct, bob, LONG_TEXT));
  await rig.results(asks(`u/${bob}`, bob, { kind: 'read', conversation: direct, seq: 7 }));
  const inGroup = (user: string, command: Parameters<typeof asks>[2]) => asks(`c/${group}`, user, command);
  await rig.results(inGroup(alice, { kind: 'createGroup', name: 'Climbing', members: [bob] }));
  await rig.results(say(group, alice, 'two'));
  await rig.results(inGroup(alice, { kind: 'add', users: [carol] }));
  await rig.results(say(group, carol, 'four'), say(group, alice, 'five'));
  await rig.results(inGroup(alice, { kind: 'remove', user: carol }));
  await rig.results(say(group, bob, 'seven'), inGroup(alice, { kind: 'rename', name: 'Hiking' }));
  await rig.results(inGroup(bob, { kind: 'add', users: [carol] }));
  await rig.results(say(group, carol, 'ten'));
  return rig;
};
