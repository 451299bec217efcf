import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { endGroupsOnSignal, runInGroup, type Ended } from './process-group.ts';
import { readJson, readJunit, summaryOf, type Note, type Results } from './results.ts';
import { suites, type Suite } from './suites.ts';

const root = join(import.meta.dirname, '..');
const reportFolder = join(root, '.tmp', 'tests');
const strict = (process.env['CI'] ?? '') !== '' && process.env['CI'] !== 'false';
const bun = process.execPath;

interface Outcome extends Results {
  readonly suite: Suite;
  readonly tookMs: number;
  readonly logFile?: string;
}

function argvOf(suite: Suite, reportFile: string): readonly [string, ...string[]] {
  if (suite.runner === 'script') return [bun, ...suite.args];
  if (suite.runner === 'bun') {
    return [bun, 'test', '--reporter=junit', `--reporter-outfile=${reportFile}`, ...suite.args];
  }
  const reporters = ['junit', 'spec'].map((reporter) => `--test-reporter=${reporter}`);
  const destinations = [reportFile, 'stdout'].map((destination) => `--test-reporter-destination=${destination}`);
  return [suite.node?.() ?? 'node', '--test', ...reporters, ...destinations, ...suite.args];
}

function readReport(suite: Suite, reportFile: string): Results {
  if (!existsSync(reportFile)) return { passed: 0, failed: [], skipped: [] };
  const text = readFileSync(reportFile, 'utf8');
  return suite.runner === 'script' ? readJson(text) : readJunit(text);
}

/** What is wrong with a run as a whole, whatever its report says. */
function complaint(suite: Suite, ended: Ended, results: Results): string | undefined {
  if (ended.timedOut) return `did not end within ${suite.limitSeconds} s`;
  if (ended.leftover) return 'left a process running';
  if (ended.signal !== null) return `was ended by ${ended.signal}`;
  if (results.failed.length === 0 && ended.exitCode !== 0)
    return `exited with ${ended.exitCode} and named no failed test`;
  if (results.failed.length > 0 || results.passed > 0) return undefined;
  return results.skipped.length > 0 ? 'skipped every test' : 'ran no test';
}

async function runSuite(suite: Suite): Promise<Outcome> {
  const lacks = (suite.needs ?? []).filter((need) => !need.found());
  if (lacks.length > 0) {
    const skipped = lacks.map((need) => ({ name: suite.name, detail: `needs ${need.what}: ${need.howToGet}` }));
    return { suite, passed: 0, failed: [], skipped, tookMs: 0 };
  }
  const logFile = join(reportFolder, `${suite.name}.log`);
  const reportFile = join(reportFolder, suite.runner === 'script' ? `${suite.name}.json` : `${suite.name}.xml`);
  const ended = await runInGroup({
    argv: argvOf(suite, reportFile),
    cwd: root,
    env: { DUOLOG_TEST_REPORT: reportFile },
    logFile,
    limitMs: suite.limitSeconds * 1_000,
  });
  const results = readReport(suite, reportFile);
  const detail = complaint(suite, ended, results);
  const failed = detail === undefined ? results.failed : [...results.failed, { name: `suite ${suite.name}`, detail }];
  return { suite, ...results, failed, tookMs: ended.tookMs, logFile };
}

/** With CI=true nothing may be missing: what was skipped has failed. */
function judged(outcome: Outcome): Outcome {
  if (!strict) return outcome;
  const failed = outcome.skipped.map((note) => ({ ...note, detail: `skipped, but CI=true: ${note.detail}` }));
  return { ...outcome, failed: [...outcome.failed, ...failed], skipped: [] };
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

function printOutcome(outcome: Outcome): void {
  const { suite, passed, failed, skipped, tookMs, logFile } = outcome;
  const mark = failed.length > 0 ? 'FAIL' : passed === 0 ? 'skip' : 'ok';
  const counts = `${passed} passed, ${failed.length} failed, ${skipped.length} skipped`;
  console.log(`${mark.padEnd(5)}${suite.name.padEnd(14)}${counts}  ${seconds(tookMs)}`);
  if (failed.length === 0) return;
  for (const note of failed)
    console.log(`     ✗ ${note.name}\n       ${note.detail.trim().replaceAll('\n', '\n       ')}`);
  if (logFile === undefined) return;
  const tail = readFileSync(logFile, 'utf8')
    .trimEnd()
    .split('\n')
    .slice(strict ? -200 : -40);
  console.log(`     the end of ${logFile.slice(root.length + 1)}:\n${tail.map((line) => `     | ${line}`).join('\n')}`);
}

/** Runs what may share the machine two at once, then the rest one after another. */
async function runAll(chosen: readonly Suite[]): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  const lane = async (queue: Suite[]): Promise<void> => {
    for (let suite = queue.shift(); suite !== undefined; suite = queue.shift()) {
      const outcome = judged(await runSuite(suite));
      printOutcome(outcome);
      outcomes.push(outcome);
    }
  };
  const shared = chosen.filter((suite) => suite.alone !== true);
  await Promise.all([lane(shared), lane(shared)]);
  await lane(chosen.filter((suite) => suite.alone === true));
  return outcomes;
}

async function buildSdk(): Promise<Note | undefined> {
  const logFile = join(reportFolder, 'build-sdk.log');
  const argv = ['node', 'packages/sdk/build.mjs'] as const;
  const ended = await runInGroup({ argv, cwd: root, logFile, limitMs: 60_000 });
  if (ended.exitCode === 0) return undefined;
  return { name: 'the SDK builds', detail: readFileSync(logFile, 'utf8') };
}

async function main(names: readonly string[]): Promise<number> {
  const known = suites.map((suite) => suite.name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    console.error(`no suite named ${unknown.join(', ')}; there are: ${known.join(', ')}`);
    return 2;
  }
  const startedAt = Date.now();
  rmSync(reportFolder, { recursive: true, force: true });
  mkdirSync(reportFolder, { recursive: true });
  endGroupsOnSignal();
  const chosen = suites.filter((suite) => names.length === 0 || names.includes(suite.name));
  const buildFault = chosen.some((suite) => suite.usesBuiltSdk === true) ? await buildSdk() : undefined;
  if (buildFault !== undefined) console.log(`FAIL ${buildFault.name}\n${buildFault.detail}`);
  const outcomes = await runAll(chosen);

  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  const failed = outcomes.reduce((sum, outcome) => sum + outcome.failed.length, buildFault === undefined ? 0 : 1);
  const skipped = outcomes.flatMap((outcome) => outcome.skipped);
  console.log(`\n${chosen.length} suites in ${seconds(Date.now() - startedAt)}`);
  for (const line of summaryOf(passed, failed, skipped)) console.log(line);
  return failed > 0 || passed === 0 ? 1 : 0;
}

process.exit(await main(process.argv.slice(2)));
