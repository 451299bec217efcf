import { backupStore } from '../boot/maintenance.ts';
import type { Command } from './command.ts';
import { EXIT, flagText } from './command.ts';
import { settings } from './settings.ts';

export const backup: Command = {
  name: 'backup',
  usage: 'FILE',
  summary: 'Write everything of one moment to a file; the server may run on meanwhile.',
  details: [
    'The file must not exist yet; it appears under its name when it is whole. It holds password hashes and the',
    "installation's secret: keep it as safe as the data folder.",
  ],
  flags: { data: { type: 'string', value: 'FOLDER', doc: 'Folder of the data (DUOLOG_DATA).' } },
  words: [1, 1],
  run: async (args) => {
    const [file = ''] = args.positionals;
    const { config } = settings({ DUOLOG_DATA: flagText(args, 'data') });
    const { rows, bytes } = await backupStore(config.data, file);
    process.stdout.write(`${file}: ${rows} rows of ${config.data} in ${bytes} bytes.\n`);
    return EXIT.done;
  },
};
