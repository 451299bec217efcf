import { expect, test } from 'bun:test';
import type { Store } from '../ports/store.ts';
import { bounded } from './bounded-store.ts';

/** A store whose reads end when the test says so. */
const heldStore = () => {
  const held: { readonly key: string; readonly end: (failure?: Error) => void }[] = [];
  const get = (_: string, key: string): Promise<string> =>
    new Promise((resolve, reject) => {
      held.push({ key, end: (failure) => (failure === undefined ? resolve(key) : reject(failure)) });
    });
  const none = () => Promise.reject(new Error('not asked'));
  const store: Store = { get, getMany: none, range: none, scan: none };
  return { store, held };
};
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('so many reads are under way at once, and the others follow in order, one for each that ends [GAT14]', async () => {
  const { store, held } = heldStore();
  const all = Array.from({ length: 50 }, (_, i) => String(i));
  const store3 = bounded(store, 3);
  const ended: string[] = [];
  const reads = all.map(async (key) => void ended.push((await store3.get('p', key)) ?? ''));
  for (let begun = 3; begun <= all.length; begun++) {
    await tick();
    expect(held.map(({ key }) => key)).toEqual(all.slice(0, begun));
    held[begun - 3]?.end();
  }
  for (const { end } of held) end();
  await Promise.all(reads);
  expect(ended).toEqual(all);
  const again = store3.get('p', 'again');
  await tick();
  held.at(-1)?.end();
  expect(await again).toBe('again');
});

test('a read that fails makes room like any other [GAT14]', async () => {
  const { store, held } = heldStore();
  const one = bounded(store, 1);
  const failing = one.get('p', 'a').catch((error: unknown) => error);
  const after = one.get('p', 'b');
  await tick();
  held[0]?.end(new Error('bad block'));
  expect(String(await failing)).toContain('bad block');
  await tick();
  held[1]?.end();
  expect(await after).toBe('b');
});
