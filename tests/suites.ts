import { browser, cCompiler, findNode22, node22, type Need } from './machine.ts';

/**
 * One line of `npm test`.
 *
 * - `bun`: `bun test` over folders or files (`./packages`), which finds `*.test.ts` in them;
 * - `node`: `node --test` over files;
 * - `script`: a program run by Bun, which writes its `Results` (see results.ts) as JSON to the file that
 *   `DUOLOG_TEST_REPORT` names.
 *
 * Suites that share the machine run two at once; one that measures, or that loads both cores, is `alone`.
 * A suite that runs no test fails, and so does one that leaves a process behind.
 */
export interface Suite {
  readonly name: string;
  readonly runner: 'bun' | 'node' | 'script';
  readonly args: readonly [string, ...string[]];
  readonly limitSeconds: number;
  readonly alone?: boolean;
  readonly needs?: readonly Need[];
  /** Which Node a `node` suite runs in, when it is not the one in PATH. */
  readonly node?: () => string | undefined;
  /** Builds the published JavaScript of the SDK first. */
  readonly usesBuiltSdk?: boolean;
}

export const suites: readonly Suite[] = [
  { name: 'architecture', runner: 'bun', args: ['./tests/architecture'], limitSeconds: 30 },
  { name: 'spec', runner: 'bun', args: ['./tests/spec'], limitSeconds: 30 },
  { name: 'runner', runner: 'bun', args: ['./tests/runner'], limitSeconds: 60 },
  { name: 'documents', runner: 'bun', args: ['./tests/documents'], limitSeconds: 30 },
  { name: 'unit', runner: 'bun', args: ['./packages'], limitSeconds: 120 },
  { name: 'contracts', runner: 'bun', args: ['./tests/contracts'], limitSeconds: 120 },
  { name: 'bench', runner: 'bun', args: ['./bench'], limitSeconds: 60 },
  { name: 'system', runner: 'bun', args: ['./tests/system'], limitSeconds: 120 },
  { name: 'bad-input', runner: 'bun', args: ['./tests/bad-input'], limitSeconds: 180 },
  { name: 'sim', runner: 'bun', args: ['./tests/sim'], limitSeconds: 180 },
  { name: 'sdk-package', runner: 'bun', args: ['./tests/sdk-package'], limitSeconds: 60, usesBuiltSdk: true },
  {
    name: 'sdk-node',
    runner: 'node',
    args: ['tests/sdk-runtimes/node.test.mjs'],
    limitSeconds: 60,
    usesBuiltSdk: true,
  },
  {
    name: 'sdk-node-22',
    runner: 'node',
    args: ['tests/sdk-runtimes/node.test.mjs'],
    limitSeconds: 60,
    usesBuiltSdk: true,
    needs: [node22],
    node: findNode22,
  },
  {
    name: 'sdk-bun',
    runner: 'bun',
    args: ['./tests/sdk-runtimes/bun.test.ts'],
    limitSeconds: 60,
    usesBuiltSdk: true,
  },
  {
    name: 'sdk-browser',
    runner: 'bun',
    args: ['./tests/sdk-runtimes/browser.test.ts'],
    limitSeconds: 90,
    usesBuiltSdk: true,
    needs: [browser],
  },
  {
    name: 'judge',
    runner: 'bun',
    args: [
      './tests/torture/checker',
      './tests/torture/client',
      './tests/torture/clock.test.ts',
      './tests/torture/faults/power-cut.test.ts',
    ],
    limitSeconds: 60,
  },
  {
    name: 'faults',
    runner: 'bun',
    args: ['./tests/torture/faults/faults.test.ts'],
    limitSeconds: 60,
    needs: [cCompiler],
  },
  {
    name: 'torture',
    runner: 'script',
    args: ['tests/torture/main.ts', '--kills', '50'],
    limitSeconds: 240,
    alone: true,
  },
  {
    name: 'torture-power',
    runner: 'script',
    args: ['tests/torture/main.ts', '--power', '--kills', '30'],
    limitSeconds: 90,
    alone: true,
    needs: [cCompiler],
  },
  {
    name: 'torture-disk',
    runner: 'script',
    args: ['tests/torture/main.ts', '--disk', '--kills', '24'],
    limitSeconds: 120,
    alone: true,
    needs: [cCompiler],
  },
  {
    name: 'torture-plants',
    runner: 'bun',
    args: ['./tests/torture/plants.test.ts'],
    limitSeconds: 120,
    alone: true,
    needs: [cCompiler],
  },
];
