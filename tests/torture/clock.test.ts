import { expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { nowUs } from './clock.ts';

test('the clocks of two processes agree: what another reads lies between two readings of ours', () => {
  const program = `import { nowUs } from ${JSON.stringify(join(import.meta.dirname, 'clock.ts'))}; console.log(nowUs())`;
  const before = nowUs();
  const { stdout } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' });
  const after = nowUs();
  const theirs = Number(stdout);
  expect(theirs).toBeGreaterThan(before);
  expect(theirs).toBeLessThan(after);
});
