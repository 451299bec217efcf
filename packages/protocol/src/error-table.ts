/** What error codes mean. Clients need none of it to run, so it is apart from them. */
import { RETRY } from './errors.ts';
import type { ErrorCode, Retry } from './errors.ts';

/** Of each error code: when to send again, the HTTP status it travels with, what it means. */
export const ERRORS: {
  readonly [C in ErrorCode]: { readonly retry: Retry; readonly status: number; readonly text: string };
} = {
  invalid: {
    retry: RETRY.invalid,
    status: 400,
    text: 'The request is malformed; `field` and `limit` say where and why.',
  },
  tooLarge: {
    retry: RETRY.tooLarge,
    status: 413,
    text: 'The frame or body is larger than maxFrameBytes, or than maxSignInBytes before one is signed in.',
  },
  unknownMethod: { retry: RETRY.unknownMethod, status: 404, text: 'No such method.' },
  unsupportedVersion: {
    retry: RETRY.unsupportedVersion,
    status: 400,
    text: 'Client and server share no protocol version.',
  },
  unauthenticated: { retry: RETRY.unauthenticated, status: 401, text: 'No valid token or ticket; log in again.' },
  badCredentials: { retry: RETRY.badCredentials, status: 401, text: 'Handle or password is wrong.' },
  forbidden: { retry: RETRY.forbidden, status: 403, text: 'You may not do this here.' },
  notFound: { retry: RETRY.notFound, status: 404, text: 'There is no such thing, or it is not for you to see.' },
  handleTaken: { retry: RETRY.handleTaken, status: 409, text: 'The handle belongs to somebody else.' },
  limitExceeded: {
    retry: RETRY.limitExceeded,
    status: 409,
    text: 'A limit of the protocol would be exceeded; `limit` and `max` name it.',
  },
  conflict: {
    retry: RETRY.conflict,
    status: 409,
    text: 'This (outbox, n) was used for another command, or the thing exists in another form.',
  },
  stale: {
    retry: RETRY.stale,
    status: 409,
    text: 'This n is older than the answers remembered and was not executed now.',
  },
  gap: {
    retry: RETRY.gap,
    status: 409,
    text: 'A command before this one is missing; `expected` is the n to send next.',
  },
  rateLimited: { retry: RETRY.rateLimited, status: 429, text: 'Too many requests; wait `retryAfterMs`.' },
  overloaded: {
    retry: RETRY.overloaded,
    status: 503,
    text: 'The server has more work than it may queue; wait `retryAfterMs`.',
  },
  storageFull: {
    retry: RETRY.storageFull,
    status: 507,
    text: 'The disk of the server is full: nothing new is stored, reading goes on.',
  },
  unavailable: { retry: RETRY.unavailable, status: 503, text: 'Nobody can decide this at the moment; try again.' },
  unknown: {
    retry: RETRY.unknown,
    status: 504,
    text: 'The outcome is not known; send the same command again with the same (outbox, n).',
  },
  internal: { retry: RETRY.internal, status: 500, text: 'A fault of the server; `incident` is also in its log.' },
};
