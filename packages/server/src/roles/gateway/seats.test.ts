import { expect, test } from 'bun:test';
import { Seats } from './seats.ts';

const rates = { tokensPerTick: 10, maxTokens: 20 };

/** Advances by so many ticks and returns the seats due, with the tick at which each was. */
const dueWithin = (seats: Seats, ticks: number): readonly (readonly [seat: number, tick: number])[] => {
  const due: [number, number][] = [];
  for (let i = 0; i < ticks; i++) seats.advance((seat) => due.push([seat, seats.tick]));
  return due;
};

test('a seat is due once its limit of ticks has passed without a frame [PRE2]', () => {
  const seats = new Seats(rates);
  const seat = seats.take(16);
  expect(dueWithin(seats, 15)).toEqual([]);
  expect(dueWithin(seats, 1)).toEqual([[seat, 16]]);
  expect(dueWithin(seats, 600)).toEqual([]);
});

test('any frame moves the time at which a seat is due [PRE1]', () => {
  const seats = new Seats(rates);
  const seat = seats.take(16);
  for (let i = 0; i < 20; i++) {
    expect(dueWithin(seats, 5)).toEqual([]);
    seats.heard(seat);
  }
  expect(dueWithin(seats, 16)).toEqual([[seat, 116]]);
});

test('limits longer than a round of the wheel hold to the tick', () => {
  const seats = new Seats(rates);
  const long = seats.take(1_000);
  const short = seats.take(3);
  expect(dueWithin(seats, 1_200)).toEqual([
    [short, 3],
    [long, 1_000],
  ]);
});

test('a seat that was given back is not due, and its next holder begins anew', () => {
  const seats = new Seats(rates);
  const [first, second] = [seats.take(4), seats.take(4)];
  seats.raiseHead(first, 7);
  seats.fault(first);
  seats.give(first);
  expect(dueWithin(seats, 2)).toEqual([]);
  const third = seats.take(4);
  expect(third).toBe(first);
  expect(seats.head(third)).toBe(0);
  expect(seats.fault(third)).toBe(1);
  expect(dueWithin(seats, 4)).toEqual([
    [second, 4],
    [third, 6],
  ]);
});

test('seats due in one tick may give back each other', () => {
  const seats = new Seats(rates);
  const taken = Array.from({ length: 5 }, () => seats.take(3));
  const due: number[] = [];
  for (let i = 0; i < 3; i++) {
    seats.advance((seat) => {
      due.push(seat);
      for (const other of taken) if (other !== seat && !due.includes(other)) seats.give(other);
    });
  }
  expect(due).toHaveLength(1);
});

test('thousands of seats keep their own numbers while the arrays grow', () => {
  const seats = new Seats(rates, 2);
  const taken = Array.from({ length: 3_000 }, (_, i) => seats.take(10 + (i % 7)));
  for (const seat of taken) seats.raiseHead(seat, 1_000 + seat);
  expect(taken.map((seat) => seats.head(seat))).toEqual(taken.map((seat) => 1_000 + seat));
  const due = dueWithin(seats, 20);
  expect(due).toHaveLength(3_000);
  expect(due.every(([seat, tick]) => tick === 10 + (seat % 7))).toBe(true);
});

test('heads only grow [SYN7]', () => {
  const seats = new Seats(rates);
  const seat = seats.take(4);
  expect([
    seats.raiseHead(seat, 5),
    seats.raiseHead(seat, 5),
    seats.raiseHead(seat, 4),
    seats.raiseHead(seat, 6),
  ]).toEqual([true, false, false, true]);
  expect(seats.head(seat)).toBe(6);
});

test('a bucket holds a burst, fills with the ticks, and a debt is paid first [GAT8]', () => {
  const seats = new Seats(rates);
  const seat = seats.take(1_000);
  const spent = (): number => {
    let count = 0;
    while (seats.spend(seat)) count += 1;
    return count;
  };
  expect(spent()).toBe(20);
  dueWithin(seats, 1);
  expect(spent()).toBe(10);
  dueWithin(seats, 50);
  expect(spent()).toBe(20);
  dueWithin(seats, 1);
  expect(seats.spend(seat, 25)).toBe(true);
  dueWithin(seats, 1);
  expect(seats.spend(seat)).toBe(false);
  dueWithin(seats, 1);
  expect(spent()).toBe(5);
});

test('faults are halved whenever a seat is looked at [GAT7]', () => {
  const seats = new Seats(rates);
  const seat = seats.take(10);
  for (let i = 0; i < 39; i++) seats.fault(seat);
  expect(seats.fault(seat)).toBe(40);
  seats.heard(seat);
  dueWithin(seats, 5);
  seats.heard(seat);
  dueWithin(seats, 5);
  expect(seats.fault(seat)).toBe(21);
});
