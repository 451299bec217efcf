import { printConfig } from '../config/print.ts';
import type { Command } from './command.ts';
import { EXIT } from './command.ts';
import { settings } from './settings.ts';

export const config: Command = {
  name: 'config',
  usage: '',
  summary: 'Show all settings: what each is for, its value, and where that comes from.',
  details: ['The output is a file that says the same: duolog config > duolog.conf. Secrets are not shown.'],
  words: [0, 0],
  run: async () => {
    process.stdout.write(printConfig(settings()));
    return EXIT.done;
  },
};
