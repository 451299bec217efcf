import { expect, test } from 'bun:test';
import { directId, selfId } from '@duolog/protocol';
import * as fc from 'fast-check';
import { alice, asks, bob, carol, group, numbered, userNamed } from '../../testing/people.ts';
import { PumpRig } from '../../testing/pump-rig.ts';
import { decodeMessage, unfoldRow } from '../core/rows.ts';
import { openMemoryStore, MemoryRows } from '../engines/store-memory.ts';
import type { Store } from '../ports/store.ts';
import { createEntities } from './entities.ts';

/** A store that counts what is read. */
const counting = (): { readonly rows: MemoryRows; readonly store: Store; reads: number } => {
  const rows = new MemoryRows();
  const inner = openMemoryStore(rows);
  const counter = { rows, reads: 0, store: inner };
  return Object.assign(counter, {
    store: {
      ...inner,
      get: (partition: string, key: string) => {
        counter.reads += 1;
        return inner.get(partition, key);
      },
    },
  });
};

const say = (conversation: string, n: number) =>
  numbered(n, asks(`c/${conversation}`, alice, { kind: 'send', text: `${n}` }));

test('what is loaded is not read again, and several who need it share one read [COM6]', async () => {
  const counter = counting();
  const entities = createEntities(counter.store, 1_000);
  const command = say(group, 1);
  const loads = [entities.forCommand(command), entities.forCommand(command), entities.forCommand(say(group, 2))];
  for (const load of loads) await load;
  expect(counter.reads).toBe(2);
  expect(entities.forCommand(command)).toBeUndefined();
  expect(entities.get(`c/${group}`).conversation).toEqual({
    conversation: group,
    roster: undefined,
    head: 0,
    positions: {},
    former: {},
  });
});

test('the head of a log is found in its newest bucket, also when that is named and not used [SYN1]', async () => {
  const { rows, store } = counting();
  rows.write(`c/${group}`, [{ key: 'log', value: '1{"bucket":2}' }], 1);
  rows.write(`c/${group}/1`, [{ key: 'fff', value: '1{}' }], 1);
  const unused = createEntities(store, 100);
  await unused.forWatch(group);
  expect(unused.get(`c/${group}`).conversation?.head).toBe(8_191);
  rows.write(
    `c/${group}/2`,
    [
      { key: '000', value: '1{}' },
      { key: '001', value: '1{}' },
    ],
    2,
  );
  const used = createEntities(store, 100);
  await used.forWatch(group);
  expect(used.get(`c/${group}`).conversation?.head).toBe(8_193);
});

test('what is needed for a membership that ends is loaded with it [CON8]', async () => {
  const { rows, store } = counting();
  rows.write(`c/${group}`, [{ key: `former/${bob}`, value: '1[{"visibleFrom":1,"leaveSeq":2}]' }], 1);
  const entities = createEntities(store, 100);
  await entities.forCommand(asks(`c/${group}`, alice, { kind: 'remove', user: bob }));
  expect(entities.get(`c/${group}`).conversation?.former[bob]).toEqual([{ visibleFrom: 1, leaveSeq: 2 }]);
});

test('members to be added share one read of their conversation, and each has one of their own [LIM11]', async () => {
  const counter = counting();
  const entities = createEntities(counter.store, 1_000);
  const users = [bob, carol, userNamed('dave')];
  await entities.forCommand(asks(`c/${group}`, alice, { kind: 'add', users }));
  expect(counter.reads).toBe(1 + users.length);
  const former = Object.fromEntries(users.map((user) => [user, []]));
  expect(entities.get(`c/${group}`).conversation?.former).toEqual(former);
});

