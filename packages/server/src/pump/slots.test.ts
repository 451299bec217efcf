import { expect, test } from 'bun:test';
import { seededRandom } from '../engines/faults.ts';
import { createSlots } from './slots.ts';

test('values are found by their numbers, also of places that were used before, and come in order', () => {
  const random = seededRandom(7);
  const slots = createSlots<string>(64);
  const model = new Map<number, string>();
  const gone: number[] = [];
  for (let step = 0; step < 5_000; step++) {
    const numbers = [...model.keys()];
    const some = numbers[Math.floor(random() * numbers.length)];
    if (model.size < 64 && random() < 0.55) {
      const number = slots.add(`value ${step}`);
      expect(model.has(number)).toBe(false);
      expect(gone).not.toContain(number);
      model.set(number, `value ${step}`);
    } else if (some !== undefined) {
      slots.remove(some);
      slots.remove(some);
      model.delete(some);
      gone.push(some);
    }
    expect(slots.size).toBe(model.size);
    expect(slots.get(gone.at(-1) ?? -1)).toBeUndefined();
  }
  expect(slots.entries()).toEqual([...model]);
  for (const [number, value] of model) expect(slots.get(number)).toBe(value);
});

test('there is room for as many as were asked for, and no more', () => {
  const slots = createSlots<number>(3);
  const numbers = [10, 20, 30].map((value) => slots.add(value));
  expect(() => slots.add(40)).toThrow(RangeError);
  slots.remove(numbers[1] ?? -1);
  expect(slots.get(slots.add(40))).toBe(40);
});
