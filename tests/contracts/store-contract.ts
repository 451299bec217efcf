/** The contracts of `Store` and `StoreWriter` as tests: each sentence of ports/store.ts, run over every engine. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { KeyValue, Row, Store, StoreWriter, WriteOutcome } from '../../packages/server/src/ports/store.ts';
import { seededRandom } from '../../packages/server/src/engines/faults.ts';

/** One store, empty at first, as a suite needs it. */
export interface StoreSubject {
  readonly store: Store;
  /** Writes rows durably, however the engine does that; resolves when they must be readable. A later call covers an earlier one. */
  put(rows: readonly Row[]): Promise<void>;
  /** Drops a whole partition. */
  drop(partition: string): Promise<void>;
  /** Awaits a promise, moving the clock if the engine waits for one that stands still. */
  run<T>(promise: Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const row = (partition: string, key: string, value = `1${partition}:${key}`): Row => ({ partition, key, value });

/** All pages of a scan; fails when it does not end. */
const scanAll = async (subject: StoreSubject, limit: number): Promise<readonly Row[]> => {
  const rows: Row[] = [];
  let after: string | undefined;
  for (let pages = 0; pages < 10_000; pages++) {
    const page = await subject.run(subject.store.scan(after, limit));
    expect(page.rows.length).toBeLessThanOrEqual(limit);
    rows.push(...page.rows);
    if (page.next === undefined) return rows;
    after = page.next;
  }
  throw new Error('the scan does not end');
};

const byName = (a: Row, b: Row): number => {
  const [left, right] = [`${a.partition} ${a.key}`, `${b.partition} ${b.key}`];
  return left < right ? -1 : Number(left > right);
};

/** Runs the contract of `Store` over an engine. `makeSubject` is called before every test. */
export const storeContract = (engine: string, makeSubject: () => Promise<StoreSubject>): void => {
  describe(`${engine} keeps the contract of Store`, () => {
    let subject: StoreSubject;
    beforeEach(async () => {
      subject = await makeSubject();
    });
    afterEach(() => subject.close());
    const put = (rows: readonly Row[]): Promise<void> => subject.run(subject.put(rows));
    const get = (partition: string, key: string): Promise<string | undefined> =>
      subject.run(subject.store.get(partition, key));
    const keys = async (partition: string, range: Parameters<Store['range']>[1]): Promise<readonly string[]> =>
      (await subject.run(subject.store.range(partition, range))).map((found) => found.key);

    test('a row that was never written is undefined, one that was is its value', async () => {
      expect(await get('c/a', 'roster')).toBeUndefined();
      await put([row('c/a', 'roster', '1{"x":1}')]);
      expect(await get('c/a', 'roster')).toBe('1{"x":1}');
      expect(await get('c/a', 'roste')).toBeUndefined();
      expect(await get('c/a', 'rosterr')).toBeUndefined();
      expect(await get('c/b', 'roster')).toBeUndefined();
    });

    test('a read sees every write that succeeded before it', async () => {
      for (let i = 0; i < 20; i++) {
        await put([row('u/a', 'account', `1${i}`)]);
        expect(await get('u/a', 'account')).toBe(`1${i}`);
      }
    });

    test('any well-formed text is a value', async () => {
      const values = [
        '1',
        '1\u0000\n\r\t"\\',
        '1ÄÖ中文',
        '2\u{1F600}\u{10FFFF}',
        '1\uFFFD\uFEFF\u2028',
        `1${'\u{1F468}\u200D\u{1F469}'.repeat(20_000)}`,
      ];
      await put(values.map((value, i) => row('c/texts', `k${i}`, value)));
      for (const [i, value] of values.entries()) expect((await get('c/texts', `k${i}`)) === value).toBe(true);
    });

    test('names have up to 255 characters of printable ASCII', async () => {
      const printable = Array.from({ length: 94 }, (_, i) => String.fromCharCode(0x21 + i)).join('');
      const long = 'x'.repeat(255);
      await put([row(printable, printable, '1a'), row(long, long, '1b'), row(long, `${'x'.repeat(254)}y`, '1c')]);
      expect(await get(printable, printable)).toBe('1a');
      expect(await get(long, long)).toBe('1b');
      expect(await keys(long, { limit: 5 })).toEqual([long, `${'x'.repeat(254)}y`]);
    });

    test('many rows come in the order asked for, with undefined for those that are not there', async () => {
      await put([row('c/a', '1'), row('c/b', '1'), row('c/a', '2')]);
      const asked = [
        { partition: 'c/a', key: '2' },
        { partition: 'c/x', key: '1' },
        { partition: 'c/b', key: '1' },
        { partition: 'c/a', key: '2' },
        { partition: 'c/a', key: '1' },
      ];
      expect(await subject.run(subject.store.getMany(asked))).toEqual([
        '1c/a:2',
        undefined,
        '1c/b:1',
        '1c/a:2',
        '1c/a:1',
      ]);
      expect(await subject.run(subject.store.getMany([]))).toEqual([]);
    });

    test('a thousand rows are read at once', async () => {
      const rows = Array.from({ length: 1_000 }, (_, i) => row(`c/${i % 37}`, `k${i}`));
      await put(rows);
      const values = await subject.run(subject.store.getMany(rows.toReversed()));
      expect(values).toEqual(rows.toReversed().map(({ value }) => value));
    });

    test('a range is in the order of the bytes of its keys, both ways', async () => {
      const names = ['~', 'b', 'B', 'a', '!', 'aa', 'a/', 'a0', 'Z', '0'];
      const ordered = ['!', '0', 'B', 'Z', 'a', 'a/', 'a0', 'aa', 'b', '~'];
      await put(names.map((name) => row('c/a', name)));
      expect(await keys('c/a', { limit: 100 })).toEqual(ordered);
      expect(await keys('c/a', { limit: 100, reverse: true })).toEqual(ordered.toReversed());
    });

    test('a range keeps between its bounds, which are not part of it, and to its limit', async () => {
      await put(['a', 'b', 'c', 'd', 'e'].map((name) => row('c/a', name)));
      expect(await keys('c/a', { after: 'a', before: 'e', limit: 10 })).toEqual(['b', 'c', 'd']);
      expect(await keys('c/a', { after: 'a', before: 'e', limit: 10, reverse: true })).toEqual(['d', 'c', 'b']);
      expect(await keys('c/a', { after: 'a', limit: 2 })).toEqual(['b', 'c']);
      expect(await keys('c/a', { before: 'e', limit: 2, reverse: true })).toEqual(['d', 'c']);
      expect(await keys('c/a', { after: 'bb', before: 'dd', limit: 10 })).toEqual(['c', 'd']);
      expect(await keys('c/a', { after: 'e', limit: 10 })).toEqual([]);
      expect(await keys('c/a', { after: 'd', before: 'b', limit: 10 })).toEqual([]);
      expect(await keys('c/a', { limit: 1 })).toEqual(['a']);
    });

    test('a range shows the rows of its partition alone, with their values', async () => {
      const others = [
        row('c/a/', 'x'),
        row('c/a/0', 'x'),
        row('c/a!', 'x'),
        row('c/a0', 'x'),
        row('c/', 'a'),
        row('c', '/a'),
      ];
      await put([...others, row('c/a', '/0x', '1one'), row('c/a', 'k', '1two')]);
      const found: readonly KeyValue[] = await subject.run(subject.store.range('c/a', { limit: 100 }));
      expect(found.map(({ key, value }) => ({ key, value }))).toEqual([
        { key: '/0x', value: '1one' },
        { key: 'k', value: '1two' },
      ]);
      expect(await keys('c/none', { limit: 10 })).toEqual([]);
    });

    test('a dropped partition is empty, its neighbours are not', async () => {
      await put([
        row('u/a', 'account'),
        row('u/a/0', '001'),
        row('u/a/0', '002'),
        row('u/a/1', '000'),
        row('u/a/00', '0'),
      ]);
      await subject.run(subject.drop('u/a/0'));
      expect(await keys('u/a/0', { limit: 10 })).toEqual([]);
      expect(await get('u/a/0', '001')).toBeUndefined();
      expect(await get('u/a', 'account')).toBe('1u/a:account');
      expect(await get('u/a/1', '000')).toBe('1u/a/1:000');
      expect(await get('u/a/00', '0')).toBe('1u/a/00:0');
    });

    test('a scan shows every row once, whatever the page', async () => {
      expect((await scanAll(subject, 10)).length).toBe(0);
      const rows = Array.from({ length: 60 }, (_, i) => row(`c/${i % 7}`, `k${i}`));
      await put(rows);
      const expected = rows.toSorted(byName);
      for (const limit of [1, 7, 60, 1_000]) expect((await scanAll(subject, limit)).toSorted(byName)).toEqual(expected);
      expect(await scanAll(subject, 7)).toEqual(await scanAll(subject, 9));
    });

    test('a scan that was begun before a write still shows everything that was there', async () => {
      const rows = Array.from({ length: 40 }, (_, i) => row(`c/${i % 5}`, `k${i}`));
      await put(rows);
      const first = await subject.run(subject.store.scan(undefined, 15));
      await put(Array.from({ length: 20 }, (_, i) => row(`c/${i % 9}`, `m${i}`)));
      const seen = [...first.rows];
      for (let after = first.next; after !== undefined;) {
        const page = await subject.run(subject.store.scan(after, 15));
        seen.push(...page.rows);
        after = page.next;
      }
      const names = new Set(seen.map(({ partition, key }) => `${partition} ${key}`));
      expect(names.size).toBe(seen.length);
      expect(rows.filter(({ partition, key }) => !names.has(`${partition} ${key}`))).toEqual([]);
    });

    test('a random history reads like a map', async () => {
      const random = seededRandom(7);
      const below = (limit: number): number => Math.floor(random() * limit);
      const pick = (from: readonly string[]): string => from[below(from.length)] ?? '';
      const model = new Map<string, Map<string, string>>();
      const partitions = ['c/a', 'c/a/0', 'c/b', 'u/a'];
      const names = Array.from({ length: 24 }, (_, i) => `k${(i * 7) % 24}`);
      for (let step = 0; step < 150; step++) {
        const partition = pick(partitions);
        const rows = model.get(partition) ?? new Map<string, string>();
        model.set(partition, rows);
        if (random() < 0.6) {
          const written = Array.from({ length: 1 + below(4) }, () => row(partition, pick(names), `1${step}`));
          await put(written);
          for (const { key, value } of written) rows.set(key, value);
          continue;
        }
        const [after, before] = [pick(names), pick(names)];
        const reverse = random() < 0.5;
        const limit = 1 + below(8);
        const expected = [...rows.keys()].filter((key) => key > after && key < before).toSorted();
        if (reverse) expected.reverse();
        const found = await subject.run(subject.store.range(partition, { after, before, reverse, limit }));
        expect(found.map(({ key, value }) => [key, value])).toEqual(
          expected.slice(0, limit).map((key) => [key, rows.get(key) ?? '']),
        );
      }
    });
  });
};

/** One store with its writer, as the journal-then-store ledger holds it. */
export interface StoreWriterSubject {
  readonly store: Store;
  readonly writer: StoreWriter;
  run<T>(promise: Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Runs the contract of `StoreWriter` over an engine, well-behaved or not: an unknown write is repeated unchanged (COM9). */
export const storeWriterContract = (engine: string, makeSubject: () => Promise<StoreWriterSubject>): void => {
  describe(`${engine} keeps the contract of StoreWriter`, () => {
    let subject: StoreWriterSubject;
    beforeEach(async () => {
      subject = await makeSubject();
    });
    afterEach(() => subject.close());
    const until = async (attempt: () => Promise<WriteOutcome>): Promise<void> => {
      for (let tries = 0; tries < 1_000; tries++) if ((await subject.run(attempt())) === 'stored') return;
      throw new Error('the write never succeeds');
    };
    const write = (partition: string, rows: readonly KeyValue[], stamp: number): Promise<void> =>
      until(() => subject.writer.write(partition, rows, stamp));
    const drop = (partition: string, stamp: number): Promise<void> =>
      until(() => subject.writer.drop(partition, stamp));
    const all = async (partition: string): Promise<readonly (readonly [string, string])[]> =>
      (await subject.run(subject.store.range(partition, { limit: 1_000 }))).map(
        ({ key, value }) => [key, value] as const,
      );

    test('what was stored is readable', async () => {
      await write(
        'c/a',
        [
          { key: 'x', value: '1a' },
          { key: 'y', value: '1b' },
        ],
        10,
      );
      expect(await all('c/a')).toEqual([
        ['x', '1a'],
        ['y', '1b'],
      ]);
    });

    test('a lower stamp never covers a higher one, row by row', async () => {
      await write('c/a', [{ key: 'x', value: '1new' }], 20);
      await write(
        'c/a',
        [
          { key: 'x', value: '1old' },
          { key: 'y', value: '1old' },
        ],
        10,
      );
      expect(await all('c/a')).toEqual([
        ['x', '1new'],
        ['y', '1old'],
      ]);
      await write('c/a', [{ key: 'y', value: '1newer' }], 30);
      expect(await all('c/a')).toEqual([
        ['x', '1new'],
        ['y', '1newer'],
      ]);
    });

    test('the same write again is nothing', async () => {
      const rows = [{ key: 'x', value: '1a' }];
      await write('c/a', rows, 10);
      await write('c/a', rows, 10);
      expect(await all('c/a')).toEqual([['x', '1a']]);
      await write('c/a', [{ key: 'x', value: '1b' }], 11);
      await write('c/a', rows, 10);
      expect(await all('c/a')).toEqual([['x', '1b']]);
    });

    test('a drop takes rows up to its stamp and leaves later ones', async () => {
      await write(
        'u/a/0',
        [
          { key: '1', value: '1a' },
          { key: '2', value: '1b' },
        ],
        10,
      );
      await write('u/a/0', [{ key: '3', value: '1c' }], 30);
      await drop('u/a/0', 20);
      await drop('u/a/0', 20);
      expect(await all('u/a/0')).toEqual([['3', '1c']]);
      await write('u/a/0', [{ key: '1', value: '1late' }], 15);
      expect(await all('u/a/0')).toEqual([['3', '1c']]);
      await write('u/a/0', [{ key: '1', value: '1again' }], 40);
      expect(await all('u/a/0')).toEqual([
        ['1', '1again'],
        ['3', '1c'],
      ]);
    });

    test('a late copy of an unknown write never brings back what a later one covered', async () => {
      for (let i = 1; i <= 40; i++) {
        await write('u/a', [{ key: 'x', value: `1${i}` }], i * 10);
        expect(await subject.run(subject.store.get('u/a', 'x'))).toBe(`1${i}`);
      }
      expect(await all('u/a')).toEqual([['x', '140']]);
    });

    test('the rows of one write appear together', async () => {
      for (let i = 1; i <= 30; i++) {
        const rows = ['a', 'b', 'c'].map((key) => ({ key, value: `1${i}` }));
        const writing = (async (): Promise<void> => {
          while ((await subject.writer.write('c/a', rows, i)) !== 'stored');
        })();
        const seen = new Set((await subject.run(subject.store.range('c/a', { limit: 10 }))).map(({ value }) => value));
        expect(seen.size).toBeLessThanOrEqual(1);
        await subject.run(writing);
      }
    });
  });
};
