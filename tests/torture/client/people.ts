/** The users of a run: signed up before the faults begin; devices may be added while they go on. */
import { setTimeout as sleep } from 'node:timers/promises';
import { httpCall } from './http.ts';
import type { Outcome } from './wire.ts';

export interface Person {
  /** The id the server gave. */
  readonly user: string;
  readonly handle: string;
}

export interface SignedIn {
  readonly user: string;
  readonly token: string;
  /** The id the server gave. */
  readonly device: string;
}

const password = 'torture and patience';
const giveUpMs = 30_000;

/** Asks until it is answered for good. Repeating is safe: the call is numbered. */
const insist = async (base: string, method: string, params: object, outbox: string): Promise<Outcome> => {
  const until = Date.now() + giveUpMs;
  for (;;) {
    const outcome = await httpCall(base, undefined, method, params, { outbox, n: 1 });
    if (outcome.kind === 'ok' || (outcome.kind === 'error' && outcome.error.retry === 'never')) return outcome;
    if (Date.now() > until) return outcome;
    await sleep(100);
  }
};

export const signUp = async (base: string, handle: string): Promise<Person> => {
  const outcome = await insist(base, 'account.signUp', { handle, password }, `sign-up-${handle}`);
  if (outcome.kind !== 'ok') throw new Error(`${handle} cannot sign up: ${JSON.stringify(outcome)}`);
  return { user: String(outcome.result['user']), handle };
};

/** Signs a device in; `name` makes the call the same when it is repeated. Undefined: the server does not know the user. */
export const logIn = async (base: string, { handle }: Person, name: string): Promise<SignedIn | undefined> => {
  const outcome = await insist(base, 'session.logIn', { handle, password, deviceName: name }, `log-in-${name}`);
  if (outcome.kind !== 'ok') return undefined;
  const { user, device, token } = outcome.result;
  return { user: String(user), device: String(device), token: String(token) };
};
