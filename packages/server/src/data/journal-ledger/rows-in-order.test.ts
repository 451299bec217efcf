import { expect, test } from 'bun:test';
import { JournalWorld, batchOf, row } from '../../../testing/journal-world.ts';
import type { KeyValue, StoreWriter, WriteOutcome } from '../../ports/store.ts';
import { RECORD_FORMATS } from './records.ts';
import { RowsInOrder } from './rows-in-order.ts';

/** A writer whose writes wait until the test lets them end. */
const heldWriter = () => {
  const world = new JournalWorld();
  const waiting = new Map<string, ((outcome: WriteOutcome) => void)[]>();
  const begun: string[] = [];
  const hold = (name: string): Promise<WriteOutcome> =>
    new Promise((resolve) => {
      begun.push(name);
      waiting.set(name, [...(waiting.get(name) ?? []), resolve]);
    });
  const writer: StoreWriter = {
    write: (partition: string, _rows: readonly KeyValue[], stamp: number) => hold(`${partition} @${stamp}`),
    drop: (partition, stamp) => hold(`drop ${partition} @${stamp}`),
  };
  const rows = new RowsInOrder({
    ...world.start().options,
    writer,
    signal: new AbortController().signal,
    randomId: () => 'x',
    notice: () => undefined,
    formats: RECORD_FORMATS,
    liveFormats: () => [],
    followedTo: () => 0,
    plants: new Set(),
  });
  /** Ends the oldest write of this name, and lets follow what follows. */
  const end = async (name: string, outcome: WriteOutcome = 'stored'): Promise<void> => {
    const [first, ...others] = waiting.get(name) ?? [];
    expect(first, `${name} is under way`).toBeDefined();
    waiting.set(name, others);
    first?.(outcome);
    await world.clock.advance(outcome === 'unknown' ? 10 : 0);
  };
  const under = (): readonly string[] =>
    [...waiting].flatMap(([name, resolves]) => resolves.map(() => name)).toSorted();
  return { rows, end, under, begun, settle: () => world.clock.advance(0) };
};

const part = (stamp: number, partitions: readonly string[], drops: readonly string[] = []) => ({
  stamp,
  rows: partitions.map((partition) => row(partition, 'k', String(stamp))),
  drops,
});

test('conversations are written before users, others with them [COM1]', async () => {
  const { rows, end, under } = heldWriter();
  const stored = rows.store(part(1, ['u/a/0', 'u/b', 'c/x/0', 'c/y', 'p/0', 'n/alice']));
  expect(under()).toEqual(['c/x/0 @1', 'c/y @1', 'n/alice @1', 'p/0 @1']);
  for (const name of ['c/x/0 @1', 'c/y @1', 'p/0 @1']) await end(name);
  expect(under()).toEqual(['n/alice @1']);
  await end('n/alice @1');
  expect(under()).toEqual(['u/a/0 @1', 'u/b @1']);
  await end('u/a/0 @1');
  await end('u/b @1');
  await stored;
});

test('a text is written before its message, an entity’s own partition before its buckets, and those as they rise [COM1] [SYN1]', async () => {
  const { rows, end, begun } = heldWriter();
  const stored = rows.store(part(1, ['c/x/10', 'c/x/9', 'c/x', 't/x/9', 'u/a/1', 'u/a/0', 'u/a']));
  const expected = ['t/x/9', 'c/x', 'c/x/9', 'c/x/10', 'u/a', 'u/a/0', 'u/a/1'].map((name) => `${name} @1`);
  for (const [i, name] of expected.entries()) {
    expect(begun).toEqual(expected.slice(0, i + 1));
    await end(name);
  }
  await stored;
});

test('an entity’s rows wait for those of the batch before, others do not [COM1] [SYN1]', async () => {
  const { rows, end, under } = heldWriter();
  const first = rows.store(part(1, ['c/x/0', 'c/y/0']));
  const second = rows.store(part(2, ['c/x/1', 'c/z/0']));
  const third = rows.store(part(3, ['c/y/0', 'u/a/0']));
  expect(under()).toEqual(['c/x/0 @1', 'c/y/0 @1', 'c/z/0 @2']);
  await end('c/y/0 @1');
  expect(under()).toEqual(['c/x/0 @1', 'c/y/0 @3', 'c/z/0 @2']);
  await end('c/y/0 @3');
  await end('u/a/0 @3');
  await third;
  await end('c/x/0 @1');
  await first;
  await end('c/z/0 @2');
  await end('c/x/1 @2');
  await second;
});

test('a write of unknown outcome is repeated, and nothing behind it begins before it is stored [COM1] [COM9]', async () => {
  const { rows, end, begun } = heldWriter();
  const first = rows.store(part(1, ['c/x', 'u/a/0']));
  const second = rows.store(part(2, ['c/x']));
  await end('c/x @1', 'unknown');
  await end('c/x @1', 'unknown');
  expect(begun).toEqual(['c/x @1', 'c/x @1', 'c/x @1']);
  await end('c/x @1');
  await end('c/x @2');
  await end('u/a/0 @1');
  await Promise.all([first, second]);
});

test('a partition is dropped in its turn, with the stamp of its batch [COM1]', async () => {
  const { rows, end, under, settle } = heldWriter();
  const first = rows.store(part(1, ['u/a/0']));
  const second = rows.store(part(2, ['u/a'], ['u/a/0']));
  await settle();
  expect(under()).toEqual(['u/a/0 @1']);
  await end('u/a/0 @1');
  await end('u/a @2');
  expect(under()).toEqual(['drop u/a/0 @2']);
  await end('drop u/a/0 @2');
  await Promise.all([first, second]);
});

test('a row that a batch writes twice is written once, with its last value [COM3]', async () => {
  const world = new JournalWorld();
  const process = world.start();
  const claim = await world.claim(process);
  const written: string[] = [];
  const write = world.rows.write.bind(world.rows);
  world.rows.write = (partition, rows, stamp) => {
    for (const { key, value } of rows) written.push(`${partition} ${key} ${value}`);
    write(partition, rows, stamp);
  };
  const rows = [row('c/a', 'log', 'old'), row('c/a', 'roster', 'x'), row('c/a', 'log', 'new')];
  expect(await world.run(process.ledger.commit(batchOf(claim, 1, { rows })))).toBe('stored');
  expect(written).toEqual(['c/a log 1new', 'c/a roster 1x']);
});
