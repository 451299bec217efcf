import { expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { LIMITS } from '../limits.ts';
import { checkFields, countCodePoints } from './check.ts';
import { array, boolean, choice, handle, integer, map, object, optional, text, union } from './fields.ts';
import { METHODS } from './methods.ts';
import type { Method } from './methods.ts';

const fields = {
  name: text('', 'maxNameLength'),
  count: integer('', 1, 10),
  flag: optional(boolean('')),
  kind: optional(choice('', 'a', 'b')),
  list: optional(array('', integer('', 0, 5), 'maxPage')),
  inner: optional(object('', { deep: optional(object('', { handle: handle('') })) })),
};
const good = { name: 'x', count: 1 };

test('what fits is taken as it is, without properties that are unknown [SYN10]', () => {
  const value = { ...good, flag: false, kind: 'b', list: [0, 5], inner: { deep: { handle: 'abc' } } };
  expect(checkFields(fields, { ...value, later: 1 })).toEqual({ ok: true, value } as never);
});

test('optional properties that are absent or null stay absent [SYN10]', () => {
  const checked = checkFields(fields, { ...good, flag: null, kind: undefined });
  expect(checked).toEqual({ ok: true, value: good } as never);
  if (checked.ok) expect(Object.keys(checked.value)).toEqual(['name', 'count']);
});

test.each<[string, unknown, string]>([
  ['nothing', undefined, 'params'],
  ['null', null, 'params'],
  ['an array', [], 'params'],
  ['a text', 'x', 'params'],
  ['a missing property', { name: 'x' }, 'params.count'],
  ['null for a required one', { ...good, name: null }, 'params.name'],
  ['a number for a text', { ...good, name: 1 }, 'params.name'],
  ['an empty text', { ...good, name: '' }, 'params.name'],
  ['a text too long', { ...good, name: 'x'.repeat(65) }, 'params.name'],
  ['a lone surrogate', { ...good, name: 'a\ud800' }, 'params.name'],
  ['a text for a number', { ...good, count: '1' }, 'params.count'],
  ['a fraction', { ...good, count: 1.5 }, 'params.count'],
  ['infinity', { ...good, count: Number.POSITIVE_INFINITY }, 'params.count'],
  ['a number too small', { ...good, count: 0 }, 'params.count'],
  ['a number too large', { ...good, count: 11 }, 'params.count'],
  ['a word for a truth value', { ...good, flag: 'true' }, 'params.flag'],
  ['another choice', { ...good, kind: 'c' }, 'params.kind'],
  ['a name that every object has', { ...good, kind: 'constructor' }, 'params.kind'],
  ['an object for an array', { ...good, list: { length: 1 } }, 'params.list'],
  ['a wrong item', { ...good, list: [0, 1, 6] }, 'params.list[2]'],
  ['too many items', { ...good, list: Array.from({ length: LIMITS.maxPage + 1 }, () => 0) }, 'params.list'],
  ['something wrong inside', { ...good, inner: { deep: { handle: 'A' } } }, 'params.inner.deep.handle'],
])('%s is refused and the field named [LIM1]', (_what, value, field) => {
  const checked = checkFields(fields, value);
  expect(checked.ok).toBe(false);
  if (!checked.ok) {
    expect(checked.refusal.field).toBe(field);
    expect(checked.refusal.detail).toContain(field);
  }
});

test('a refusal because of a limit names it and its value [LIM1]', () => {
  expect(checkFields(fields, { ...good, name: 'x'.repeat(65) })).toMatchObject({
    refusal: { limit: 'maxNameLength', max: 64 },
  });
  const list = Array.from({ length: 201 }, () => 0);
  expect(checkFields(fields, { ...good, list })).toMatchObject({ refusal: { limit: 'maxPage', max: 200 } });
});

test('properties of a prototype are no properties, and __proto__ is nothing special [SYN10]', () => {
  expect(checkFields({ toString: text('', 'maxNameLength') }, {}).ok).toBe(false);
  const checked = checkFields(fields, JSON.parse('{"name":"x","count":1,"__proto__":{"flag":true}}'));
  expect(checked).toEqual({ ok: true, value: good } as never);
  expect(Object.prototype).not.toHaveProperty('flag');
});

test('values that only results have are not taken from outside', () => {
  expect(checkFields({ x: map('', integer('')) }, { x: {} }).ok).toBe(false);
  expect(checkFields({ x: union('', object('', {})) }, { x: {} }).ok).toBe(false);
});

test('code points are counted as the language counts them, and no further than needed [LIM2]', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), fc.nat(50), (given, enough) => {
      const count = Array.from(given).length;
      expect(countCodePoints(given)).toBe(count);
      expect(countCodePoints(given, enough) > enough).toBe(count > enough);
    }),
  );
});

test('the check of every method survives anything, and what it takes it takes again [LIM1]', () => {
  const names = Object.keys(METHODS) as (keyof typeof METHODS)[];
  let refused = 0;
  for (const name of names) {
    const { params }: Method = METHODS[name];
    const keys = Object.keys(params);
    const anything = fc.anything({ withNullPrototype: true, withBigInt: true, maxDepth: 3 });
    const shaped = fc.dictionary(fc.constantFrom(...(keys.length > 0 ? keys : ['x'])), anything);
    fc.assert(
      fc.property(fc.oneof(anything, shaped), (value) => {
        const checked = checkFields(params, value);
        if (checked.ok) expect(checkFields(params, checked.value)).toEqual(checked);
        else refused += 1;
      }),
      { numRuns: 50 },
    );
  }
  expect(refused).toBeGreaterThan(0);
});
