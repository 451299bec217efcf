import { restoreStore } from '../boot/maintenance.ts';
import type { Command } from './command.ts';
import { EXIT, flagText } from './command.ts';
import { settings } from './settings.ts';

export const restore: Command = {
  name: 'restore',
  usage: 'FILE',
  summary: 'Restore a backup into an empty data folder.',
  details: [
    'The file is read to its end and its checksum compared before anything is written. The store has a new epoch: clients',
    'notice it, drop what the backup does not know, and load again. They stay signed in.',
  ],
  flags: { data: { type: 'string', value: 'FOLDER', doc: 'Folder of the data (DUOLOG_DATA).' } },
  words: [1, 1],
  run: async (args) => {
    const [file = ''] = args.positionals;
    const { config } = settings({ DUOLOG_DATA: flagText(args, 'data') });
    const { rows, madeAt, epoch } = await restoreStore(config.data, file);
    const at = new Date(madeAt).toISOString();
    process.stdout.write(`${config.data}: ${rows} rows as they were at ${at}, with the new epoch ${epoch}.\n`);
    return EXIT.done;
  },
};
