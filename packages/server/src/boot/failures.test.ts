import { expect, test } from 'bun:test';
import { folderFailed, listeningFailed } from './failures.ts';

const coded = (code: string): Error => Object.assign(new Error(`${code}: as the system says it`), { code });

test.each([
  ['EACCES', 'no right to write there'],
  ['EROFS', 'no right to write there'],
  ['ENOTDIR', 'ENOTDIR: as the system says it'],
])('%s for the data folder is told, with the setting to change [OPS7]', (code, why) => {
  expect(folderFailed('/srv/duolog', coded(code)).message).toBe(
    `The data folder /srv/duolog cannot be made: ${why}. Choose another one with DUOLOG_DATA or --data.`,
  );
});

test.each([
  ['EADDRINUSE', 'Port 80 of 10.0.0.1 is taken by another program. Choose another one with DUOLOG_PORT or --port.'],
  [
    'EACCES',
    'Port 80 of 10.0.0.1 needs rights this process does not have. Choose one above 1023 with DUOLOG_PORT or --port.',
  ],
  ['EADDRNOTAVAIL', '10.0.0.1 is no address of this machine. Choose another one with DUOLOG_HOST or --host.'],
  ['EIO', 'Port 80 of 10.0.0.1 cannot be listened on: EIO: as the system says it'],
])('%s for the port is told, with the setting to change [OPS7]', (code, message) => {
  expect(listeningFailed({ host: '10.0.0.1', port: 80 }, coded(code)).message).toBe(message);
});

test('a name is told to be none of this machine, perhaps: Bun says the same of a port that is taken [OPS7]', () => {
  expect(listeningFailed({ host: 'chat.invalid', port: 80 }, coded('EADDRINUSE')).message).toContain(
    'or chat.invalid is no name of this machine',
  );
});
