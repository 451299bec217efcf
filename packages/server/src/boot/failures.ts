/** Why a server could not be started, in words for whoever started it. */
import { isIP } from 'node:net';
import { DuologError } from '@duolog/protocol';
import type { Config } from '../config.ts';

const codeOf = (cause: unknown): string => (cause instanceof Error && 'code' in cause ? String(cause.code) : '');
const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** The folder of the data could not be made. */
export const folderFailed = (folder: string, cause: unknown): DuologError => {
  const why = codeOf(cause) === 'EACCES' || codeOf(cause) === 'EROFS' ? 'no right to write there' : messageOf(cause);
  return new DuologError(
    'internal',
    `The data folder ${folder} cannot be made: ${why}. Choose another one with DUOLOG_DATA or --data.`,
    { cause },
  );
};

/** Host and port could not be listened on. */
export const listeningFailed = ({ host, port }: Pick<Config, 'host' | 'port'>, cause: unknown): DuologError => {
  const where = `Port ${port} of ${host}`;
  switch (codeOf(cause)) {
    case 'EADDRINUSE':
      return new DuologError(
        'internal',
        // Bun gives the same code for a name that has no address.
        isIP(host) > 0 || host === 'localhost'
          ? `${where} is taken by another program. Choose another one with DUOLOG_PORT or --port.`
          : `${where} is taken by another program, or ${host} is no name of this machine. Choose another one with DUOLOG_PORT or DUOLOG_HOST.`,
        { cause },
      );
    case 'EACCES':
      return new DuologError(
        'internal',
        `${where} needs rights this process does not have. Choose one above 1023 with DUOLOG_PORT or --port.`,
        { cause },
      );
    case 'EADDRNOTAVAIL':
      return new DuologError(
        'internal',
        `${host} is no address of this machine. Choose another one with DUOLOG_HOST or --host.`,
        { cause },
      );
    default:
      return new DuologError('internal', `${where} cannot be listened on: ${messageOf(cause)}`, { cause });
  }
};
