import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRecorder } from '../record.ts';
import { check } from './check.ts';
import { readHistory } from './read-history.ts';
import { goodHistory, type SampleOptions } from './sample/good-history.ts';
import { PLANTS } from './sample/plants.ts';
import { RULE_IDS, type RuleId, type Verdict } from './verdict.ts';

const sample = (seed: number, options: Partial<SampleOptions> = {}) =>
  goodHistory({ seed, steps: 500, kills: 12, ...options });
const brokenRules = (verdict: Verdict): readonly RuleId[] => [...new Set(verdict.violations.map(({ rule }) => rule))];

test('a good history passes with every rule exercised [HISTORY]', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { violations, stats } = await check(sample(seed));
    expect({ seed, violations }).toEqual({ seed, violations: [] });
    for (const rule of RULE_IDS)
      expect({ seed, rule, state: stats.rules[String(rule)]?.state }).toEqual({ seed, rule, state: 'held' });
  }
});

test('a good history passes with a restore in it, and in a cluster [HISTORY]', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const restore = await check(sample(seed, { restore: true }));
    expect({ seed, violations: restore.violations }).toEqual({ seed, violations: [] });
    const cluster = await check(sample(seed, { cluster: true }));
    expect({ seed, violations: cluster.violations }).toEqual({ seed, violations: [] });
  }
});

for (const { rule, name, options, plant } of PLANTS) {
  test(`a history in which ${name} breaks rule ${rule} and no other [HISTORY ${rule}]`, async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const verdict = await check(plant(sample(seed, options)));
      expect({ seed, rules: brokenRules(verdict) }).toEqual({ seed, rules: [rule] });
    }
  });
}

test('every rule has a planted bad history [HISTORY]', () => {
  const planted = new Set(PLANTS.map(({ rule }) => rule));
  expect(RULE_IDS.filter((rule) => !planted.has(rule))).toEqual([]);
});

test('a rule for which nothing happened is not exercised, never held [HISTORY]', async () => {
  const { stats } = await check([]);
  expect(RULE_IDS.map((rule) => stats.rules[String(rule)]?.state)).toEqual(RULE_IDS.map(() => 'not exercised'));
});

test('a history read back from its files gives the same verdict, and a broken line is found [HISTORY]', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'duolog-history-'));
  try {
    const events = sample(1);
    let index = 0;
    const recorder = openRecorder(join(folder, 'one.jsonl'), () => events[index++]?.atUs ?? 0);
    for (const { atUs: _atUs, ...event } of events) recorder.record(event);
    recorder.close();
    const direct = await check(events);
    const bad: string[] = [];
    const read = await check(
      readHistory([join(folder, 'one.jsonl')], ({ line, reason }) => bad.push(`${line}: ${reason}`)),
      bad,
    );
    expect(read).toEqual(direct);
    const torn = openRecorder(join(folder, 'two.jsonl'), () => 1);
    torn.record({ type: 'beat', user: 'u', device: 'd' });
    torn.close();
    await Bun.write(join(folder, 'three.jsonl'), '{"type":"beat","atUs":1}\n{"type":"bea');
    const malformed = await check(
      readHistory([join(folder, 'two.jsonl'), join(folder, 'three.jsonl')], ({ line, reason }) =>
        bad.push(`${line}: ${reason}`),
      ),
      bad,
    );
    expect(bad).toEqual(['1: beat without user', '2: not JSON']);
    expect(brokenRules(malformed)).toContain('malformed');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
