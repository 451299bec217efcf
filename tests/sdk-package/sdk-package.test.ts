import { expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');
const dist = join(root, 'packages', 'sdk', 'dist');
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');

/** A project of its own that has nothing but the published SDK installed. */
function makeConsumer(name: string): string {
  const consumer = join(root, '.tmp', 'sdk-package', name);
  rmSync(consumer, { recursive: true, force: true });
  const installed = join(consumer, 'node_modules', '@duolog', 'sdk');
  mkdirSync(installed, { recursive: true });
  cpSync(dist, installed, { recursive: true });
  writeFileSync(join(consumer, 'package.json'), '{ "type": "module" }');
  return consumer;
}

function checkTypes(consumer: string, source: string, module: string, moduleResolution: string): string {
  const lib = ['ES2022', 'DOM'];
  const compilerOptions = { strict: true, noEmit: true, target: 'ES2022', lib, types: [], module, moduleResolution };
  writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }));
  writeFileSync(join(consumer, 'consumer.ts'), source);
  const run = spawnSync('node', [compiler, '-p', '.'], { cwd: consumer, encoding: 'utf8' });
  return `${run.stdout}${run.stderr}`;
}

const everything = `
import * as sdk from '@duolog/sdk';
import * as testing from '@duolog/sdk/testing';
export const names: string[] = [...Object.keys(sdk), ...Object.keys(testing)];
`;

test.each([
  ['NodeNext', 'NodeNext'],
  ['ESNext', 'Bundler'],
])('the published declarations type-check for a user without the repository (%s, %s)', (module, resolution) => {
  const consumer = makeConsumer(resolution);
  expect(checkTypes(consumer, everything, module, resolution)).toBe('');
  const wrong = `import { thereIsNoSuchExport } from '@duolog/sdk';\nexport const nothing = thereIsNoSuchExport;\n`;
  expect(checkTypes(consumer, wrong, module, resolution)).toContain('thereIsNoSuchExport');
});

test('the published JavaScript loads in plain Node with nothing else installed', () => {
  const consumer = makeConsumer('node');
  const script = `for (const name of ['@duolog/sdk', '@duolog/sdk/testing'])
    if (Object.keys(await import(name)).length === 0) throw new Error(name + ' exports nothing');`;
  writeFileSync(join(consumer, 'consumer.mjs'), script);
  const run = spawnSync('node', ['consumer.mjs'], { cwd: consumer, encoding: 'utf8' });
  expect(run.stderr).toBe('');
  expect(run.status).toBe(0);
});

test('the published files name no other package and no path of the repository', () => {
  const texts = readdirSync(dist, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(?:js|d\.ts)$/.test(name))
    .map((name) => ({ name, text: readFileSync(join(dist, name), 'utf8') }));
  expect(texts.length).toBeGreaterThan(2);
  for (const { name, text } of texts) {
    expect(text.includes(root), name).toBe(false);
    const foreign = [...text.matchAll(/\bfrom\s*["']([^"'.][^"']*)["']|\bimport\(["']([^"'.][^"']*)["']\)/g)];
    expect(
      foreign.map(([whole]) => whole),
      name,
    ).toEqual([]);
  }
});
