import type { Cache, CacheChange, CacheRow, ListOptions } from './cache.ts';

/** A cache that lives as long as the program. Values are kept as JSON text, so that they are copies. */
export const memoryCache = (): Cache => {
  const values = new Map<string, string>();
  const keys: string[] = [];
  const copy = (key: string): unknown => {
    const value = values.get(key);
    return value === undefined ? undefined : JSON.parse(value);
  };
  /** The first position whose key is not below `key`. */
  const position = (key: string): number => {
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((keys[middle] ?? '') < key) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const put = (key: string, value: string): void => {
    if (!values.has(key)) keys.splice(position(key), 0, key);
    values.set(key, value);
  };
  const drop = (from: string, to: string): void => {
    const first = position(from);
    for (const key of keys.splice(first, Math.max(0, position(to) - first))) values.delete(key);
  };
  return {
    get: (key) => Promise.resolve(copy(key)),
    list: (from, to, { limit, reverse = false }: ListOptions = {}) => {
      const found = keys.slice(position(from), position(to));
      if (reverse) found.reverse();
      return Promise.resolve(found.slice(0, limit).map((key): CacheRow => [key, copy(key)]));
    },
    write: async (changes: readonly CacheChange[]) => {
      // What is no JSON throws here, before anything is changed.
      const texts = changes.map((change) => ('put' in change ? JSON.stringify(change.value) : ''));
      changes.forEach((change, i) =>
        'put' in change ? put(change.put, texts[i] ?? '') : drop(change.from, change.to),
      );
    },
    close: () => Promise.resolve(),
  };
};