test('half of what is kept is forgotten at a time, the longest unused first [LIM9]', async () => {
  const { store } = counting();
  const entities = createEntities(store, 8);
  const load = (name: string) => entities.forWatch(name);
  for (const name of ['a', 'b', 'c', 'd', 'e']) await load(name);
  expect(entities.crowded).toBe(true);
  entities.trim();
  expect(entities.crowded).toBe(false);
  await load('a');
  for (const name of ['f', 'g', 'h', 'i']) await load(name);
  entities.trim();
  expect([load('a'), load('f'), load('i')]).toEqual([undefined, undefined, undefined]);
  expect(load('b')).toBeDefined();
});

test('an entity that is used all the time does not keep every outbox and membership it ever met [LIM9]', async () => {
  const { store } = counting();
  const entities = createEntities(store, 400);
  for (let i = 0; i < 1_000; i++) {
    if (entities.crowded) entities.trim();
    await entities.forCommand(numbered(1, asks(`c/${group}`, alice, { kind: 'send', text: 'x' }), `outbox-${i}`));
    await entities.forCommand(
      asks(`u/${alice}`, alice, { kind: 'read', conversation: selfId(userNamed(`${i}_`)), seq: 1 }),
    );
  }
  expect(entities.get(`c/${group}`).outboxes.get(alice)?.size ?? 0).toBeLessThan(400);
  expect(entities.get(`u/${alice}`).memberships.size).toBeLessThan(400);
});

test('with little room and commits under way nothing undecided or unsaved is forgotten [COM1] [COM10]', async () => {
  const conversations = [bob, carol, ...[1, 2, 3, 4, 5].map((i) => userNamed(`friend${i}_`))].map((user) =>
    directId(alice, user),
  );
  const step = fc.record({
    conversation: fc.nat({ max: conversations.length - 1 }),
    hold: fc.boolean(),
    repeat: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), async (steps) => {
      const rig = new PumpRig({ window: 3, limits: { maxEntities: 4 } });
      const owner = await rig.openOwner();
      for (const id of conversations) await rig.results(asks(`c/${id}`, alice, { kind: 'createDirect' }));
      const sent = conversations.map(() => 0);
      const refs: number[] = [];
      for (const { conversation, hold, repeat } of steps) {
        if (hold) owner.commits.close();
        else owner.commits.open();
        const id = conversations[conversation] ?? '';
        const n = (sent[conversation] ?? 0) + (repeat && sent[conversation] !== 0 ? 0 : 1);
        sent[conversation] = n;
        refs.push(...rig.send(say(id, n)));
        await rig.clock.advance(0);
      }
      owner.commits.open();
      await rig.clock.advance(0);
      for (const ref of refs) expect(rig.outcomes.get(ref)).toMatchObject({ ok: true });
      for (const [i, id] of conversations.entries()) {
        const texts = rig.world.rows
          .range(`c/${id}/0`, { limit: 100 })
          .map(({ value }) => (JSON.parse(decodeMessage(value)) as { text: string }).text);
        expect(texts).toEqual(Array.from({ length: sent[i] ?? 0 }, (_, k) => `${k + 1}`));
      }
      let head = 0;
      for (const { key, value } of rig.world.rows.range(`u/${alice}/0`, { limit: 1_000 })) {
        head += unfoldRow(value).length;
        expect(Number.parseInt(key, 16)).toBe(head);
      }
      expect(owner.broken).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test('reading in ten thousand conversations one is no member of takes no longer each time [LIM9]', async () => {
  const rig = new PumpRig();
  await rig.openOwner();
  await rig.results(asks('n/alice', alice, { kind: 'signUp', user: alice, name: 'Alice', passwordHash: 'hash' }));
  const reads = Array.from({ length: 10_000 }, (_, i) =>
    asks(`u/${alice}`, alice, { kind: 'read', conversation: selfId(userNamed(`${i}_`)), seq: 1 }),
  );
  const startedAt = performance.now();
  const outcomes = await rig.ask(...reads);
  expect(outcomes.every((outcome) => outcome?.ok === false)).toBe(true);
  // Copying all that is known at each step would take over a minute.
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});
