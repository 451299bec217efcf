import { readConfig } from '../config.ts';
import type { Settled } from '../config.ts';
import { CommandError } from './command.ts';

/** All settings, with those given on the command line. Throws CommandError that names everything that is wrong. */
export const settings = (overrides: Readonly<Record<string, string | undefined>> = {}): Settled => {
  const read = readConfig(undefined, overrides);
  if (read.ok) return read.settled;
  const count = read.problems.length;
  throw new CommandError(
    `${count === 1 ? 'a setting is' : `${count} settings are`} wrong:\n${read.problems.map((problem) => `  ${problem}`).join('\n')}`,
  );
};
