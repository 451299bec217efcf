/** How often one may try to sign up or to log in. It depends on who asks and for which handle, never on whether it exists. */
import { DuologError } from '@duolog/protocol';
import type { MethodName } from '@duolog/protocol';
import { createRateLimit } from '../../core/rate-limit.ts';
import { rateKeyOf } from './remote-address.ts';

export interface SignInRates {
  /** From one address. */
  readonly signUpsPerHour: number;
  /** From one address. */
  readonly logInsPerMinute: number;
  /** To one handle. */
  readonly logInsPerHandlePerMinute: number;
}

/** Addresses and handles remembered: some ten megabytes at most. */
const MAX_KEYS = 100_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const refuse = (waitMs: number, detail: string): void => {
  if (waitMs > 0) throw new DuologError('rateLimited', detail, { retryAfterMs: waitMs });
};

const handleIn = (params: unknown): string => {
  const handle = typeof params === 'object' && params !== null && 'handle' in params ? params.handle : undefined;
  return typeof handle === 'string' ? handle.slice(0, 64) : '';
};

export const createSignInRates = (
  rates: SignInRates,
): ((method: MethodName, params: unknown, address: string, nowMs: number) => void) => {
  const signUps = createRateLimit({ count: rates.signUpsPerHour, perMs: HOUR_MS, maxKeys: MAX_KEYS });
  const logIns = createRateLimit({ count: rates.logInsPerMinute, perMs: MINUTE_MS, maxKeys: MAX_KEYS });
  const handles = createRateLimit({ count: rates.logInsPerHandlePerMinute, perMs: MINUTE_MS, maxKeys: MAX_KEYS });
  return (method, params, address, nowMs) => {
    if (method === 'account.signUp')
      refuse(signUps.take(rateKeyOf(address), nowMs), 'Too many sign-ups from this address.');
    if (method !== 'session.logIn') return;
    refuse(logIns.take(rateKeyOf(address), nowMs), 'Too many log-ins from this address.');
    refuse(handles.take(handleIn(params), nowMs), 'Too many log-ins to this handle.');
  };
};
