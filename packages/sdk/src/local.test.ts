import { expect, test } from 'bun:test';
import { memoryCache } from './cache/memory.ts';
import type { CacheChange } from './cache/cache.ts';
import { Local, afterPrefix } from './local.ts';
import { movedClock, settle } from './testing/index.ts';

/** A cache whose writes wait until they are let go. */
const slowCache = () => {
  const inner = memoryCache();
  const waiting: { readonly changes: readonly CacheChange[]; readonly end: (error?: Error) => void }[] = [];
  const write = async (changes: readonly CacheChange[]): Promise<void> => {
    const error = await new Promise<Error | undefined>((end) => void waiting.push({ changes, end }));
    if (error !== undefined) throw error;
    await inner.write(changes);
  };
  return { cache: { ...inner, write }, waiting };
};

const newLocal = () => {
  const clock = movedClock();
  const { cache, waiting } = slowCache();
  const failures: unknown[] = [];
  const local = new Local(
    cache,
    clock,
    () => 0,
    (error) => failures.push(error),
  );
  return { clock, cache, waiting, failures, local };
};

test('what is put in one go is one write, and what gathers meanwhile is the next [SYN4]', async () => {
  const { local, waiting } = newLocal();
  local.put('a', 1);
  local.put('b', 2);
  await settle();
  local.put('c', 3);
  local.drop('a');
  await settle();
  expect(waiting.map(({ changes }) => changes.length)).toEqual([2]);
  waiting[0]?.end();
  await settle();
  expect(waiting.map(({ changes }) => changes.length)).toEqual([2, 2]);
});

test('durable waits for what was put before it, and for nothing later', async () => {
  const { local, waiting } = newLocal();
  let stored = 0;
  local.put('a', 1);
  void local.durable().then(() => stored++);
  await settle();
  local.put('b', 2);
  void local.durable().then(() => stored++);
  waiting[0]?.end();
  await settle();
  expect(stored).toBe(1);
  waiting[1]?.end();
  await settle();
  expect(stored).toBe(2);
  await local.durable();
});

test('a read sees what was put before it', async () => {
  const { local, waiting } = newLocal();
  local.put('a', 1);
  await settle();
  local.put('b', 2);
  let read: unknown;
  void local.get('b').then((value) => (read = value));
  waiting[0]?.end();
  await settle();
  expect(read).toBeUndefined();
  waiting[1]?.end();
  await settle();
  expect(read).toBe(2);
});

test('a write that fails is told and tried again with what came after it, in order', async () => {
  const { local, waiting, failures, clock, cache } = newLocal();
  local.put('a', 1);
  await settle();
  local.put('a', 2);
  waiting[0]?.end(new Error('quota'));
  await settle();
  expect(failures).toHaveLength(1);
  expect(waiting).toHaveLength(1);
  await clock.advance(500);
  expect(waiting[1]?.changes).toEqual([
    { put: 'a', value: 1 },
    { put: 'a', value: 2 },
  ]);
  waiting[1]?.end();
  await local.durable();
  expect(await cache.get('a')).toBe(2);
});

test('reads go on while writing fails', async () => {
  const { local, waiting, cache } = newLocal();
  local.put('a', 1);
  await settle();
  waiting[0]?.end();
  await settle();
  local.put('a', 2);
  await settle();
  waiting[1]?.end(new Error('quota'));
  expect(await local.get('a')).toBe(1);
  expect(await cache.get('a')).toBe(1);
});

test('closing stores what is left', async () => {
  const { local, waiting, cache } = newLocal();
  local.put('a', 1);
  const closed = local.close();
  await settle();
  waiting[0]?.end();
  await closed;
  expect(await cache.get('a')).toBe(1);
});

test('the key after a prefix bounds its keys', () => {
  expect([afterPrefix('c/'), 'c/~' < afterPrefix('c/'), 'd/' < afterPrefix('c/')]).toEqual(['c0', true, false]);
});
