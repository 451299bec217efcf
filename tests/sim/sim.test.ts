import { expect, test } from 'bun:test';
import { PLANTS, siteOf } from './plants.ts';
import type { PlantName } from './plants.ts';
import { addTo, newSum, runSeed } from './run.ts';
import { SITES } from './sites.ts';
import type { SiteName } from './sites.ts';

const LIMIT_MS = 180_000;

const breaks = async (site: SiteName, seed: number, plants: readonly PlantName[] = []): Promise<readonly string[]> =>
  (await runSeed(seed, SITES[site], plants)).violations.map(({ rule, detail }) => `${rule}: ${detail}`);

/** Runs seeds of which none may break a rule; what was seen in them. */
const seedsHold = async (site: SiteName, from: number, seeds: number): Promise<ReturnType<typeof newSum>> => {
  const sum = newSum();
  for (let seed = from; seed < from + seeds; seed++) {
    const report = await runSeed(seed, SITES[site]);
    expect({ seed, violations: report.violations }).toEqual({ seed, violations: [] });
    addTo(sum, report);
  }
  // A simulation in which nothing happened shows nothing.
  expect(sum.ok).toBeGreaterThan(seeds * 100);
  expect(sum.takeovers).toBeGreaterThan(seeds * 3);
  expect(sum.unknownStored).toBeGreaterThan(seeds);
  expect(sum.unknownNotStored).toBeGreaterThan(seeds);
  expect(sum.pages).toBeGreaterThan(seeds * 30);
  return sum;
};

test(
  'a cluster of misbehaving engines and dying nodes keeps every rule [COM1] [COM2] [COM3] [COM4] [COM5] [COM8] [COM9] [COM10] [CON4] [MSG5] [SYN1] [SYN2]',
  async () => void (await seedsHold('cluster', 1, 200)),
  LIMIT_MS,
);

test(
  'one process that dies at any moment, and whose disk is full or fails, keeps every rule [COM1] [COM9] [COM10] [CON4] [MSG5] [STO6] [SYN1] [SYN2]',
  async () => {
    const { storageFull, failedWrites } = await seedsHold('single', 1, 100);
    expect(storageFull).toBeGreaterThan(100);
    expect(failedWrites).toBeGreaterThan(100);
  },
  LIMIT_MS,
);

test('the same seed gives the same history', async () => {
  const [a, b] = [await runSeed(7, SITES.cluster), await runSeed(7, SITES.cluster)];
  expect(a.history).toEqual(b.history);
});

/** Seeds that found a fault of ours; each stays. */
const FOUND: readonly { readonly site: SiteName; readonly seed: number; readonly what: string }[] = [
  { site: 'cluster', seed: 5, what: 'a window that counted unanswered commands instead of numbers got stale [COM10]' },
  { site: 'cluster', seed: 123, what: 'an old owner that woke up told a client an old head [COM8]' },
  { site: 'cluster', seed: 34, what: 'half of the clocks were wrong, and nobody claimed a partition any more [COM4]' },
  { site: 'cluster', seed: 39, what: 'a worker gave partitions up and claimed them again each second [COM2]' },
  { site: 'cluster', seed: 175, what: 'an idle gateway was never heard of by a new owner [COM8]' },
];
for (const { site, seed, what } of FOUND) {
  test(
    `seed ${seed} of the ${site} holds: ${what}`,
    async () => expect(await breaks(site, seed)).toEqual([]),
    LIMIT_MS,
  );
}

/** By plant: a seed near the first one that finds it, and a rule that it is known to break. */
const FINDS: { readonly [P in PlantName]: { readonly from: number; readonly rule: RegExp } } = {
  'ack-before-commit': { from: 1, rule: /^COM1/ },
  'append-without-expectation': { from: 1, rule: /^(COM|HISTORY)/ },
  'append-id-without-claim': { from: 1, rule: /^(COM|HISTORY)/ },
  'dropped-on-refusal': { from: 1, rule: /^COM2/ },
  'kept-on-refusal': { from: 1, rule: /^(COM|HISTORY)/ },
  'decided-again-on-replay': { from: 1, rule: /^(COM1|HISTORY)/ },
  'write-without-stamp': { from: 1, rule: /^(COM|HISTORY)/ },
  'checkpoint-before-rows': { from: 1, rule: /^(COM|HISTORY)/ },
  'checkpoint-before-parcels': { from: 1, rule: /^HISTORY/ },
  'stale-end-trusted': { from: 1, rule: /^(COM|HISTORY)/ },
  'parcel-ahead': { from: 1, rule: /^HISTORY/ },
  'accepted-before-commit': { from: 1, rule: /^HISTORY/ },
  'outbox-rows-dropped': { from: 1, rule: /^(COM10|HISTORY)/ },
  'answers-in-log-skipped': { from: 1, rule: /^(COM10|HISTORY)/ },
  'answer-after-failed-write': { from: 1, rule: /^(COM1|HISTORY)/ },
  'write-after-failed-write': { from: 1, rule: /^(COM1|SYN1|HISTORY)/ },
  'full-disk-ignored': { from: 1, rule: /^STO6/ },
  'membership-before-head': { from: 40, rule: /^(MSG5|HISTORY 10)/ },
  'cursor-jumps-gap': { from: 1, rule: /^HISTORY/ },
};
for (const [name, { what }] of Object.entries(PLANTS) as [PlantName, (typeof PLANTS)[PlantName]][]) {
  test(
    `the simulation finds ${name} within 500 seeds: ${what.replace(/^(\w+)/, '[$1]')}`,
    async () => {
      const { from, rule } = FINDS[name];
      for (let seed = from; seed < from + 500; seed++) {
        if ((await breaks(siteOf(name), seed, [name])).some((broken) => rule.test(broken))) return;
      }
      throw new Error('not found');
    },
    LIMIT_MS,
  );
}
