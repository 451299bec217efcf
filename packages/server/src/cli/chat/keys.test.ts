import { expect, test } from 'bun:test';
import * as fc from 'fast-check';
import { EMPTY, draftOf, edit, insert, textOf } from './editor.ts';
import type { Draft } from './editor.ts';
import { KeyReader } from './keys.ts';
import type { Key } from './keys.ts';

const named = (keys: readonly Key[]): readonly string[] =>
  keys.map((key) => (key.kind === 'text' ? `"${key.text}"` : key.name));

const names = (...chunks: string[]): readonly string[] => {
  const reader = new KeyReader();
  return named([...chunks.flatMap((chunk) => reader.read(chunk)), ...reader.flush()]);
};

/** The same with a pause after each chunk. */
const namesWithPauses = (...chunks: string[]): readonly string[] => {
  const reader = new KeyReader();
  return named(chunks.flatMap((chunk) => [...reader.read(chunk), ...reader.flush()]));
};

test.each<[string, readonly string[]]>([
  ['héllo 你好😀', ['"héllo 你好😀"']],
  ['a\rb', ['"a"', 'enter', '"b"']],
  ['\x1b[A\x1b[B\x1bOC\x1b[D', ['up', 'down', 'right', 'left']],
  ['\x1b[1;3A\x1b[1;5C\x1b[1;2B', ['alt-up', 'ctrl-right', 'shift-down']],
  ['\x1b[5~\x1b[6~\x1b[3~\x1b[H\x1b[F\x1b[Z', ['page-up', 'page-down', 'delete', 'home', 'end', 'shift-tab']],
  ['\x03\x04\x15\t\x7f', ['ctrl-c', 'ctrl-d', 'ctrl-u', 'tab', 'backspace']],
  ['\x1b', ['escape']],
  ['\x1b\x1b', ['escape', 'escape']],
  ['\x1b\r\x1b1\x1bb\x1b\x7f', ['alt-enter', 'alt-1', 'alt-b', 'alt-backspace']],
  ['\x1b[I\x1b[O', ['focus', 'blur']],
  ['\x1b[<64;10;5M\x1b[<65;10;5M\x1b[<0;1;1M', ['wheel-up', 'wheel-down']],
  ['\x1b[?1;2ca', ['"a"']],
  ['\x1b[99~\x1b[1;9X\x1bOPx', ['unknown', '"x"']],
])('the terminal’s %j is %j [OPS14]', (chunk, keys) => {
  expect(names(chunk)).toEqual(keys);
});

test('a paste is one text whatever is in it, and its line ends send nothing [OPS14]', () => {
  expect(names('x\x1b[200~one\r\ntwo\rthree\x1b[A\x1b[201~y')).toEqual(['"x"', '"one\ntwo\nthree\x1b[A"', '"y"']);
});

test('sequences may be split anywhere [OPS14]', () => {
  const whole = 'a\x1b[1;3A\x1b[200~p\nq\x1b[201~b\x1b[5~';
  for (let at = 1; at < whole.length; at++) expect(names(whole.slice(0, at), whole.slice(at))).toEqual(names(whole));
});

test('a paste may pause anywhere, in its end too [OPS14]', () => {
  const whole = '\x1b[200~one\r\ntwo\x1b[A\x1b[201~\x03';
  // Escape alone, and with a bracket, is a key when nothing follows.
  for (let at = 3; at < whole.length; at++) {
    expect(namesWithPauses(whole.slice(0, at), whole.slice(at))).toEqual(names(whole));
  }
});

test('a key may pause behind what no key is [OPS14]', () => {
  expect(namesWithPauses('\x1b[1;', '5C', '\x1b[', 'x', '\x1b[2', '\x03')).toEqual([
    'ctrl-right',
    '"x"',
    'alt-[',
    '"2"',
    'ctrl-c',
  ]);
});

test('a paste whose end does not come is left with Ctrl-C, or given up [OPS14]', () => {
  expect(namesWithPauses('\x1b[200~one\x03', 'two\x1b[20', '\x03')).toEqual(['"one\x03two"', 'ctrl-c']);
  expect(names('\x1b[200~one', '\x03', '\x1b[201~')).toEqual(['"one\x03"']);
  const reader = new KeyReader();
  reader.read('\x1b[200~one\x1b[20');
  expect(named(reader.flush())).toEqual([]);
  expect(named([...reader.giveUp(), ...reader.read('two\r')])).toEqual(['"one"', '"two"', 'enter']);
});

test('any bytes are read to their end [OPS14]', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'binary', maxLength: 8 }), { maxLength: 8 }),
      (chunks) => void names(...chunks),
    ),
  );
});

const after = (draft: Draft, ...keys: string[]): Draft =>
  keys.reduce((current, name) => edit(current, name) ?? current, draft);

test('characters are moved over and deleted as a person sees them [OPS14]', () => {
  const draft = draftOf('a👨‍👩‍👧e\u0301');
  expect(draft.at).toBe(3);
  expect(textOf(after(draft, 'backspace'))).toBe('a👨‍👩‍👧');
  expect(textOf(after(draft, 'left', 'backspace'))).toBe('ae\u0301');
  expect(textOf(insert(after(draft, 'home', 'right'), 'b'))).toBe('ab👨‍👩‍👧e\u0301');
  expect(insert(draftOf('e'), '\u0301')).toEqual({ characters: ['e\u0301'], at: 1 });
});

test('words and lines are cut as in a shell [OPS14]', () => {
  const draft = draftOf('one two  three');
  expect(textOf(after(draft, 'ctrl-w'))).toBe('one two  ');
  expect(textOf(after(draft, 'ctrl-left', 'ctrl-left', 'ctrl-k'))).toBe('one ');
  expect(textOf(after(draft, 'alt-b', 'ctrl-u'))).toBe('three');
  expect(after(draft, 'home', 'ctrl-right').at).toBe(3);
  expect(after(draft, 'home', 'delete', 'delete').at).toBe(0);
  expect(textOf(after(draft, 'end', 'alt-enter'))).toBe('one two  three\n');
});

test('keys at the ends do nothing, and other keys are not the editor’s [OPS14]', () => {
  expect(after(EMPTY, 'left', 'right', 'backspace', 'delete', 'ctrl-w', 'ctrl-u', 'ctrl-k')).toEqual(EMPTY);
  expect(edit(EMPTY, 'page-up')).toBeUndefined();
});
