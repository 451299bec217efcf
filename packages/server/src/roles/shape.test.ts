import { expect, test } from 'bun:test';
import { isIntricate } from './shape.ts';

const long = 'x'.repeat(20_000);

test('what nests deeply or has very many parts is intricate, however it is dressed [GAT7]', () => {
  const deep = `${'['.repeat(33)}${']'.repeat(33)}`;
  expect(isIntricate(`["${long}",${deep}]`)).toBe(true);
  expect(isIntricate(`{"a":"${long}\\\\","b":${'{"x":'.repeat(40)}1${'}'.repeat(41)}`)).toBe(true);
  expect(isIntricate('['.repeat(2_000_000))).toBe(true);
  expect(isIntricate(`[${'1,'.repeat(70_000)}1]`)).toBe(true);
  expect(isIntricate(`[${'{},'.repeat(40_000)}{}]`)).toBe(true);
});

test('long texts are not, whatever is written in them [GAT7]', () => {
  expect(isIntricate(JSON.stringify({ text: '[{,'.repeat(90_000) }))).toBe(false);
  expect(isIntricate(JSON.stringify({ text: '\\"['.repeat(90_000), more: '\\' }))).toBe(false);
  expect(isIntricate(JSON.stringify({ text: `${long}"` }))).toBe(false);
  expect(isIntricate(JSON.stringify(Array.from({ length: 64 }, () => ({ params: { members: [long], a: {} } }))))).toBe(
    false,
  );
  expect(isIntricate(`["${long}`)).toBe(false);
  expect(isIntricate('[[[]]]')).toBe(false);
});
