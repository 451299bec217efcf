import { checkStore, reportLines } from '../boot/maintenance.ts';
import type { Command } from './command.ts';
import { EXIT, flagText } from './command.ts';
import { settings } from './settings.ts';

export const fsck: Command = {
  name: 'fsck',
  usage: '',
  summary: 'Check the store: both logs, every pointer, every outbox. It changes nothing.',
  details: [
    'A server may run on meanwhile. Exit code 0: everything is whole; 1: something is damaged, and it says what.',
  ],
  flags: {
    data: { type: 'string', value: 'FOLDER', doc: 'Folder of the data (DUOLOG_DATA).' },
    json: { type: 'boolean', doc: 'Print the report as JSON.' },
  },
  words: [0, 0],
  run: async (args) => {
    const { config } = settings({ DUOLOG_DATA: flagText(args, 'data') });
    const report = await checkStore(config.data);
    process.stdout.write(
      args.values['json'] === true ? `${JSON.stringify(report)}\n` : `${reportLines(report).join('\n')}\n`,
    );
    return report.ok ? EXIT.done : EXIT.failed;
  },
};
