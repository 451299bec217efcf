import { DuologError } from '@duolog/protocol';
import type { Cache, CacheChange, CacheRow } from './cache.ts';

export interface IndexedDbOptions {
  /** Name of the database; one per account. */
  readonly name: string;
  /** The platform's `indexedDB` if left out. */
  readonly factory?: typeof globalThis extends { readonly indexedDB: infer F } ? F : unknown;
}

const STORE = 'rows';

const reasonOf = ({ error }: { readonly error: DOMException | null }): Error =>
  error ?? new Error('IndexedDB gave no reason.');

const done = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(reasonOf(request)));
  });

const open = (factory: IDBFactory, name: string): Promise<IDBDatabase> => {
  const request = factory.open(name, 1);
  request.addEventListener('upgradeneeded', () => void request.result.createObjectStore(STORE));
  return done(request);
};

/** A page that was left may take so long to let go. */
const LOCK_MS = 2000;

/**
 * Takes the database for this page; returns what gives it back. Two clients over one cache would overwrite each other's
 * commands. Where the platform has no locks, it is for the program to see to it.
 */
const lock = (name: string): Promise<() => void> =>
  new Promise((resolve, reject) => {
    const locks = (globalThis.navigator as Partial<Navigator> | undefined)?.locks;
    if (locks === undefined) return resolve(() => undefined);
    // It is held until the promise settles: what resolves that is what gives it back.
    const inUse = new DuologError('conflict', `Another page uses the cache ${name}.`);
    locks
      .request(`duolog ${name}`, { signal: AbortSignal.timeout(LOCK_MS) }, () => new Promise<void>(resolve))
      .catch(() => reject(inUse));
  });

const apply = (store: IDBObjectStore, change: CacheChange): void => {
  if ('put' in change) store.put(change.value, change.put);
  else if (change.from < change.to) store.delete(IDBKeyRange.bound(change.from, change.to, false, true));
};

const backwards = (store: IDBObjectStore, range: IDBKeyRange, limit: number): Promise<readonly CacheRow[]> =>
  new Promise((resolve, reject) => {
    const rows: CacheRow[] = [];
    const request = store.openCursor(range, 'prev');
    request.addEventListener('error', () => reject(reasonOf(request)));
    request.addEventListener('success', () => {
      const cursor = request.result;
      if (cursor === null || rows.length >= limit) return resolve(rows);
      rows.push([cursor.key as string, cursor.value]);
      cursor.continue();
    });
  });

const writeOnce = (db: IDBDatabase, changes: readonly CacheChange[]): Promise<void> =>
  new Promise((resolve, reject) => {
    const transaction = db.transaction(STORE, 'readwrite');
    transaction.addEventListener('complete', () => resolve());
    transaction.addEventListener('abort', () => reject(reasonOf(transaction)));
    try {
      for (const change of changes) apply(transaction.objectStore(STORE), change);
    } catch (error) {
      // A value that cannot be stored must not leave half of the write behind.
      transaction.abort();
      reject(error instanceof Error ? error : new Error(String(error)));
    }
  });

/**
 * A cache in the browser's IndexedDB. WebKit drops connections of pages in the background: whatever fails is tried once
 * more over a new connection. Rejects with `conflict` while another page or client uses the database.
 */
export const indexedDbCache = ({ name, factory = indexedDB }: IndexedDbOptions): Cache => {
  let connection: Promise<IDBDatabase> | undefined;
  let locked: Promise<() => void> | undefined;
  let closed = false;
  // A write waits for the one before, so that the order holds when one of them has to be tried again.
  let written: Promise<unknown> = Promise.resolve();

  const connect = (): Promise<IDBDatabase> => {
    if (connection !== undefined) return connection;
    const opening = open(factory, name);
    const forget = (): void => {
      if (connection === opening) connection = undefined;
    };
    connection = opening;
    opening.then((db) => {
      db.addEventListener('close', forget);
      db.addEventListener('versionchange', () => (forget(), db.close()));
    }, forget);
    return opening;
  };
  const disconnect = async (): Promise<void> => {
    const opening = connection;
    connection = undefined;
    await opening?.then(
      (db) => db.close(),
      () => undefined,
    );
  };
  const twice = async <T>(work: (db: IDBDatabase) => Promise<T>): Promise<T> => {
    if (closed) throw new Error('The cache is closed.');
    await (locked ??= lock(name).catch((error: unknown) => {
      locked = undefined;
      throw error;
    }));
    try {
      return await work(await connect());
    } catch {
      // Whatever the reason: if it lasts, the second attempt reports it.
      await disconnect();
      return work(await connect());
    }
  };
  const read = <T>(work: (store: IDBObjectStore) => Promise<T>): Promise<T> =>
    twice((db) => work(db.transaction(STORE).objectStore(STORE)));
  return {
    get: (key) => read((store) => done<unknown>(store.get(key))),
    list: (from, to, { limit, reverse } = {}) =>
      read(async (store) => {
        if (from >= to) return [];
        const range = IDBKeyRange.bound(from, to, false, true);
        if (reverse === true) return backwards(store, range, limit ?? Number.POSITIVE_INFINITY);
        const [keys, values] = await Promise.all([
          done(store.getAllKeys(range, limit)),
          done<unknown[]>(store.getAll(range, limit)),
        ]);
        return keys.map((key, i): CacheRow => [key as string, values[i]]);
      }),
    write: (changes) => {
      const writing = written.then(() => twice((db) => writeOnce(db, changes)));
      written = writing.catch(() => undefined);
      return writing;
    },
    close: async () => {
      await written;
      await disconnect();
      closed = true;
      (await locked?.catch(() => undefined))?.();
    },
  };
};
