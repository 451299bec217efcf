/** Judges history files: `bun tests/torture/judge.ts FILE…`. Exits with 1 if a rule is violated. */
import { check } from './checker/check.ts';
import { readHistory } from './checker/read-history.ts';
import { RULES, RULE_IDS } from './checker/verdict.ts';

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error('usage: bun tests/torture/judge.ts FILE…');
  process.exit(2);
}
const bad: string[] = [];
const lines = readHistory(files, ({ file, line, reason }) => bad.push(`${file}:${line}: ${reason}`));
const { violations, stats } = await check(lines, bad);
for (const rule of RULE_IDS) {
  const { state = 'not exercised', checked = 0 } = stats.rules[String(rule)] ?? {};
  console.log(`${String(rule).padStart(2)}  ${state.padEnd(14)}${String(checked).padStart(9)}  ${RULES[rule]}`);
}
for (const { rule, detail } of violations) console.log(`rule ${rule}: ${detail}`);
process.exit(violations.length > 0 ? 1 : 0);
