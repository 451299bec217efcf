import { expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { isNestedDeeper } from './nesting.ts';

const nested = (levels: number): string => `${'[{"a":'.repeat(levels / 2)}1${'}]'.repeat(levels / 2)}`;

const depthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;

test('text that is nested deeper than allowed is told from text that is not [API15]', () => {
  expect(isNestedDeeper(nested(32), 32)).toBe(false);
  expect(isNestedDeeper(nested(34), 32)).toBe(true);
  expect(isNestedDeeper('[[],[],{}]', 2)).toBe(false);
  expect(isNestedDeeper('[[],[],{"a":[]}]', 2)).toBe(true);
});

test.each([
  ['brackets', '["[[[{{{"]'],
  ['a quote behind a backslash', String.raw`["\"[[[[","a"]`],
  ['a backslash at its end', String.raw`["\\",["[[[\\"]]`],
])('%s in a string are no levels [API15]', (_what, text) => {
  expect(depthOf(JSON.parse(text))).toBeLessThanOrEqual(2);
  expect(isNestedDeeper(text, 2)).toBe(false);
});

test.each(['', '"', '["\\', ']]]]', '[[[', '{"a'])('%j, which is no JSON, ends the look too [API15]', (text) => {
  expect(isNestedDeeper(text, 3)).toBe(false);
});

test('it agrees with the parser on any JSON [API15]', () => {
  fc.assert(
    fc.property(fc.json({ depthSize: 'large' }), (text) => {
      const depth = depthOf(JSON.parse(text));
      expect(isNestedDeeper(text, depth)).toBe(false);
      if (depth > 0) expect(isNestedDeeper(text, depth - 1)).toBe(true);
    }),
  );
});
