import { afterAll, expect, test } from 'bun:test';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheContract } from '@duolog/sdk/testing';
import { fileCache } from './file-cache.ts';

const folder = mkdtempSync(join(tmpdir(), 'duolog-cache-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

cacheContract({
  test: (name, body) => test(`file cache: ${name} [OPS14]`, body),
  open: (name) => fileCache(join(folder, 'contract', encodeURIComponent(name))),
  survives: true,
});

test('a write that was cut off is as if it had not been, and what follows is kept [OPS14]', async () => {
  const file = join(folder, 'torn');
  const cache = await fileCache(file);
  await cache.write([{ put: 'a', value: 1 }]);
  await cache.close();
  appendFileSync(file, '[{"put":"b","val');
  const again = await fileCache(file);
  expect([await again.get('a'), await again.get('b')]).toEqual([1, undefined]);
  await again.write([{ put: 'c', value: 3 }]);
  await again.close();
  const third = await fileCache(file);
  expect([await third.get('a'), await third.get('c')]).toEqual([1, 3]);
  await third.close();
});

test('only its owner may read it, and it does not grow for ever [OPS14]', async () => {
  const file = join(folder, 'small');
  const cache = await fileCache(file);
  for (let i = 0; i < 1_100; i++) await cache.write([{ put: 'a', value: i }]);
  await cache.close();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const again = await fileCache(file);
  expect(await again.get('a')).toBe(1_099);
  expect(readFileSync(file, 'utf8')).toBe('[{"put":"a","value":1099}]\n');
  await again.close();
});
