/** `npm run bench`: measures systems side by side, prints a table, ends by itself. See README.md beside this file. */
import { cpus } from 'node:os';
import { pinningLack, stopAllChildren } from './children.ts';
import { isInMemory, syncWriteMs } from './disk.ts';
import { medians } from './figures.ts';
import type { Figures, Results } from './figures.ts';
import { parseOptions, UsageError } from './options.ts';
import type { Options } from './options.ts';
import { tableOf, writeJson } from './report.ts';
import { scenarios } from './scenarios.ts';
import type { Scenario } from './scenarios.ts';
import { removeFolders, Stage } from './stage.ts';
import type { System } from './system.ts';
import { systems } from './systems/all.ts';

const runOnce = async (
  scenario: Scenario,
  system: System,
  options: Options,
): Promise<Readonly<Record<string, Figures>>> => {
  const stage = new Stage(system, options);
  try {
    return await scenario.run(stage);
  } finally {
    await stage.close();
  }
};

/** All runs of one scenario with one system; says what failed instead of ending the others. */
const runAll = async (scenario: Scenario, system: System, options: Options, results: Results): Promise<boolean> => {
  const found = new Map<string, Figures[]>();
  for (let run = 1; run <= options.runs; run++) {
    process.stderr.write(`${scenario.name}: ${system.name}, run ${run} of ${options.runs}\n`);
    try {
      for (const [name, figures] of Object.entries(await runOnce(scenario, system, options))) {
        found.set(name, [...(found.get(name) ?? []), figures]);
        for (const fault of figures.faults) process.stderr.write(`  fault: ${fault}\n`);
      }
    } catch (error) {
      process.stderr.write(`  failed: ${error instanceof Error ? error.message : String(error)}\n`);
      return false;
    }
  }
  for (const [name, figures] of found) {
    const bySystem = results.get(name) ?? new Map<string, Figures>();
    results.set(name, bySystem.set(system.name, medians(figures)));
  }
  return true;
};

const echoCheck = (results: Results): string | undefined => {
  const echo = results.get('echo')?.get('echo')?.values['cpuUsPerMessage'];
  const relay = results.get('direct-1')?.get('relay')?.values['cpuUsPerMessage'];
  if (echo === undefined || relay === undefined) return undefined;
  return `The relay costs ${(relay / echo).toFixed(2)} bare echoes of CPU a message (at most 2.5).`;
};

const print = (results: Results): void => {
  for (const [name, bySystem] of results) {
    const title = scenarios.find((scenario) => scenario.name === name)?.title;
    console.log(`\n${name}${title === undefined ? '' : ` · ${title}`}\n${tableOf(bySystem)}`);
  }
  const check = echoCheck(results);
  if (check !== undefined) console.log(`\n${check}`);
};

const bench = async (options: Options): Promise<number> => {
  const syncMs = syncWriteMs(options.folder);
  console.log(
    `${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores; a sync write takes ${syncMs.toFixed(2)} ms`,
  );
  const warnings = [
    pinningLack(),
    isInMemory(options.folder) ? `${options.folder} is in memory: flushing costs nothing there` : undefined,
  ];
  for (const warning of warnings) if (warning !== undefined) console.log(`Careful: ${warning}`);

  const results: Results = new Map();
  const skipped = new Set<string>();
  let whole = true;
  const yardstick = options.scenarios.includes('direct-1') && options.systems.includes('relay') ? ['echo'] : [];
  const [wantedScenarios, wantedSystems] = [
    [...options.scenarios, ...yardstick],
    [...options.systems, ...yardstick],
  ];
  for (const scenario of scenarios.filter(({ name }) => wantedScenarios.includes(name))) {
    for (const system of systems.filter(({ name }) => wantedSystems.includes(name))) {
      if (!system.scenarios.includes(scenario.needs)) continue;
      const lack = system.lack();
      if (lack === undefined) whole = (await runAll(scenario, system, options, results)) && whole;
      else skipped.add(`${system.name} is skipped: it ${lack}`);
    }
  }
  print(results);
  for (const line of skipped) console.log(`\n${line}`);
  const { scenarios: _scenarios, systems: _systems, json, folder: _folder, ...settings } = options;
  if (json !== undefined) writeJson(json, results, { processor: cpus()[0]?.model, syncWriteMs: syncMs, settings });
  const faulty = [...results.values()].some((bySystem) =>
    [...bySystem.values()].some(({ faults }) => faults.length > 0),
  );
  return whole && !faulty ? 0 : 1;
};

const cleanUp = async (): Promise<void> => {
  await stopAllChildren();
  removeFolders();
};

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void cleanUp().finally(() => process.exit(130)));
}

try {
  process.exitCode = await bench(parseOptions(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
} finally {
  await cleanUp();
}
