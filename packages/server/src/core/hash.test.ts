import { expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { contentHash, partitionOf, rendezvousWeight } from './hash.ts';

test('the hash of a content is the same each time, on every machine and in every version [COM10] [COM11]', () => {
  expect(contentHash('', '')).toBe('1005681444.591901103');
  expect(contentHash('message.send', '{"text":"hello"}')).toBe('-1253965407.122121383');
});

test('contents that differ have hashes that differ [COM10]', () => {
  const hashes = new Set(Array.from({ length: 100_000 }, (_, i) => contentHash('message.send', `{"text":"${i}"}`)));
  expect(hashes.size).toBe(100_000);
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      expect(contentHash('m', a) === contentHash('m', b)).toBe(a === b);
    }),
  );
});

test('a hash fits an outbox row as it is [COM10]', () => {
  fc.assert(
    fc.property(fc.string(), (content) => expect(contentHash('m', content)).toMatch(/^-?\d{1,10}\.-?\d{1,10}$/)),
  );
});

test('an entity is in the same partition for every node, and partitions share the entities evenly [COM2]', () => {
  expect(partitionOf('c/anything', 1)).toBe(0);
  expect([64, 4_096].map((partitions) => partitionOf('u/ualice00000000000', partitions))).toEqual([2, 3_330]);
  const counts = Array.from({ length: 64 }, () => 0);
  for (let i = 0; i < 64_000; i++) {
    const partition = partitionOf(`u/u${String(i).padStart(16, '0')}`, 64);
    counts[partition] = (counts[partition] ?? 0) + 1;
  }
  for (const count of counts) {
    expect(count).toBeGreaterThan(800);
    expect(count).toBeLessThan(1_200);
  }
});

test('each of three nodes is first for about a third of the partitions [COM2]', () => {
  const nodes = ['node-a', 'node-b', 'node-c'];
  const first = new Map<string, number>();
  for (let partition = 0; partition < 4_096; partition++) {
    const [best] = nodes.toSorted((a, b) => rendezvousWeight(b, partition) - rendezvousWeight(a, partition));
    first.set(best ?? '', (first.get(best ?? '') ?? 0) + 1);
  }
  for (const node of nodes) {
    expect(first.get(node)).toBeGreaterThan(1_100);
    expect(first.get(node)).toBeLessThan(1_700);
  }
});
