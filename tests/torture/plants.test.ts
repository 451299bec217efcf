import { expect, test } from 'bun:test';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { PLANTS } from './options.ts';

const run = (...args: readonly string[]) =>
  spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], { encoding: 'utf8' });

for (const plant of Object.keys(PLANTS)) {
  test(`a server with the fault ${plant} fails the run, which names the rule [HISTORY 1]`, () => {
    const { status, stdout } = run('--plant', plant, '--kills', '5', '--seed', '1');
    expect(stdout).toMatch(/^ {2}FAIL {2}1 {2}what was acknowledged/m);
    expect(status).toBe(1);
  }, 60_000);
}

test('an option that does not exist is refused with the list of those that do', () => {
  const { status, stderr } = run('--plant', 'none');
  expect(stderr).toContain('there are: no-sync, write-on');
  expect(status).toBe(2);
});
