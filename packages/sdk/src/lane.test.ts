import { expect, test } from 'bun:test';
import { LIMITS } from '@duolog/protocol';
import { Lane } from './lane.ts';
import type { LaneItem } from './lane.ts';
import type { Queued } from './records.ts';

const waiting = (n: number): LaneItem => ({
  record: { outbox: 'outbox', n } as Queued,
  durable: true,
  inFlight: false,
  dangling: false,
  gap: undefined,
});

test('an answer that is not stored here yet holds the window back: after a restart its command is sent again [COM10] [SYN5]', () => {
  const lane = new Lane('c/x', { outbox: 'outbox', last: 0 });
  for (let n = 1; n <= 20; n++) lane.items.push(waiting(n));
  const numbers = (): readonly number[] => lane.due().map(({ record }) => record.n);
  expect(numbers()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  for (const item of lane.items.slice(0, 3)) lane.remove(item);
  // Answered, but a restart would begin with 1 again, and the server remembers a window of answers.
  expect(numbers().at(-1)).toBe(LIMITS.outboxWindow);
  lane.unsaved.delete(1);
  expect(numbers().at(-1)).toBe(LIMITS.outboxWindow + 1);
  for (const n of [2, 3]) lane.unsaved.delete(n);
  expect(numbers()).toEqual([4, 5, 6, 7, 8, 9, 10, 11]);
});
