/** The contract of `Cache` as tests, for every engine. Needs no test framework but something that runs named functions. */
import type { Cache } from '../cache/cache.ts';

export interface CacheContractOptions {
  /** Registers a test, such as `test` of bun:test, node:test or vitest. */
  readonly test: (name: string, body: () => Promise<void>) => unknown;
  /** Opens the cache: an empty one for a new name, what was written before for a known one. */
  readonly open: (name: string) => Promise<Cache> | Cache;
  /** Whether it keeps what was written after `close`. */
  readonly survives: boolean;
}

const same = (actual: unknown, expected: unknown, what: string): void => {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
};

const rejects = async (work: Promise<unknown>, what: string): Promise<void> => {
  const failed = await work.then(
    () => false,
    () => true,
  );
  if (!failed) throw new Error(`${what} must reject`);
};

type Body = (cache: Cache, reopen: () => Promise<Cache>) => Promise<void>;
type Check = (name: string, body: Body) => void;

const values = (check: Check): void => {
  check('a value is read back as it was, and what was never put is undefined', async (cache) => {
    const value = { text: 'ü 😀', list: [1, null, { deep: true }], zero: 0 };
    await cache.write([{ put: 'a', value }]);
    same(await cache.get('a'), value, 'a');
    if ((await cache.get('b')) !== undefined) throw new Error('b must be undefined');
  });

  check('what is read is a copy, and so is what was put', async (cache) => {
    const value = { list: [1] };
    await cache.write([{ put: 'a', value }]);
    value.list.push(2);
    const read = (await cache.get('a')) as { list: number[] };
    read.list.push(3);
    same(await cache.get('a'), { list: [1] }, 'a');
  });

  check('a later put replaces an earlier one', async (cache) => {
    await cache.write([{ put: 'a', value: 1 }]);
    await cache.write([{ put: 'a', value: 2 }]);
    same(await cache.list('', '~'), [['a', 2]], 'all');
  });
};

const lists = (check: Check): void => {
  check('keys are listed in the order of their code units, the end left out', async (cache) => {
    await cache.write(['b', 'a/2', 'a', 'a/10', 'B'].map((key) => ({ put: key, value: key })));
    const keys = async (from: string, to: string): Promise<string[]> =>
      (await cache.list(from, to)).map(([key]) => key);
    same(await keys('', '~'), ['B', 'a', 'a/10', 'a/2', 'b'], 'all');
    same(await keys('a/', 'a0'), ['a/10', 'a/2'], 'a prefix');
    same(await keys('a', 'b'), ['a', 'a/10', 'a/2'], 'without the end');
    same(await keys('b', 'a'), [], 'an empty range');
    same(await keys('a', 'a'), [], 'a range of nothing');
  });

  check('a list can be limited, and read from its end', async (cache) => {
    await cache.write([1, 2, 3, 4].map((value) => ({ put: `k${value}`, value })));
    same(
      await cache.list('k', 'l', { limit: 2 }),
      [
        ['k1', 1],
        ['k2', 2],
      ],
      'the first two',
    );
    same(
      await cache.list('k', 'l', { reverse: true }),
      [
        ['k4', 4],
        ['k3', 3],
        ['k2', 2],
        ['k1', 1],
      ],
      'from the end',
    );
    same(
      await cache.list('k', 'k4', { limit: 2, reverse: true }),
      [
        ['k3', 3],
        ['k2', 2],
      ],
      'the last two below k4',
    );
  });
};

const writes = (check: Check): void => {
  check('a write applies its changes in their order', async (cache) => {
    await cache.write([
      { put: 'k1', value: 1 },
      { put: 'k2', value: 2 },
    ]);
    await cache.write([
      { put: 'k3', value: 3 },
      { from: 'k', to: 'l' },
      { put: 'k2', value: 4 },
    ]);
    same(await cache.list('', '~'), [['k2', 4]], 'all');
  });

  check('a range is dropped without its end, and an empty range drops nothing', async (cache) => {
    await cache.write(['a', 'b', 'c'].map((key) => ({ put: key, value: 0 })));
    await cache.write([
      { from: 'c', to: 'a' },
      { from: 'a', to: 'a' },
      { from: 'a', to: 'c' },
    ]);
    same(await cache.list('', '~'), [['c', 0]], 'all');
  });

  check('a write that cannot be stored rejects and leaves nothing behind', async (cache) => {
    await cache.write([{ put: 'a', value: 1 }]);
    const circular: { self?: unknown; call: () => void } = { call: () => undefined };
    circular.self = circular;
    await rejects(
      cache.write([
        { put: 'a', value: 2 },
        { from: 'a', to: 'b' },
        { put: 'b', value: circular },
      ]),
      'a value that is no JSON',
    );
    same(await cache.list('', '~'), [['a', 1]], 'all');
    await cache.write([{ put: 'c', value: 3 }]);
    same(await cache.get('c'), 3, 'a write after a rejected one');
  });

  check('writes take effect in the order of the calls', async (cache) => {
    await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        cache.write([
          { put: 'last', value: i },
          { put: `each${i}`, value: i },
        ]),
      ),
    );
    same(await cache.get('last'), 49, 'the last one');
    same((await cache.list('each', 'eacl')).length, 50, 'all of them');
  });

  check('a read sees every write that was resolved before it', async (cache) => {
    for (let i = 0; i < 20; i++) {
      await cache.write([{ put: 'a', value: i }]);
      same(await cache.get('a'), i, `write ${i}`);
    }
  });
};

export const cacheContract = ({ test, open, survives }: CacheContractOptions): void => {
  let count = 0;
  const check = (name: string, body: Body): void => {
    test(name, async () => {
      const database = `contract-${count++}`;
      let cache = await open(database);
      const reopen = async (): Promise<Cache> => {
        await cache.close();
        return (cache = await open(database));
      };
      try {
        await body(cache, reopen);
      } finally {
        await cache.close();
      }
    });
  };

  values(check);
  lists(check);
  writes(check);
  if (!survives) return;
  check('what was written is there after a new start', async (cache, reopen) => {
    await cache.write([{ put: 'a', value: 1 }]);
    await cache.write([{ put: 'b', value: { two: 2 } }]);
    same(
      await (await reopen()).list('', '~'),
      [
        ['a', 1],
        ['b', { two: 2 }],
      ],
      'all',
    );
  });
};
