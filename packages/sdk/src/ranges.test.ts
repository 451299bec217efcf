import { expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { fromSeq, rangeAt, withRange } from './ranges.ts';
import type { Range, Ranges } from './ranges.ts';

const range = fc
  .tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 12 }))
  .map(([first, more]): Range => [first, first + more]);
const seqsOf = (ranges: Ranges): Set<number> =>
  new Set(ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i)));

test('ranges hold exactly the seqs of the runs put in, in order, and never touch', () => {
  fc.assert(
    fc.property(fc.array(range), (runs) => {
      const ranges = runs.reduce(withRange, [] as Ranges);
      expect(seqsOf(ranges)).toEqual(seqsOf(runs));
      ranges.slice(1).forEach(([first], i) => expect(first).toBeGreaterThan((ranges[i]?.[1] ?? 0) + 1));
    }),
  );
});

test('a range is found by each of its seqs, and by no other', () => {
  fc.assert(
    fc.property(fc.array(range), fc.integer({ min: 1, max: 80 }), (runs, seq) => {
      const ranges = runs.reduce(withRange, [] as Ranges);
      const found = rangeAt(ranges, seq);
      expect(found !== undefined).toBe(seqsOf(runs).has(seq));
    }),
  );
});

test('what lies below a seq is cut off', () => {
  fc.assert(
    fc.property(fc.array(range), fc.integer({ min: 1, max: 80 }), (runs, first) => {
      const kept = seqsOf(fromSeq(runs.reduce(withRange, [] as Ranges), first));
      expect(kept).toEqual(new Set([...seqsOf(runs)].filter((seq) => seq >= first)));
    }),
  );
});

test('an empty run changes nothing', () => {
  expect(withRange([[1, 2]], [5, 4])).toEqual([[1, 2]]);
});
