import { signUp } from '@duolog/sdk';
import { boot, httpUrl } from '../boot.ts';
import { addUserAt } from '../boot/maintenance.ts';
import type { Config } from '../config.ts';
import { createLog } from '../log.ts';
import type { Command } from './command.ts';
import { CommandError, EXIT, flagText } from './command.ts';
import { askPassword } from './prompt.ts';
import { settings } from './settings.ts';
import { programVersion } from './version.ts';

const HEALTH_MS = 3_000;

/** Whether a duolog server answers there. */
const serves = async (url: string): Promise<boolean> => {
  try {
    const response = await fetch(`${url.replace(/\/+$/, '')}/health`, { signal: AbortSignal.timeout(HEALTH_MS) });
    return response.ok && (await response.text()).includes('"serving"');
  } catch (cause) {
    if (cause instanceof Error) return false;
    throw cause;
  }
};

const sign = async (url: string, handle: string, password: string, name: string | undefined): Promise<string> => {
  const { user } = await signUp({ url, handle, password, ...(name === undefined ? {} : { name }) });
  return user;
};

/** Serves the data folder for as long as it takes, for this machine alone. */
const withStore = async (config: Config, use: (url: string) => Promise<string>): Promise<string> => {
  const log = createLog({
    level: 'warn',
    format: 'text',
    write: (line) => process.stderr.write(line),
    now: () => Date.now(),
  });
  // Whoever may write to the folder may add users, also where sign-ups are closed.
  const own = { host: '127.0.0.1', port: 0, signUpsPerHour: 1 };
  const server = await boot({ config: { ...config, ...own }, version: programVersion(), log });
  try {
    return await use(server.url);
  } finally {
    await server.stop();
  }
};

export const userAdd: Command = {
  name: 'user add',
  usage: 'HANDLE',
  summary: 'Make an account. The password is asked for, or is the first line of what is piped in.',
  details: [
    'With --url the server there makes it, if it lets people sign up. Else the one that runs over the data folder does, also',
    'where sign-ups are closed; else one that answers at the address of the settings; without a server it goes into the folder.',
  ],
  flags: {
    name: { type: 'string', value: 'NAME', doc: 'Display name; the handle if left out.' },
    url: { type: 'string', value: 'URL', doc: 'Server to make it at.' },
    data: { type: 'string', value: 'FOLDER', doc: 'Folder of the data (DUOLOG_DATA).' },
  },
  words: [1, 1],
  run: async (args) => {
    const [handle = ''] = args.positionals;
    const { config } = settings({ DUOLOG_DATA: flagText(args, 'data') });
    const given = flagText(args, 'url');
    const url = given ?? httpUrl(config.host, config.port);
    if (!URL.canParse(url)) throw new CommandError(`${url} is no URL`);
    if (given !== undefined && !(await serves(given))) throw new CommandError(`no duolog server answers at ${given}`);
    const password = await askPassword({ twice: true });
    const name = flagText(args, 'name');
    const told = (user: string, where: string): number => {
      process.stdout.write(`${handle} can log in now (user ${user}, ${where}).\n`);
      return EXIT.done;
    };
    const own = given === undefined ? await addUserAt(config.data, { handle, password, name }) : undefined;
    if (own !== undefined) return told(own, `in ${config.data}, by the server that runs there`);
    const running = given !== undefined || (flagText(args, 'data') === undefined && (await serves(url)));
    const add = (at: string): Promise<string> => sign(at, handle, password, name);
    return running ? told(await add(url), `at ${url}`) : told(await withStore(config, add), `in ${config.data}`);
  },
};
