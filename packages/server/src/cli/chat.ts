import { readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Client } from '@duolog/sdk';
import { httpUrl } from '../boot.ts';
import { accountFile, knownHandles, lockAccount, serverFolder } from './chat/account-file.ts';
import { fileCache, isEmpty } from './chat/file-cache.ts';
import { runFullScreen } from './chat/full-screen.ts';
import { runPiped } from './chat/piped.ts';
import { signIn } from './chat/sign-in.ts';
import { CommandError, EXIT, flagText } from './command.ts';
import type { Arguments, Command } from './command.ts';
import { ask, askPassword } from './prompt.ts';
import { settings } from './settings.ts';
import { programVersion } from './version.ts';

const STORE_MS = 30_000;
/** What a handle is made of; it becomes a file name. */
const HANDLE = /^[a-z0-9][a-z0-9_.]{0,31}$/;

const isInteractive = (): boolean => process.stdin.isTTY && process.stdout.isTTY;

const urlFrom = (args: Arguments): string => {
  const [given] = args.positionals;
  if (given === undefined) {
    const { host, port } = settings().config;
    return httpUrl(host, port);
  }
  const url = /^[a-z]+:\/\//.test(given) ? given : `http://${given}`;
  if (!URL.canParse(url) || !/^(?:https?|wss?):$/.test(new URL(url).protocol))
    throw new CommandError(`${given} is no address of a server`);
  return url.replace(/\/+$/, '');
};

const handleFrom = async (args: Arguments, folder: string): Promise<string> => {
  const known = knownHandles(folder);
  const only = known.length === 1 ? known[0] : undefined;
  const given = flagText(args, 'user') ?? only ?? (isInteractive() ? await ask('Handle: ') : '');
  const handle = given.trim().replace(/^@/, '').toLowerCase();
  if (HANDLE.test(handle)) return handle;
  if (handle !== '') throw new CommandError(`"${handle}" is no handle: a-z 0-9 _ .`);
  throw new CommandError(
    known.length > 1
      ? `there are several accounts here (${known.join(', ')}): name one with --user`
      : 'name yourself with --user',
  );
};

const passwordFrom =
  (args: Arguments) =>
  async (twice: boolean): Promise<string> => {
    const file = flagText(args, 'password-file');
    if (file !== undefined) return ((await readFile(file, 'utf8')).split('\n')[0] ?? '').replace(/\r$/, '');
    // In a pipe the lines are what is to be said.
    if (!process.stdin.isTTY)
      throw new CommandError('not signed in: start it once at a terminal, or give --password-file');
    return askPassword({ twice });
  };

const offerAccount = (handle: string) => async (): Promise<boolean> => {
  if (!isInteractive()) return false;
  process.stderr.write('Handle or password is wrong.\n');
  return /^y(?:es)?$/i.test((await ask(`Make a new account "${handle}" with this password? [y/N] `)).trim());
};

/** Resolves when the process is told to end. */
const endSignal = (): Promise<void> =>
  new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) process.on(signal, () => resolve());
  });

const unsent = (client: Client): number =>
  client.sendings().filter(({ state }) => state.status !== 'stored' && state.status !== 'failed').length;

/** Lines of what is piped in. Nothing is read, and so nothing lost, before the first one is asked for. */
async function* pipedLines(): AsyncGenerator<string> {
  yield* createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
}

const runChat = async (client: Client, args: Arguments, fresh: boolean): Promise<number> => {
  const [to, follow, ended] = [flagText(args, 'to'), args.values['follow'] === true, endSignal()];
  if (!isInteractive()) {
    const piped = runPiped({
      client,
      lines: pipedLines(),
      write: (text) => process.stdout.write(text),
      tell: (text) => process.stderr.write(`duolog chat: ${text}\n`),
      to,
      fresh,
      follow,
      ended,
      storeMs: STORE_MS,
    });
    // Told to end while it stays, it is done; told while there are lines left, it is not.
    const done = await (follow ? piped : Promise.race([piped, ended]));
    return done === true ? EXIT.done : EXIT.failed;
  }
  const { signedOut } = await runFullScreen({ client, input: process.stdin, screen: process.stdout, first: to, ended });
  const left = signedOut === true ? 0 : unsent(client);
  if (left > 0) process.stdout.write(`${left} not sent yet; kept here, and sent with the next start.\n`);
  return EXIT.done;
};

export const chat: Command = {
  name: 'chat',
  usage: '[URL]',
  summary: 'Chat from this terminal. In a pipe, lines in are said and what others say comes out.',
  details: [
    'Without URL: the server of the settings on this machine. History and unsent messages are kept in ~/.duolog.',
    'In a pipe:  tail -f errors.log | duolog chat --to ops    says each line to ops, a conversation or a handle.',
    '            duolog chat --follow < /dev/null             prints what others say.',
  ],
  flags: {
    user: {
      type: 'string',
      value: 'HANDLE',
      doc: 'Who you are; asked for, or the one account known here, if left out.',
    },
    'sign-up': { type: 'boolean', doc: 'Make the account first.' },
    to: { type: 'string', value: 'NAME', doc: 'Conversation, or handle, to open; in a pipe every line is said there.' },
    follow: { type: 'boolean', doc: 'In a pipe: stay after the last line and print what others say.' },
    'password-file': { type: 'string', value: 'FILE', doc: 'Take the password from the first line of a file.' },
    folder: { type: 'string', value: 'FOLDER', doc: 'Keep accounts here instead of in ~/.duolog.' },
  },
  words: [0, 1],
  run: async (args) => {
    const url = urlFrom(args);
    const folder = serverFolder(flagText(args, 'folder') ?? join(homedir(), '.duolog'), url);
    const handle = await handleFrom(args, folder);
    const fresh = !knownHandles(folder).includes(handle);
    const unlock = await lockAccount(folder, handle);
    try {
      const file = accountFile(folder, handle);
      const cache = await fileCache(file);
      const client = await signIn({
        url,
        handle,
        cache,
        version: programVersion(),
        newAccount: args.values['sign-up'] === true,
        askPassword: passwordFrom(args),
        offerAccount: offerAccount(handle),
      }).catch(async (cause: unknown) => {
        // An account that could not be opened is not known here from now on.
        if (fresh) await rm(file, { force: true });
        throw cause;
      });
      try {
        return await runChat(client, args, fresh);
      } finally {
        await client.close();
        // The file has everything that was ever written to it, so it has to go for all to be forgotten.
        if (await isEmpty(cache)) await rm(file, { force: true });
      }
    } finally {
      unlock();
    }
  },
};
