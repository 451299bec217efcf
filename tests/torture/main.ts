/** `npm run torture`: a real server under load is killed again and again; the history says whether it kept its word. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cCompiler } from '../machine.ts';
import type { Results } from '../results.ts';
import { RULES, RULE_IDS } from './checker/verdict.ts';
import { PLANTS, USAGE, readOptions, type TortureOptions } from './options.ts';
import { torture, type RunReport } from './run.ts';
import { killServers } from './server-process.ts';

const root = join(import.meta.dirname, '..', '..');

/** For the test runner: one test for each rule that was exercised, one for what the server did besides. */
const resultsOf = ({ verdict, complaints }: RunReport): Results => {
  const failed = [...new Set(verdict.violations.map(({ rule }) => rule))].map((rule) => ({
    name: `torture: ${RULES[rule]} [HISTORY ${rule}]`,
    detail: verdict.violations
      .filter((violation) => violation.rule === rule)
      .map(({ detail }) => detail)
      .join('\n'),
  }));
  const conduct =
    complaints.length === 0 ? [] : [{ name: 'torture: the server behaves', detail: complaints.join('\n') }];
  const held = RULE_IDS.filter((rule) => verdict.stats.rules[String(rule)]?.state === 'held').length;
  return { passed: held + (conduct.length === 0 ? 1 : 0), failed: [...failed, ...conduct], skipped: [] };
};

const writeResults = (results: Results): void => {
  const file = process.env['DUOLOG_TEST_REPORT'];
  if (file !== undefined) writeFileSync(file, JSON.stringify(results));
};

const largest = (values: readonly number[]): number => Math.round(Math.max(0, ...values));

const table = (options: TortureOptions, report: RunReport, tookS: number): string => {
  const { verdict, faults, missed, cuts, startsMs } = report;
  const { stats } = verdict;
  const rows: readonly (readonly [string, string | number])[] = [
    ['seed', options.seed],
    [
      options.disk ? 'disk faults' : options.power ? 'power cuts' : 'kills',
      missed === 0 ? faults : `${faults} (${missed} came to nothing and were kills)`,
    ],
    ...(cuts.length === 0
      ? []
      : ([['bytes lost in power cuts', cuts.reduce((sum, { lostBytes }) => sum + lostBytes, 0)]] as const)),
    ['commands', stats.commands],
    ['acknowledged', stats.ok],
    ['unknown, turned out stored', stats.unknownStored],
    ['unknown, turned out not stored', stats.unknownNotStored],
    ['messages in the final logs', stats.messages],
    ['longest time without an ok, ms', stats.longestWithoutOkMs],
    ['slowest start, ms', largest(startsMs)],
    ['events judged', stats.events],
    ['seconds', Math.round(tookS)],
  ];
  return rows.map(([name, value]) => `  ${name.padEnd(34)}${value}`).join('\n');
};

const rulesTable = ({ verdict }: RunReport): string =>
  RULE_IDS.map((rule) => {
    const { state = 'not exercised', checked = 0 } = verdict.stats.rules[String(rule)] ?? {};
    return `  ${state === 'violated' ? 'FAIL' : state === 'held' ? 'ok  ' : '-   '} ${String(rule).padStart(2)}  ${RULES[rule]} (${state === 'not exercised' ? state : `${checked} times`})`;
  }).join('\n');

const tailOf = (file: string): string =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .slice(-15)
    .map((line) => `  | ${line}`)
    .join('\n');

/** The command that runs the same again. Not the same moments: a run is made of real time. */
const commandOf = ({ kills, seed, power, disk, plant }: TortureOptions): string =>
  [
    `npm run torture -- --kills ${kills} --seed ${seed}`,
    ...(power ? ['--power'] : []),
    ...(disk ? ['--disk'] : []),
    ...(plant === undefined ? [] : [`--plant ${plant}`]),
  ].join(' ');

const main = async (options: TortureOptions): Promise<number> => {
  if ((options.power || options.disk) && !cCompiler.found()) {
    const note = {
      name: 'torture with a power cut or a failing disk',
      detail: `needs ${cCompiler.what}: ${cCompiler.howToGet}`,
    };
    console.log(`skipped: ${note.name}: ${note.detail}`);
    writeResults({ passed: 0, failed: [], skipped: [note] });
    return process.env['CI'] === 'true' ? 1 : 0;
  }
  const parent = join(root, '.tmp', 'torture');
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'run-'));
  const startedMs = performance.now();
  let keep = options.keep;
  try {
    const report = await torture(options, folder, (line) => console.log(line));
    const results = resultsOf(report);
    writeResults(results);
    console.log(`${table(options, report, (performance.now() - startedMs) / 1000)}\n\n${rulesTable(report)}`);
    for (const rule of new Set(report.verdict.violations.map((violation) => violation.rule))) {
      const first = report.verdict.violations.find((violation) => violation.rule === rule);
      console.log(`\nrule ${rule}: ${RULES[rule]}\n  ${first?.detail}`);
    }
    for (const complaint of report.complaints) console.log(`\nthe server: ${complaint}`);
    console.log(results.failed.length === 0 ? '\npassed' : `\nFAILED; the same again: ${commandOf(options)}`);
    keep ||= results.failed.length > 0;
    return results.failed.length === 0 ? 0 : 1;
  } catch (cause) {
    keep = true;
    const detail = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    writeResults({ passed: 0, failed: [{ name: 'torture: the run comes to its end', detail }], skipped: [] });
    console.log(`FAILED with seed ${options.seed}: ${detail}`);
    for (const name of ['server.log', 'client.log']) console.log(`the end of ${name}:\n${tailOf(join(folder, name))}`);
    return 1;
  } finally {
    killServers();
    if (keep) console.log(`files of the run: ${folder.slice(root.length + 1)}`);
    else rmSync(folder, { recursive: true });
  }
};

const optionsOrUsage = (): ReturnType<typeof readOptions> | undefined => {
  try {
    return readOptions(process.argv.slice(2));
  } catch (cause) {
    console.error(`${cause instanceof Error ? cause.message : String(cause)}\n\n${USAGE}`);
    return undefined;
  }
};

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    killServers();
    process.exit(1);
  });
}
const options = optionsOrUsage();
if (options === undefined) process.exit(2);
if (options === 'help') console.log(USAGE);
else if (options === 'plants')
  for (const [name, what] of Object.entries(PLANTS)) console.log(`${name.padEnd(10)}${what}`);
else process.exit(await main(options));
