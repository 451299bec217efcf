import { expect, test } from 'bun:test';
import { SendTemplate } from './template.ts';

/** The payload of a client's frame that is masked with zeros. */
const payloadOf = (frame: Uint8Array): string => {
  const length = (frame[1] ?? 0) & 127;
  const start = 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + 4;
  return Buffer.from(frame.subarray(start)).toString();
};

test.each([1, 9, 10, 99, 100, 12_345])('message %i is what the system encodes for it, at every place', (n) => {
  const encode = (text: string): string => `{"id":${text},"text":"~1.${text}~ ${'x'.repeat(200)}","n":${text}}`;
  const into = new Uint8Array(1_000);
  const template = new SendTemplate(encode);
  template.write(n + 1, into, 0);
  const end = template.write(n, into, 7);
  expect(payloadOf(into.subarray(7, end))).toBe(encode(String(n)));
});
