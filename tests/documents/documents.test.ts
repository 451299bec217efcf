import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { generated } from './generated.ts';

const root = join(import.meta.dirname, '..', '..');

test.each(Object.entries(generated))('%s is what the tables say today [API11] [OPS5]', (path, text) => {
  expect(readFileSync(join(root, path), 'utf8'), 'write it anew: npx bun tests/documents/main.ts').toBe(text());
});
