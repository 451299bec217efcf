/** Calls over HTTP: `POST /v1/<method>`. */
import { DuologError, newOutboxId } from '@duolog/protocol';
import type { MethodName, Params, Result, WireError } from '@duolog/protocol';
import { backoffMs, systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import { addressesOf } from './socket.ts';
import { throwIfAborted, withSignal } from './waiting.ts';

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** Where to call and with what. */
export interface HttpOptions {
  /** Address of the server, e.g. `https://chat.example.org`. */
  readonly url: string;
  /** The platform's `fetch` if left out. */
  readonly fetch?: Fetch | undefined;
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One call, not repeated. `outbox` makes a command safe to repeat: it is number 1 of that outbox (COM10). */
export const post = async <M extends MethodName>(
  { url, signal, fetch: call = fetch }: HttpOptions,
  method: M,
  params: Params<M>,
  { token, outbox }: { readonly token?: string; readonly outbox?: string } = {},
): Promise<Result<M>> => {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
  if (outbox !== undefined) Object.assign(headers, { 'duolog-outbox': outbox, 'duolog-n': '1' });
  let body: unknown;
  try {
    const init = { method: 'POST', headers, body: JSON.stringify(params), ...(signal === undefined ? {} : { signal }) };
    const response = await call(`${addressesOf(url).http}/v1/${method}`, init);
    body = await response.json();
  } catch (cause) {
    throwIfAborted(signal);
    throw new DuologError('unavailable', 'The server could not be reached.', { cause });
  }
  const { error } = body as { error?: WireError };
  if (error !== undefined) throw DuologError.fromWire(error);
  return body as Result<M>;
};

/** A wait that is longer than this is for a person to decide on. */
const MAX_WAIT_MS = 10_000;

/**
 * A command that is repeated, at most five times, until its outcome is known. One that is to wait longer than
 * `MAX_WAIT_MS` rejects at once; `facts.retryAfterMs` of the error says how long.
 */
const postCommand = async <M extends MethodName>(
  options: HttpOptions,
  method: M,
  params: Params<M>,
  outbox: string,
): Promise<Result<M>> => {
  for (let attempt = 0; ; attempt++) {
    try {
      return await post(options, method, params, { outbox });
    } catch (error) {
      if (!(error instanceof DuologError) || !error.retryable || attempt === 4) throw error;
      const { retryAfterMs = 0 } = error.facts;
      if (retryAfterMs > MAX_WAIT_MS) throw error;
      const delayMs = Math.max(retryAfterMs, backoffMs(attempt, Math.random));
      await withSignal(
        new Promise<void>((resolve) => void (options.clock ?? systemClock).after(delayMs, resolve)),
        options.signal,
      );
    }
  }
};

export interface Credentials {
  readonly handle: string;
  readonly password: string;
  /** Name of this device, for the device list. */
  readonly deviceName: string;
}

/** A signed-in device. Keep the token secret: it is the device's key. */
export interface Session {
  readonly user: string;
  readonly device: string;
  readonly token: string;
}

/** Makes an account. Rejects with `handleTaken`, `invalid` and whatever any request can get. */
export const signUp = (
  options: HttpOptions & { readonly handle: string; readonly password: string; readonly name?: string },
): Promise<Result<'account.signUp'>> => {
  const { handle, password, name } = options;
  return postCommand(
    options,
    'account.signUp',
    { handle, password, ...(name === undefined ? {} : { name }) },
    newOutboxId(),
  );
};

/**
 * Signs a device in. Rejects with `badCredentials`, `limitExceeded` (too many devices) and whatever any request can get.
 * With the same `outbox` a repeat gives the same device again.
 */
export const logIn = (options: HttpOptions & Credentials & { readonly outbox?: string }): Promise<Session> => {
  const { handle, password, deviceName } = options;
  return postCommand(options, 'session.logIn', { handle, password, deviceName }, options.outbox ?? newOutboxId());
};
