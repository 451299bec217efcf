import { expect, test } from 'bun:test';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { faultsBetween, idsInNames, rulesOf } from './rule-ids.ts';

const root = join(import.meta.dirname, '..', '..');
const SKIPPED = new Set(['node_modules', 'dist', '.tmp', 'spec']);

/** Files whose tests have names: `….test.ts` and the suites of contracts. */
const testFiles = (folder: string): readonly string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : testFiles(path);
    return /(?:\.test|-contract)\.m?ts$|\.test\.mjs$/.test(entry.name) ? [path] : [];
  });

test('every rule is in the name of a test, and every id in a name is a rule', () => {
  const written = rulesOf(readFileSync(join(root, 'docs', 'SPEC.md'), 'utf8'));
  const files = ['packages', 'tests', 'bench'].flatMap((folder) => testFiles(join(root, folder)));
  const ids = files.flatMap((path) => idsInNames(readFileSync(path, 'utf8')));
  console.log(
    `spec: ${written.rules.length} rules, ${written.planned.length} planned, ${ids.length} ids in ${files.length} files`,
  );
  expect(written.rules.length).toBeGreaterThan(80);
  expect(ids.length).toBeGreaterThan(400);
  expect(faultsBetween(written, new Set(ids))).toEqual([]);
});

const SPEC = `
- **COM1** One batch.
- **SYN2** A hint.
See COM1. A **COM3** inside a line is none.

## Planned

- PRE3 Later.
`;

test('rules are told from what is planned and from what is only mentioned', () => {
  expect(rulesOf(SPEC)).toEqual({ rules: ['COM1', 'SYN2'], planned: ['PRE3'] });
});

test('ids are taken from names, in each of their forms, and from nowhere else', () => {
  const source = [
    `test('one [COM1]', () => {});`,
    `test.each([1, 2])(\n  "two of %i [COM2] [COM3]", (n) => {});`,
    'test(`three ${x} [SYN1, SYN2]`, () => {});',
    `// test('a comment says nothing of [COM9]')`,
    `throw new Error('no name [COM8]');`,
    `const list = ['[COM7]', 'x'];`,
  ].join('\n');
  expect(idsInNames(source)).toEqual(['COM1', 'COM2', 'COM3', 'SYN1', 'SYN2']);
});

test('a rule without a test, an unknown id, a rule written twice and a plan that is tested are all found', () => {
  const written = { rules: ['COM1', 'COM2', 'COM2', 'PRE4'], planned: ['PRE3', 'PRE4'] };
  expect(faultsBetween(written, new Set(['COM2', 'PRE3', 'SYN9']))).toEqual([
    "COM1 is in no test's name",
    'COM2 is written twice',
    'PRE3 is planned, but a test carries it',
    'PRE4 is both in force and planned',
    "PRE4 is in no test's name",
    "SYN9 is in a test's name but not in docs/SPEC.md",
  ]);
});
