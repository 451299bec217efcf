/**
 * `npm run sim -- [--seeds N] [--from SEED] [--site cluster|single] [--plant NAME] [--history FILE]`, or `--plants`.
 * Exit status 0: every seed held. A plant is to be found: then it is 1, and the rule is named.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { PLANTS, isPlant, siteOf } from './plants.ts';
import type { PlantName } from './plants.ts';
import { addTo, newSum, runSeed } from './run.ts';
import type { SeedReport } from './run.ts';
import { SITES, isSite } from './sites.ts';
import type { SiteName } from './sites.ts';

const HELP = `Simulates seeded worlds and judges what their devices saw.

  --seeds N       how many seeds (default 100)
  --from SEED     the first one (default 1)
  --site NAME     cluster, single, or both (default; with a plant the one that finds it)
  --plant NAME    plants a fault, which must be found: the run ends at the first seed that finds it
  --plants        lists the faults that can be planted
  --history FILE  writes the history of the last seed as JSON lines
`;

const fail = (text: string): never => {
  process.stderr.write(`${text}\n`);
  process.exit(2);
};

const count = (name: string, text: string | undefined, standard: number): number => {
  if (text === undefined) return standard;
  const value = Number(text);
  return Number.isSafeInteger(value) && value > 0
    ? value
    : fail(`--${name} takes a whole number above 0, not ${text}.`);
};

const options = (() => {
  try {
    const texts = {
      seeds: { type: 'string' },
      from: { type: 'string' },
      site: { type: 'string' },
      plant: { type: 'string' },
      history: { type: 'string' },
    } as const;
    return parseArgs({ options: { ...texts, plants: { type: 'boolean' }, help: { type: 'boolean' } } }).values;
  } catch (cause) {
    return fail(`${cause instanceof Error ? cause.message : String(cause)}\n\n${HELP}`);
  }
})();

const sitesOf = (name: string | undefined, plant: PlantName | undefined): readonly SiteName[] => {
  if (name === undefined) return plant === undefined ? ['cluster', 'single'] : [siteOf(plant)];
  return isSite(name) ? [name] : fail(`--site is cluster or single, not ${name}.`);
};

const tell = (site: SiteName, report: SeedReport): void => {
  for (const { rule, detail, atMs } of report.violations.slice(0, 10))
    console.log(`  ${rule} at ${Math.round(atMs)} ms: ${detail}`);
  const planted = options.plant === undefined ? '' : ` --plant ${options.plant}`;
  console.log(`  again: npm run sim -- --site ${site} --from ${report.seed} --seeds 1${planted}`);
};

const run = async (): Promise<number> => {
  const { plant } = options;
  if (plant !== undefined && !isPlant(plant)) return fail(`There is no plant ${plant}; --plants lists them.`);
  const [seeds, from] = [
    count('seeds', options.seeds, plant === undefined ? 100 : 500),
    count('from', options.from, 1),
  ];
  let bad = 0;
  for (const site of sitesOf(options.site, plant)) {
    const sum = newSum();
    for (let seed = from; seed < from + seeds; seed++) {
      const report = await runSeed(seed, SITES[site], plant === undefined ? [] : [plant]);
      if (options.history !== undefined)
        writeFileSync(options.history, report.history.map((event) => `${JSON.stringify(event)}\n`).join(''));
      addTo(sum, report);
      if (report.violations.length === 0) continue;
      bad += 1;
      console.log(`${site}: seed ${seed} breaks ${[...new Set(report.violations.map(({ rule }) => rule))].join(', ')}`);
      tell(site, report);
      if (plant !== undefined) return 1;
    }
    console.log(
      `${site}: seeds ${from} to ${from + seeds - 1}: ${sum.ok} commands acknowledged, ${sum.takeovers} take-overs, ` +
        `${sum.unknownStored} unknown sends were stored, ${sum.unknownNotStored} were not, ` +
        `${sum.failedWrites} writes failed, ${sum.storageFull} commands found the disk full, ${sum.pages} pages were read`,
    );
  }
  if (plant !== undefined) console.log(`${plant} was not found`);
  return bad === 0 ? 0 : 1;
};

if (options.help === true) process.stdout.write(HELP);
else if (options.plants === true)
  for (const [name, { what }] of Object.entries(PLANTS)) console.log(`${name.padEnd(28)} ${what}`);
else process.exitCode = await run();
