/** A client that is signed in: with the session kept here, or with a password. */
import { hostname } from 'node:os';
import { DuologError, createClient, signUp } from '@duolog/sdk';
import type { Cache, Client, ClientState } from '@duolog/sdk';
import { CommandError } from '../command.ts';

export interface SignInOptions {
  readonly url: string;
  readonly handle: string;
  readonly cache: Cache;
  readonly version: string;
  /** Make the account first. */
  readonly newAccount: boolean;
  readonly askPassword: (twice: boolean) => Promise<string>;
  /** Whether to make an account of this handle, after it could not be logged in; never asked without a terminal. */
  readonly offerAccount: () => Promise<boolean>;
}

/** The first state that says whether one is signed in, as far as that can be said now. */
const firstState = (client: Client): Promise<ClientState> =>
  new Promise((resolve) => {
    const look = (state: ClientState): void => {
      if (state.status === 'idle' || state.status === 'connecting') return;
      stop();
      resolve(state);
    };
    const stop = client.on('state', look);
    look(client.state);
  });

type Opened = { readonly client: Client; readonly state: ClientState };

const openClient = async (
  { url, handle, cache, version }: SignInOptions,
  password: string | undefined,
): Promise<Opened> => {
  const credentials =
    password === undefined
      ? {}
      : { credentials: { handle, password, deviceName: `Terminal on ${hostname()}`.slice(0, 64) } };
  const client = createClient({ url, cache, clientName: `duolog chat ${version}`, ...credentials });
  await client.open();
  return { client, state: await firstState(client) };
};

const makeAccount = async ({ url, handle }: SignInOptions, password: string): Promise<void> => {
  try {
    await signUp({ url, handle, password });
  } catch (cause) {
    if (cause instanceof DuologError && cause.code === 'unavailable')
      throw new CommandError(`${url}: ${cause.message}`, { cause });
    throw cause;
  }
};

const logIn = async (options: SignInOptions, password: string, offered: boolean): Promise<Client> => {
  const { client, state } = await openClient(options, password);
  if (state.status === 'live' || state.status === 'syncing') return client;
  await client.close();
  if (state.status !== 'stopped') throw new CommandError(`${options.url} cannot be reached`);
  const { code, message } = state.error;
  if (code !== 'badCredentials' || offered) throw new CommandError(message);
  if (!(await options.offerAccount())) throw new CommandError(`${message} --sign-up makes a new account.`);
  await makeAccount(options, password);
  return logIn(options, password, true);
};

/** Rejects with CommandError if that cannot be; a session that is kept needs no connection. */
export const signIn = async (options: SignInOptions): Promise<Client> => {
  if (options.newAccount) {
    const password = await options.askPassword(true);
    await makeAccount(options, password);
    return logIn(options, password, true);
  }
  const { client, state } = await openClient(options, undefined);
  if (state.status !== 'stopped') return client;
  await client.close();
  if (state.error.code !== 'unauthenticated') throw new CommandError(state.error.message);
  return logIn(options, await options.askPassword(false), false);
};
