import { expect, test } from 'bun:test';
import { direct, openWorld, storeOf } from '../../testing/chat-world.ts';
import { alice } from '../../testing/people.ts';
import { encodeOutbox } from '../core/outbox.ts';
import { conversationKey, outboxKey } from '../core/rows.ts';
import type { Store } from '../ports/store.ts';
import { createOutboxReader } from './outboxes.ts';

const ENTITY = conversationKey(direct);
const OUTBOXES = 100;

/** A store with many outboxes in one conversation; `range` answers when it is let. */
const manyOutboxes = async () => {
  const answers = [{ n: 1, hash: 'h', answer: { result: '{"seq":1,"at":1}' } }];
  const store = await storeOf(await openWorld(), (rows) => {
    for (let i = 0; i < OUTBOXES; i++) {
      const row = { partition: ENTITY, key: outboxKey(alice, `o${i}`), value: encodeOutbox({ answers, head: 1 }) };
      rows.set(`${row.partition} ${row.key}`, row);
    }
  });
  const reads = { underWay: 0, most: 0, failing: 0 };
  const counted: Store = {
    ...store,
    get: (partition, key) => store.get(partition, key),
    range: async (...asked) => {
      reads.underWay += 1;
      reads.most = Math.max(reads.most, reads.underWay);
      try {
        if (reads.failing-- > 0) throw new Error('the disk does not answer');
        return await store.range(...asked);
      } finally {
        reads.underWay -= 1;
      }
    },
  };
  return { reads, read: createOutboxReader(counted) };
};

const all = (read: ReturnType<typeof createOutboxReader>) =>
  Promise.allSettled(Array.from({ length: OUTBOXES }, (_, i) => read(ENTITY, alice, `o${i}`)));

test('however many outboxes are asked for at once, a few logs are read at a time [LIM9] [COM10]', async () => {
  const { reads, read } = await manyOutboxes();
  const loaded = await all(read);
  expect(loaded.filter(({ status }) => status === 'fulfilled')).toHaveLength(OUTBOXES);
  expect(reads.most).toBe(8);
});

test('reads that fail leave room for those that wait [LIM9] [COM9]', async () => {
  const { reads, read } = await manyOutboxes();
  reads.failing = 20;
  const first = await all(read);
  expect(first.filter(({ status }) => status === 'rejected')).toHaveLength(20);
  expect((await all(read)).every(({ status }) => status === 'fulfilled')).toBe(true);
});
