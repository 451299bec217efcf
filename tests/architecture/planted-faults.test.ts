import { expect, test } from 'bun:test';
import { faultsOf } from './rules.ts';

const server = 'packages/server/src';

/** A file that breaks one rule, and what must be said of it. */
const planted: readonly (readonly [path: string, text: string, fault: RegExp])[] = [
  ['packages/protocol/src/a.ts', `import { x } from '@duolog/sdk';`, /protocol imports sdk/],
  ['packages/protocol/src/a.ts', `import { readFileSync } from 'node:fs';`, /protocol imports node:fs/],
  ['packages/sdk/src/a.ts', `export * from '../../server/src/core/a.ts';`, /sdk imports core/],
  ['packages/sdk/src/a.ts', `import ws from 'ws';`, /sdk imports the driver ws/],
  [`${server}/core/a.ts`, `import type { Store } from '../ports/store.ts';`, /core imports ports/],
  [`${server}/core/a.ts`, `export const at = () => Date.now();`, /core reads a clock/],
  [`${server}/core/a.ts`, `export async function f() {}`, /core waits/],
  [`${server}/ports/a.ts`, `import { x } from '../core/x.ts';`, /ports imports core/],
  [`${server}/data/a.ts`, `import {\n  x,\n} from '../pump/x.ts';`, /data imports pump/],
  [`${server}/pump/a.ts`, `const x = await import('../methods/x.ts');`, /pump imports methods/],
  [`${server}/pump/a.ts`, `new Worker(new URL('../engines/x.ts', import.meta.url));`, /pump imports engines/],
  [`${server}/methods/a.ts`, `import '../roles/api/x.ts';`, /methods imports roles/],
  [`${server}/roles/api.ts`, `import { x } from '../engines/x.ts';`, /roles imports engines/],
  [`${server}/roles/gateway/a.ts`, `import { x } from '../api/x.ts';`, /role gateway imports role api/],
  [`${server}/roles/gateway/a.ts`, `import { serve } from 'bun';`, /roles imports the driver bun/],
  [`${server}/engines/a.ts`, `import { x } from '../data/x.ts';`, /engines imports data/],
  [`${server}/data/a.ts`, `import { ClassicLevel } from 'classic-level';`, /data imports the driver classic-level/],
  [`${server}/pump/a.ts`, `import { Database } from 'bun:sqlite';`, /pump imports the driver bun:sqlite/],
  [`${server}/pump/a.ts`, `const hash = Bun.hash('x');`, /uses Bun outside/],
  [`${server}/boot.ts`, `const port = process.env['DUOLOG_PORT'];`, /reads the environment outside config/],
  [`${server}/main.ts`, `const { HOME } = process.env;`, /reads the environment outside config/],
  [`${server}/main.ts`, `import { x } from './pump/x.ts';`, /main imports pump/],
  [`${server}/pump/a.ts`, `import { x } from '../../../../tests/x.ts';`, /belongs to no zone/],
  [`${server}/plumbing/a.ts`, ``, /belongs to no zone/],
  [`${server}/pump/string-utils.ts`, ``, /a name that says nothing/],
  [`${server}/pump/a.test.ts`, `import { x } from '../../../sdk/src/x.ts';`, /belongs in tests/],
  ['tests/sim/a.test.ts', `test.only('x', () => {});`, /runs only some/],
];

test.each(planted)('a fault planted in %s is found: %s', (path, text, fault) => {
  expect(faultsOf({ path, text })).toEqual([expect.stringMatching(fault)]);
});

/** Files that break no rule although they look a little like it. */
const innocent: readonly (readonly [path: string, text: string])[] = [
  [`${server}/core/a.ts`, `import { LIMITS } from '@duolog/protocol';\n// Date.now() is the caller's\n`],
  [`${server}/core/a.ts`, `import { x } from './x.ts'; /* import '../pump/x.ts' */ const s = 'Math.random';`],
  [`${server}/engines/ledger-level.ts`, `import { ClassicLevel } from 'classic-level'; Bun.gc(true);`],
  [`${server}/roles/listener.ts`, `import { serve } from 'bun'; Bun.serve({});`],
  [`${server}/roles/gateway/a.ts`, `import { x } from '../session.ts'; import { y } from '../../pump/y.ts';`],
  [`${server}/config.ts`, `const port = process.env['DUOLOG_PORT'];`],
  [`${server}/boot.ts`, `import { x } from './engines/x.ts'; import { y } from './roles/api/y.ts';`],
  [`${server}/main.ts`, `import { boot } from './boot.ts'; import { connect } from '@duolog/sdk';`],
  [`${server}/pump/a.test.ts`, `import { expect } from 'bun:test'; import { x } from '../engines/x.ts';`],
];

test.each(innocent)('no fault is found in %s: %s', (path, text) => {
  expect(faultsOf({ path, text })).toEqual([]);
});
