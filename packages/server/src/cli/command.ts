/** What a subcommand is, and how its arguments are read. */
import { parseArgs } from 'node:util';

/** Exit codes: 0 done, 1 failed, 2 wrong use. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

interface Flag {
  readonly type: 'string' | 'boolean';
  readonly doc: string;
  /** What stands for the value in help, for strings. */
  readonly value?: string;
}

export interface Arguments {
  readonly positionals: readonly string[];
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
}

export interface Command {
  readonly name: string;
  /** What follows the name, e.g. `HANDLE`. */
  readonly usage: string;
  readonly summary: string;
  /** Lines of help beneath the summary. */
  readonly details?: readonly string[];
  readonly flags?: Readonly<Record<string, Flag>>;
  /** How many words may follow. */
  readonly words: readonly [min: number, max: number];
  run(args: Arguments): Promise<number>;
}

/** A wrong use: its message is shown with a hint at `--help`, and the exit code is 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A failure that is told in its message alone; the exit code is 1. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

const HELP: Flag = { type: 'boolean', doc: 'Show this help.' };

export const flagText = (args: Arguments, name: string): string | undefined => {
  const value = args.values[name];
  return typeof value === 'string' ? value : undefined;
};

/** Reads the arguments of a command; throws UsageError for flags it does not know and words too many or too few. */
export const readArguments = (command: Command, argv: readonly string[]): Arguments => {
  const flags = { ...command.flags, help: HELP };
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { type }]) => [name, name === 'help' ? { type, short: 'h' } : { type }]),
  );
  let parsed;
  try {
    parsed = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (cause) {
    if (cause instanceof TypeError) throw new UsageError(cause.message.split('. To specify')[0] ?? cause.message);
    throw cause;
  }
  const values = Object.fromEntries(
    Object.entries(parsed.values).filter((entry): entry is [string, string | boolean] => !Array.isArray(entry[1])),
  );
  const [min, max] = command.words;
  const count = parsed.positionals.length;
  if (values['help'] !== true && (count < min || count > max)) {
    throw new UsageError(
      count < min ? `${command.usage} is missing` : `"${parsed.positionals[max] ?? ''}" is one word too many`,
    );
  }
  return { positionals: parsed.positionals, values };
};

/** The help of one command. */
export const helpOf = (command: Command): string => {
  const flags = Object.entries({ ...command.flags, help: HELP }).map(([name, { value, doc }]) => [
    `  --${name}${value === undefined ? '' : ` ${value}`}`,
    doc,
  ]);
  const width = Math.max(...flags.map(([flag = '']) => flag.length)) + 2;
  return [
    `Usage: duolog ${command.name}${command.usage === '' ? '' : ` ${command.usage}`}`,
    '',
    command.summary,
    ...(command.details === undefined ? [] : ['', ...command.details]),
    '',
    ...flags.map(([flag = '', doc = '']) => `${flag.padEnd(width)}${doc}`),
    '',
  ].join('\n');
};
