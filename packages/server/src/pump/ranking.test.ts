import { expect, test } from 'bun:test';
import type { Candidate } from './ranking.ts';
import { MAX_CLOCK_ERROR_MS, clockFits, median, rank } from './ranking.ts';

const worker = (node: string, what: Partial<Candidate> = {}): Candidate => ({
  node,
  worker: true,
  draining: false,
  clockOffsetMs: 0,
  ...what,
});
const five = ['a', 'b', 'c', 'd', 'e'].map((node) => worker(node));
const partitions = Array.from({ length: 4_096 }, (_, partition) => partition);

test('every node ranks alike, whatever order it knows the others in [COM2]', () => {
  for (const partition of partitions.slice(0, 50)) {
    const ranked = rank(partition, five);
    expect(ranked.toSorted()).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(rank(partition, five.toReversed())).toEqual(ranked);
    expect(rank(partition, [...five.slice(2), ...five.slice(0, 2)])).toEqual(ranked);
  }
});

test('partitions are spread evenly over the workers', () => {
  const counts = new Map<string, number>();
  for (const partition of partitions) {
    const first = rank(partition, five)[0] ?? '';
    counts.set(first, (counts.get(first) ?? 0) + 1);
  }
  for (const { node } of five) {
    expect(counts.get(node)).toBeGreaterThan((partitions.length / 5) * 0.85);
    expect(counts.get(node)).toBeLessThan((partitions.length / 5) * 1.15);
  }
});

test('a worker that leaves or comes moves only its own partitions', () => {
  const without = five.slice(1);
  for (const partition of partitions) {
    const before = rank(partition, five);
    expect(rank(partition, without)).toEqual(before.filter((node) => node !== 'a'));
  }
});

test('only live workers that do not drain are ranked', () => {
  const all = [worker('a'), worker('b', { draining: true }), worker('c', { worker: false }), worker('d')];
  for (const partition of partitions.slice(0, 20)) expect(rank(partition, all).toSorted()).toEqual(['a', 'd']);
  expect(rank(0, [])).toEqual([]);
});

test('a worker whose clock is over 5 s from the median of the others is not ranked', () => {
  const offsets = [0, 40, -60, MAX_CLOCK_ERROR_MS, MAX_CLOCK_ERROR_MS + 1, -MAX_CLOCK_ERROR_MS - 1];
  const all = offsets.map((clockOffsetMs, i) => worker(`w${i}`, { clockOffsetMs }));
  expect(rank(0, all).toSorted()).toEqual(['w0', 'w1', 'w2', 'w3']);
});

test('of two clocks that are apart neither is right, alone every clock is', () => {
  const [one, two] = [worker('one'), worker('two', { clockOffsetMs: 60_000 })];
  expect([one, two].map((candidate) => clockFits(candidate, [one, two]))).toEqual([false, false]);
  expect(clockFits(two, [two])).toBe(true);
});

test('when no clock fits, all workers are ranked: somebody has to decide', () => {
  const halves = [0, 900, -6_900, -6_200].map((clockOffsetMs, i) => worker(`w${i}`, { clockOffsetMs }));
  expect(rank(0, halves).toSorted()).toEqual(['w0', 'w1', 'w2', 'w3']);
});

test('the median is the middle value, the lower of two', () => {
  expect(median([])).toBe(0);
  expect(median([7])).toBe(7);
  expect(median([9, 1])).toBe(1);
  expect(median([5, -1, 100])).toBe(5);
  expect(median([10, 9, 100, 1])).toBe(9);
});
