import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { endGroupsOnSignal, runInGroup } from './process-group.ts';

const root = join(import.meta.dirname, '..');
const logFolder = join(root, '.tmp', 'check');

interface Step {
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
  /** Prints its output even when nothing is wrong: figures that one wants to see. */
  readonly says?: RegExp;
}

const tool = (name: string): string => join(root, 'node_modules', '.bin', name);

const steps: readonly Step[] = [
  { name: 'types', argv: [tool('tsc'), '--noEmit', '-p', 'tsconfig.json'] },
  { name: 'lint', argv: [tool('oxlint')], says: /^(?:Found|Finished).*/gm },
  { name: 'format', argv: [tool('oxfmt'), '--check'], says: /^Finished.*/gm },
  { name: 'architecture', argv: [process.execPath, 'test', './tests/architecture'], says: /^architecture:.*/gm },
  { name: 'unused code', argv: [tool('knip'), '--no-config-hints'] },
  { name: 'size of the SDK', argv: ['node', 'packages/sdk/build.mjs'], says: /^SDK:.*/gm },
  { name: 'package of the SDK', argv: [tool('publint'), 'packages/sdk/dist', '--strict'] },
];

async function runStep(step: Step, index: number): Promise<boolean> {
  const logFile = join(logFolder, `${index}.log`);
  const ended = await runInGroup({ argv: step.argv, cwd: root, logFile, limitMs: 180_000 });
  const output = existsSync(logFile) ? readFileSync(logFile, 'utf8') : '';
  const ok = ended.exitCode === 0;
  const said = step.says === undefined ? [] : (output.match(step.says) ?? []);
  console.log(
    `${ok ? 'ok   ' : 'FAIL '}${step.name.padEnd(20)}${(ended.tookMs / 1_000).toFixed(1)} s  ${said.join(' ')}`,
  );
  if (!ok) console.log(ended.timedOut ? `${output}\nended: it took too long` : output);
  return ok;
}

mkdirSync(logFolder, { recursive: true });
endGroupsOnSignal();
const names = process.argv.slice(2);
const chosen = steps.filter(({ name }) => names.length === 0 || names.some((word) => name.includes(word)));
const failed: string[] = [];
for (const [index, step] of chosen.entries()) {
  if (!(await runStep(step, index))) failed.push(step.name);
}
console.log(failed.length > 0 ? `\nnot in order: ${failed.join(', ')}` : `\n${chosen.length} checks are in order`);
process.exit(failed.length > 0 || chosen.length === 0 ? 1 : 0);
