/** The command line of the bench. */
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { scenarioNames } from './scenarios.ts';
import { systemNames } from './systems/all.ts';

export interface Options {
  readonly scenarios: readonly string[];
  readonly systems: readonly string[];
  /** The measured window of a rate. */
  readonly seconds: number;
  readonly warmSeconds: number;
  /** Messages to be acknowledged before the window begins. */
  readonly afterMessages: number;
  /** Each scenario is run so often, on fresh data; the medians count. */
  readonly runs: number;
  /** Of each pair, in the scenarios direct-1 and direct-8. */
  readonly senders: number;
  readonly connections: number;
  readonly devices: number;
  readonly preload: number;
  readonly json: string | undefined;
  /** Where the systems keep their data; must be a disk for figures that mean something. */
  readonly folder: string;
}

const usage = `npm run bench -- [options]
  --scenarios A,B     of ${scenarioNames.join(', ')} (all)
  --systems A,B       of ${systemNames.join(', ')} (all)
  --seconds N         measured window of a rate (5)
  --warm-seconds N    before the window (2)
  --after-messages N  messages before the window, at most two minutes of them (0)
  --runs N            runs of each, on fresh data; medians count (1)
  --quoted            the same as --seconds 30 --after-messages 1000000 --runs 3
  --senders N         how many of each pair send, 1 or 2, in direct-1 and direct-8 (2)
  --connections N     of the scenario idle (10000)
  --devices N         of the scenario reconnect-storm (2000)
  --preload N         messages stored before the scenario at-size (10000000)
  --json FILE         write the figures there too
  --folder DIR        where the systems' data goes, on a disk (the system's temporary folder)`;

export class UsageError extends Error {}

const numberOf = (name: string, text: string, min: number, max = Infinity): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max)
    throw new UsageError(
      `--${name} is a whole number from ${min} ${max === Infinity ? 'on' : `to ${max}`}\n\n${usage}`,
    );
  return value;
};

const chosen = (name: string, text: string | undefined, known: readonly string[]): readonly string[] => {
  const names = text?.split(',') ?? known;
  const unknown = names.filter((item) => !known.includes(item));
  if (unknown.length > 0)
    throw new UsageError(`--${name}: there is no ${unknown.join(', ')}; there are ${known.join(', ')}`);
  return names;
};

const text = { type: 'string' } as const;
const config = {
  scenarios: text,
  systems: text,
  seconds: text,
  'warm-seconds': text,
  'after-messages': text,
  runs: text,
  quoted: { type: 'boolean' },
  senders: text,
  connections: text,
  devices: text,
  preload: text,
  json: text,
  folder: text,
  help: { type: 'boolean' },
} as const;

/** Throws a `UsageError` whose message is for the person who typed. */
export const parseOptions = (args: readonly string[]): Options => {
  const values = parsed(args);
  if (values.help === true) throw new UsageError(usage);
  const quoted = values.quoted === true;
  return {
    scenarios: chosen('scenarios', values.scenarios, scenarioNames),
    systems: chosen('systems', values.systems, systemNames),
    seconds: numberOf('seconds', values.seconds ?? (quoted ? '30' : '5'), 1),
    warmSeconds: numberOf('warm-seconds', values['warm-seconds'] ?? '2', 0),
    afterMessages: numberOf('after-messages', values['after-messages'] ?? (quoted ? '1000000' : '0'), 0),
    runs: numberOf('runs', values.runs ?? (quoted ? '3' : '1'), 1),
    senders: numberOf('senders', values.senders ?? '2', 1, 2),
    connections: numberOf('connections', values.connections ?? '10000', 10),
    devices: numberOf('devices', values.devices ?? '2000', 2),
    preload: numberOf('preload', values.preload ?? '10000000', 0),
    json: values.json,
    folder: values.folder ?? tmpdir(),
  };
};

const parsed = (args: readonly string[]) => {
  try {
    return parseArgs({ args: [...args], options: config }).values;
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  }
};
