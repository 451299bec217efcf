import { expect, test } from 'bun:test';
import { fuzzJournal } from '../../../testing/journal-fuzz.ts';
import { LEDGER_PLANTS } from './plants.ts';
import type { LedgerPlant } from './plants.ts';

const SEEDS = 300;

test('whatever fails, nothing is lost, doubled or decided twice, and all is done in the end [COM1] [COM2] [COM3] [COM4] [COM9]', async () => {
  let [claims, batches] = [0, 0];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const report = await fuzzJournal(seed);
    expect({ seed, violations: report.violations }).toEqual({ seed, violations: [] });
    claims += report.claims;
    batches += report.batches;
  }
  // Far more claims than partitions: the seeds did see take-overs.
  expect(claims).toBeGreaterThan(SEEDS * 6);
  expect(batches).toBeGreaterThan(SEEDS * 10);
}, 60_000);

const plants = Object.entries(LEDGER_PLANTS) as [LedgerPlant, string][];

test.each(plants)(
  'the planted fault %s is found',
  async (plant) => {
    let found: readonly string[] = [];
    for (let seed = 1; seed <= 200 && found.length === 0; seed++)
      found = (await fuzzJournal(seed, new Set([plant]))).violations;
    expect(found).not.toEqual([]);
  },
  60_000,
);
