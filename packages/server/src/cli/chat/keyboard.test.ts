import { expect, test } from 'bun:test';
import { movedClock } from '@duolog/sdk/testing';
import { TestInput } from '../../../testing/test-input.ts';
import { Keyboard } from './keyboard.ts';

/** A keyboard that is listened to, and what was pressed on it. */
const listening = () => {
  const [clock, input, pressed] = [movedClock(), new TestInput(), [] as string[]];
  const keyboard = new Keyboard(
    input,
    (key) => void pressed.push(key.kind === 'text' ? `"${key.text}"` : key.name),
    clock,
  );
  keyboard.start();
  return { clock, input, pressed, keyboard };
};

test('a character split over chunks is one, and bytes that are none do not hold up what follows [OPS14]', () => {
  const { input, pressed } = listening();
  for (const byte of Buffer.from('é你😀')) input.give(Buffer.from([byte]));
  expect(pressed).toEqual(['"é"', '"你"', '"😀"']);
  input.give(Buffer.from([0xe4]));
  input.give(Buffer.from('\x03'));
  expect(pressed.slice(3)).toEqual(['"\ufffd"', 'ctrl-c']);
});

test('chunks may be strings, where something else has set an encoding [OPS14]', () => {
  const { input, pressed } = listening();
  input.give('你好\r');
  expect(pressed).toEqual(['"你好"', 'enter']);
});

test('an Escape that nothing follows is a key [OPS14]', async () => {
  const { clock, input, pressed } = listening();
  input.give('\x1b');
  await clock.advance(40);
  input.give('[A\x1b');
  await clock.advance(40);
  expect(pressed).toEqual(['up']);
  await clock.advance(20);
  expect(pressed).toEqual(['up', 'escape']);
});

test('a paste is waited for longer than an Escape, but not for ever [OPS14]', async () => {
  const { clock, input, pressed } = listening();
  input.give('\x1b[200~one ');
  await clock.advance(1_000);
  input.give('two\x1b[2');
  await clock.advance(1_000);
  input.give('01~');
  expect(pressed).toEqual(['"one two"']);
  input.give('\x1b[200~three');
  await clock.advance(10_000);
  expect(pressed.slice(1)).toEqual(['"three"']);
  input.give('\r');
  expect(pressed.slice(2)).toEqual(['enter']);
});

test('Ctrl-C leaves a paste that has stalled [OPS14]', async () => {
  const { clock, input, pressed } = listening();
  input.give('\x1b[200~one');
  await clock.advance(100);
  input.give('\x03');
  expect(pressed).toEqual(['"one"', 'ctrl-c']);
});

test('once it is stopped the terminal is as before, and nothing is pressed any more [OPS14]', async () => {
  const { clock, input, pressed, keyboard } = listening();
  expect(input.raw).toBe(true);
  input.give('\x1b');
  keyboard.stop();
  await clock.advance(1_000);
  input.give('x');
  expect([pressed, input.raw]).toEqual([[], false]);
});
