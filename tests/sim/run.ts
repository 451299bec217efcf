/** One seed: a world runs, the judge reads its history. */
import { CALM, ROUGH } from '../../packages/server/src/engines/faults.ts';
import type { FaultRates } from '../../packages/server/src/engines/faults.ts';
import { check } from '../torture/checker/check.ts';
import type { HistoryEvent } from '../torture/history.ts';
import type { PlantName } from './plants.ts';
import { WRITE_FAILED } from './site-single.ts';
import { World } from './world.ts';
import type { BuildSite, Violation } from './world.ts';

export interface SeedReport {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly ok: number;
  readonly messages: number;
  readonly takeovers: number;
  readonly unknownStored: number;
  readonly unknownNotStored: number;
  /** Commands refused because the disk was full, and writes that failed. */
  readonly storageFull: number;
  readonly failedWrites: number;
  /** Pages of history that were read. */
  readonly pages: number;
  readonly virtualMs: number;
  readonly history: World['events'];
}

/** What happened in several seeds. */
type Sum = Record<(typeof SUMMED)[number], number>;
const SUMMED = [
  'ok',
  'takeovers',
  'unknownStored',
  'unknownNotStored',
  'storageFull',
  'failedWrites',
  'pages',
] as const satisfies readonly (keyof SeedReport)[];

export const newSum = (): Sum => ({
  ok: 0,
  takeovers: 0,
  unknownStored: 0,
  unknownNotStored: 0,
  storageFull: 0,
  failedWrites: 0,
  pages: 0,
});
export const addTo = (sum: Sum, report: SeedReport): void => {
  for (const key of SUMMED) sum[key] += report[key];
};

/** Engines behave well, badly or very badly: by the seed. */
const ratesOf = (seed: number): FaultRates => {
  if (seed % 4 === 0) return { ...CALM, delayMs: [0, 5] };
  if (seed % 4 === 1) return { ...ROUGH, messageDoubled: 0.05, messageLost: 0.05 };
  return ROUGH;
};

export const runSeed = async (
  seed: number,
  build: BuildSite,
  plants: readonly PlantName[] = [],
): Promise<SeedReport> => {
  const world = new World(seed, build, plants);
  try {
    await world.run(ratesOf(seed));
  } catch (cause) {
    world.violated('crash', cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
  }
  const verdict = await check(world.events);
  const judged = verdict.violations.map(({ rule, detail }) => ({
    rule: `HISTORY ${rule}`,
    detail,
    atMs: world.clock.monotonic(),
  }));
  const seen = (fits: (event: HistoryEvent) => boolean): number => world.events.filter(fits).length;
  const { ok, messages, unknownStored, unknownNotStored } = verdict.stats;
  return {
    seed,
    violations: [...world.violations, ...judged],
    ok,
    messages,
    takeovers: world.site.takeovers,
    unknownStored,
    unknownNotStored,
    storageFull: seen((event) => event.type === 'answered' && event.code === 'storageFull'),
    failedWrites: seen((event) => event.type === 'fault' && event.fault === WRITE_FAILED),
    pages: world.pages.length,
    virtualMs: world.clock.monotonic(),
    history: world.events,
  };
};
