import { expect, test } from 'bun:test';
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import { cacheContract } from '../testing/index.ts';
import { indexedDbCache } from './indexed-db.ts';
import { memoryCache } from './memory.ts';

cacheContract({ test: (name, body) => test(`memory: ${name}`, body), open: () => memoryCache(), survives: false });

// The engine makes ranges with the platform's class.
Object.assign(globalThis, { IDBKeyRange });
const factory = new IDBFactory();
cacheContract({
  test: (name, body) => test(`IndexedDB: ${name}`, body),
  open: (name) => indexedDbCache({ name, factory }),
  survives: true,
});

/** A factory whose connections a test can drop, as WebKit does to pages in the background. */
const dropping = (): { readonly factory: IDBFactory; readonly drop: () => void; readonly opened: IDBDatabase[] } => {
  const inner = new IDBFactory();
  const opened: IDBDatabase[] = [];
  const open: IDBFactory['open'] = (name, version) => {
    const request = inner.open(name, version);
    request.addEventListener('success', () => opened.push(request.result));
    return request;
  };
  return {
    factory: Object.assign(Object.create(inner) as IDBFactory, { open }),
    opened,
    drop: () => opened.at(-1)?.close(),
  };
};

test('IndexedDB: a connection that the browser dropped is opened again, for reading and writing', async () => {
  const { factory, drop, opened } = dropping();
  const cache = indexedDbCache({ name: 'dropped', factory });
  await cache.write([{ put: 'a', value: 1 }]);
  drop();
  expect(await cache.get('a')).toBe(1);
  drop();
  await cache.write([{ put: 'b', value: 2 }]);
  drop();
  expect(await cache.list('', '~')).toEqual([
    ['a', 1],
    ['b', 2],
  ]);
  expect(opened).toHaveLength(4);
  await cache.close();
});

test('IndexedDB: writes keep their order when one of them has to be tried again', async () => {
  const { factory, drop } = dropping();
  const cache = indexedDbCache({ name: 'ordered', factory });
  await cache.write([{ put: 'a', value: 0 }]);
  drop();
  await Promise.all([1, 2, 3].map((value) => cache.write([{ put: 'a', value }])));
  expect(await cache.get('a')).toBe(3);
  await cache.close();
});

test('IndexedDB: what fails twice is reported', async () => {
  const { factory } = dropping();
  const broken = Object.assign(Object.create(factory) as IDBFactory, {
    open: () => {
      throw new DOMException('no storage here', 'SecurityError');
    },
  });
  const cache = indexedDbCache({ name: 'broken', factory: broken });
  expect(await cache.get('a').catch((error: unknown) => error)).toMatchObject({ message: 'no storage here' });
  expect(await cache.write([{ put: 'a', value: 1 }]).catch((error: unknown) => error)).toMatchObject({
    message: 'no storage here',
  });
  await cache.close();
});

test('IndexedDB: another page that deletes the database is not blocked', async () => {
  const inner = new IDBFactory();
  const cache = indexedDbCache({ name: 'deleted', factory: inner });
  await cache.write([{ put: 'a', value: 1 }]);
  await new Promise((resolve, reject) => {
    const request = inner.deleteDatabase('deleted');
    request.addEventListener('success', resolve);
    request.addEventListener('error', reject);
    request.addEventListener('blocked', () => reject(new Error('blocked')));
  });
  expect(await cache.get('a')).toBeUndefined();
  await cache.close();
});
