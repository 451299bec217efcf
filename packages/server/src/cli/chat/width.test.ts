import { expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { cut, fit, graphemesOf, harmless, widthOf, wrap } from './width.ts';

const samples = [
  '',
  'hello',
  '你好，世界',
  'こんにちは',
  '안녕하세요',
  'naïve',
  'e\u0301',
  'ｆｕｌｌ',
  'a😀b',
  'ÄÖÜ',
  'Привет',
  'שלום',
  '한글',
  '▶',
  '…',
  '─│✓✗',
];

test.each(samples)('%j takes as many columns as a terminal gives it [OPS14]', (text) => {
  expect(widthOf(text)).toBe(Bun.stringWidth(text, { ambiguousIsNarrow: true }));
});

test('a family of emoji is one character of two columns [OPS14]', () => {
  expect(graphemesOf('👨‍👩‍👧')).toHaveLength(1);
  expect(widthOf('👨‍👩‍👧')).toBe(2);
  expect(widthOf('❤️')).toBe(2);
  expect(widthOf('🇨🇳')).toBe(2);
});

test('text is cut to columns, not to characters [OPS14]', () => {
  expect(cut('hello', 5)).toBe('hello');
  expect(cut('hello!', 5)).toBe('hell…');
  expect(cut('你好世界', 5)).toBe('你好…');
  expect(cut('你好世界', 6)).toBe('你好…');
  expect(cut('abc', 0)).toBe('');
  expect(fit('你好', 6)).toBe('你好  ');
  expect(widthOf(fit('你好世界', 5))).toBe(5);
});

test('lines break between words, within long ones, and anywhere in CJK [OPS14]', () => {
  expect(wrap('the quick brown fox', 10)).toEqual(['the quick', 'brown fox']);
  expect(wrap('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij']);
  expect(wrap('你好世界你好', 5)).toEqual(['你好', '世界', '你好']);
  expect(wrap('say 你好世界', 9)).toEqual(['say 你好', '世界']);
  expect(wrap('one\n\ntwo', 10)).toEqual(['one', '', 'two']);
});

test('no line is wider than asked for, and no character is lost [OPS14]', () => {
  const words = fc.stringMatching(/^[a-z 你好世界😀é]{0,60}$/u);
  fc.assert(
    fc.property(words, fc.integer({ min: 2, max: 20 }), (text, columns) => {
      const lines = wrap(text, columns);
      for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
      expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
    }),
  );
});

test('nothing that somebody wrote can command the terminal [OPS14]', () => {
  expect(harmless('\x1b]0;owned\x07\x1b[2J\r\n\tok')).toBe('␛]0;owned␇␛[2J\n    ok');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(/(?!\n)[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u.test(harmless(text))).toBe(false);
    }),
  );
});
