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
const insist = async (
  base: string,
  method: string,
  params: object,
  outbox: string,
): Promise<Readonly<Record<string, unknown>>> => {
  const until = Date.now() + giveUpMs;
  let outcome: Outcome = { kind: 'unknown' };
  while (Date.now() < until) {
    outcome = await httpCall(base, undefined, method, params, { outbox, n: 1 });
    if (outcome.kind === 'ok') return outcome.result;
    if (outcome.kind === 'error' && outcome.error.retry === 'never') break;
    await sleep(100);
  }
  throw new Error(`${method} is not answered: ${JSON.stringify(outcome)}`);
};

export const signUp = async (base: string, handle: string): Promise<Person> => {
  const { user } = await insist(base, 'account.signUp', { handle, password }, `sign-up-${handle}`);
  return { user: String(user), handle };
};

/** Signs a device in; `name` makes the call the same when it is repeated. */
export const logIn = async (base: string, { handle }: Person, name: string): Promise<SignedIn> => {
  const result = await insist(base, 'session.logIn', { handle, password, deviceName: name }, `log-in-${name}`);
  return { user: String(result['user']), device: String(result['device']), token: String(result['token']) };
};
