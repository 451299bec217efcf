import { expect, test } from 'bun:test';
import { LIMITS } from '../limits.ts';
import { checkFields } from './check.ts';
import type { Field, Fields } from './fields.ts';
import { METHODS } from './methods.ts';

const methods: readonly (readonly [string, { readonly params: Fields; readonly result: Fields }])[] =
  Object.entries(METHODS);

const fieldsWithin = (field: Field): readonly Field[] => {
  if (field.type === 'object') return [field, ...Object.values(field.fields).flatMap(fieldsWithin)];
  if (field.type === 'array') return [field, ...fieldsWithin(field.items)];
  return [field];
};

test('every method that is asked for a page takes 1 to 200 items, and refuses more with the limit’s value [LIM6] [LIM1]', () => {
  const paged = methods.filter(([, { params }]) => Object.hasOwn(params, 'limit'));
  expect(paged.map(([name]) => name).toSorted()).toEqual(['conversation.list', 'message.list', 'sync']);
  for (const [, { params }] of paged) {
    const { limit } = params;
    if (limit === undefined) throw new Error('no limit');
    expect(checkFields({ limit }, { limit: 1 }).ok).toBe(true);
    expect(checkFields({ limit }, { limit: 200 }).ok).toBe(true);
    expect(checkFields({ limit }, { limit: 201 })).toMatchObject({
      ok: false,
      refusal: { field: 'params.limit', max: 200 },
    });
    expect(checkFields({ limit }, { limit: 0 }).ok).toBe(false);
  }
});

test('no list in a result is longer than a page or the members of a group [LIM6] [LIM3]', () => {
  const lists = methods
    .flatMap(([, { result }]) => Object.values(result).flatMap(fieldsWithin))
    .filter((field) => field.type === 'array');
  expect(lists.length).toBeGreaterThan(5);
  for (const { max } of lists) expect(max).toBeLessThanOrEqual(LIMITS.maxPage);
});
