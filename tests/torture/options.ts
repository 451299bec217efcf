/** The command line of the torture run. */
import { parseArgs } from 'node:util';

export const PLANTS = {
  'no-sync': 'batches are not fsynced before they are acknowledged (needs --power)',
  'write-on': 'the store is written on after a failed write (needs --disk)',
} as const;
type PlantName = keyof typeof PLANTS;

export interface TortureOptions {
  readonly kills: number;
  readonly seed: number;
  /** Each kill is a power cut. */
  readonly power: boolean;
  /** Instead of a kill, a write or sync of the store fails. */
  readonly disk: boolean;
  readonly plant: PlantName | undefined;
  /** The run's files stay. */
  readonly keep: boolean;
}

export const USAGE = `npm run torture -- [--kills N] [--seed S] [--power] [--disk] [--plant NAME] [--plants] [--keep]

  --kills N     how often the server is killed under load (50)
  --seed S      of everything the run decides by chance (random)
  --power       the power is cut: what was not fsynced is lost
  --disk        a write or fsync fails with EIO or ENOSPC; the server has to stop by itself
  --plant NAME  the server is broken on purpose; the run must fail and name the rule
  --plants      list the plants
  --keep        keep the files of the run
`;

const isPlant = (name: string): name is PlantName => Object.hasOwn(PLANTS, name);

const wholeNumber = (text: string, what: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`${what} must be a whole number`);
  return Number(text);
};

/** Reads the command line; `plants`: list them. Throws with a sentence about what is wrong. */
export const readOptions = (argv: readonly string[]): TortureOptions | 'help' | 'plants' => {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      kills: { type: 'string', default: '50' },
      seed: { type: 'string' },
      power: { type: 'boolean', default: false },
      disk: { type: 'boolean', default: false },
      plant: { type: 'string' },
      plants: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  if (values.plants) return 'plants';
  const { plant } = values;
  if (plant !== undefined && !isPlant(plant))
    throw new Error(`there is no plant ${plant}; there are: ${Object.keys(PLANTS).join(', ')}`);
  return {
    kills: wholeNumber(values.kills, '--kills'),
    seed: values.seed === undefined ? Math.floor(Math.random() * 1e9) : wholeNumber(values.seed, '--seed'),
    power: values.power || plant === 'no-sync',
    disk: values.disk || plant === 'write-on',
    plant,
    keep: values.keep,
  };
};
