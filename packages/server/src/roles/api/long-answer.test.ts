import { expect, test } from 'bun:test';
import { ManualClock } from '../../engines/clock-manual.ts';
import { MAX_TAKING_MS, bodyInPieces, waitingBytesOf } from './long-answer.ts';

const open = (json: string) => {
  const clock = new ManualClock();
  let ends = 0;
  const body = bodyInPieces(json, clock, () => {
    ends += 1;
  });
  return { clock, body, ends: () => ends };
};

test('a long answer comes as it is, and ends when the last of it was taken [API14]', async () => {
  const json = JSON.stringify('ä€😀'.repeat(50_000));
  const { body, ends } = open(json);
  const reader = body.getReader();
  const pieces: Uint8Array[] = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    expect(ends()).toBe(0);
    pieces.push(value);
  }
  expect(ends()).toBe(1);
  expect(pieces.length).toBeGreaterThan(5);
  expect(Buffer.concat(pieces).toString()).toBe(json);
});

test('a long answer ends when nobody is there to take it [API14]', async () => {
  const { body, ends, clock } = open('x'.repeat(500_000));
  await body.cancel();
  expect(ends()).toBe(1);
  await clock.advance(MAX_TAKING_MS);
  expect(ends()).toBe(1);
});

test('a long answer that is taken too slowly is given up [API14]', async () => {
  const { body, ends, clock } = open('x'.repeat(500_000));
  const reader = body.getReader();
  await reader.read();
  await clock.advance(MAX_TAKING_MS - 1);
  expect(ends()).toBe(0);
  await clock.advance(1);
  expect(ends()).toBe(1);
  expect(reader.read()).rejects.toThrow('not taken in time');
});

test('bytes are what makes an answer long [API14]', () => {
  expect(waitingBytesOf('x'.repeat(32_768))).toBe(0);
  expect(waitingBytesOf('x'.repeat(32_769))).toBe(32_769);
  expect(waitingBytesOf('€'.repeat(11_000))).toBe(33_000);
});
