import { expect, test } from 'bun:test';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import packageJson from '../../package.json';
import { generated } from './generated.ts';
import { linksIn, scriptsIn, sourcesIn } from './references.ts';

const root = join(import.meta.dirname, '..', '..');
const SKIPPED = new Set(['node_modules', 'dist', '.tmp', '.git']);

/** Paths of all files, from the root. */
const filesIn = (folder: string): readonly string[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : filesIn(path);
    return [path];
  });

const files = filesIn('');
const documents = files.filter((path) => path.endsWith('.md'));
const textOf = (path: string): string => readFileSync(join(root, path), 'utf8');

test.each(Object.entries(generated))('%s is what the tables say today [API11] [OPS5]', (path, text) => {
  expect(textOf(path), 'write it anew: npx bun tests/documents/main.ts').toBe(text());
});

test('what documents link to, the sources they name and the scripts they run are there', () => {
  const missing = documents.flatMap((path) => {
    const text = textOf(path);
    const links = linksIn(text).filter((target) => !existsSync(join(root, dirname(path), target)));
    const sources = sourcesIn(text).filter((name) => !files.some((file) => `/${file}`.endsWith(`/${name}`)));
    const scripts = scriptsIn(text).filter((name) => !Object.hasOwn(packageJson.scripts, name));
    return [...links, ...sources, ...scripts].map((what) => `${path}: ${what}`);
  });
  const named = documents.reduce((sum, path) => sum + sourcesIn(textOf(path)).length, 0);
  expect(documents.length).toBeGreaterThan(10);
  expect(named).toBeGreaterThan(50);
  expect(missing).toEqual([]);
});

test('links, sources and scripts are found in a text', () => {
  const text = 'See [why](a/b.md#c), [out](https://x.y), `pump/edge.ts`, `main.ts`, `x()`; `npm run sim -- --seeds 1`.';
  expect(linksIn(text)).toEqual(['a/b.md']);
  expect(sourcesIn(text)).toEqual(['pump/edge.ts', 'main.ts']);
  expect(scriptsIn(text)).toEqual(['sim']);
});
