/**
 * Values by number, for much coming and going. A Map would do, but each time as many came as its table holds, it begins another
 * and leaves the one before pointing to it. As soon as one table left behind is old, a collection of what is young keeps all that
 * followed it, with everything in them.
 * Measured in docs/decisions/0012-what-collecting-garbage-costs.md.
 */
export interface Slots<V> {
  readonly size: number;
  /** Takes a value in, under a whole number that no other had in the last 2^36 that came to its place. */
  add(value: V): number;
  /** The value of a number; undefined when it was removed. */
  get(number: number): V | undefined;
  remove(number: number): void;
  /** Numbers and values in the order in which they came. */
  entries(): readonly (readonly [number: number, value: V])[];
}

interface Slot<V> {
  number: number;
  /** Undefined: it is free. */
  value: V | undefined;
  /** Which one the value was of all that came. */
  order: number;
}

const GENERATIONS = 2 ** 36;

/** For at most so many at once; more throw a RangeError. */
export const createSlots = <V>(places: number): Slots<V> => {
  const slots: Slot<V>[] = [];
  const free: number[] = [];
  let came = 0;

  const open = (): Slot<V> => {
    if (slots.length === places) throw new RangeError(`there are ${places} values already`);
    const slot: Slot<V> = { number: slots.length + places, value: undefined, order: 0 };
    slots.push(slot);
    return slot;
  };

  const find = (number: number): Slot<V> | undefined => {
    const slot = slots[number % places];
    return slot?.number === number ? slot : undefined;
  };

  return {
    get size() {
      return slots.length - free.length;
    },
    add: (value) => {
      const place = free.pop();
      const slot = (place === undefined ? undefined : slots[place]) ?? open();
      slot.value = value;
      slot.order = came++;
      return slot.number;
    },
    get: (number) => find(number)?.value,
    remove: (number) => {
      const slot = find(number);
      if (slot?.value === undefined) return;
      slot.value = undefined;
      slot.number = (number + places) % (places * GENERATIONS);
      free.push(number % places);
    },
    entries: () =>
      slots
        .filter(({ value }) => value !== undefined)
        .toSorted((a, b) => a.order - b.order)
        .map(({ number, value }) => [number, value as V] as const),
  };
};
