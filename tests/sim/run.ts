/** One seed: a world runs, the judge reads its history. */
import { CALM, ROUGH } from '../../packages/server/src/engines/faults.ts';
import type { FaultRates } from '../../packages/server/src/engines/faults.ts';
import { check } from '../torture/checker/check.ts';
import type { PlantName } from './plants.ts';
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
  readonly virtualMs: number;
  readonly history: World['events'];
}

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
  const { ok, messages, unknownStored, unknownNotStored } = verdict.stats;
  return {
    seed,
    violations: [...world.violations, ...judged],
    ok,
    messages,
    takeovers: world.site.takeovers,
    unknownStored,
    unknownNotStored,
    virtualMs: world.clock.monotonic(),
    history: world.events,
  };
};
