import { expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { faultsOf, zoneOf } from './rules.ts';
import { readSources } from './scan.ts';

const root = join(import.meta.dirname, '..', '..');
const files = ['packages', 'tests', 'bench'].filter((folder) => existsSync(join(root, folder)));
const sources = files.flatMap((folder) => readSources(root, folder));

test('every file keeps to the arrows of the architecture', () => {
  const zones = Map.groupBy(sources, (file) => zoneOf(file.path) ?? 'elsewhere');
  const counts = [...zones].map(([zone, inZone]) => `${zone} ${inZone.length}`).toSorted();
  console.log(`architecture: ${sources.length} files seen: ${counts.join(', ')}`);
  expect(sources.flatMap(faultsOf)).toEqual([]);
});

test('the architecture test sees the sources of every package', () => {
  for (const name of ['protocol', 'sdk', 'server']) {
    const seen = sources.filter((file) => file.path.startsWith(`packages/${name}/src/`));
    expect(seen.length, `files of ${name}`).toBeGreaterThan(0);
  }
});
