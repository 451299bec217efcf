/** When a request that got this error may be sent again: at once, after `retryAfterMs` (or a while), or not as it is. */
export type Retry = 'now' | 'later' | 'never';

/** All error codes: what they mean, when to retry, and the HTTP status they travel with. */
export const ERRORS = {
  invalid: { retry: 'never', status: 400, text: 'The request is malformed; `field` and `limit` say where and why.' },
  tooLarge: {
    retry: 'never',
    status: 413,
    text: 'The frame or body is larger than maxFrameBytes, or than maxSignInBytes before one is signed in.',
  },
  unknownMethod: { retry: 'never', status: 404, text: 'No such method.' },
  unsupportedVersion: { retry: 'never', status: 400, text: 'Client and server share no protocol version.' },
  unauthenticated: { retry: 'never', status: 401, text: 'No valid token or ticket; log in again.' },
  badCredentials: { retry: 'never', status: 401, text: 'Handle or password is wrong.' },
  forbidden: { retry: 'never', status: 403, text: 'You may not do this here.' },
  notFound: { retry: 'never', status: 404, text: 'There is no such thing, or it is not for you to see.' },
  handleTaken: { retry: 'never', status: 409, text: 'The handle belongs to somebody else.' },
  limitExceeded: {
    retry: 'never',
    status: 409,
    text: 'A limit of the protocol would be exceeded; `limit` and `max` name it.',
  },
  conflict: {
    retry: 'never',
    status: 409,
    text: 'This (outbox, n) was used for another command, or the thing exists in another form.',
  },
  stale: { retry: 'never', status: 409, text: 'This n is older than the answers remembered and was not executed now.' },
  gap: { retry: 'now', status: 409, text: 'A command before this one is missing; `expected` is the n to send next.' },
  rateLimited: { retry: 'later', status: 429, text: 'Too many requests; wait `retryAfterMs`.' },
  overloaded: { retry: 'later', status: 503, text: 'The server has more work than it may queue; wait `retryAfterMs`.' },
  storageFull: {
    retry: 'later',
    status: 507,
    text: 'The disk of the server is full: nothing new is stored, reading goes on.',
  },
  unavailable: { retry: 'later', status: 503, text: 'Nobody can decide this at the moment; try again.' },
  unknown: {
    retry: 'now',
    status: 504,
    text: 'The outcome is not known; send the same command again with the same (outbox, n).',
  },
  internal: { retry: 'later', status: 500, text: 'A fault of the server; `incident` is also in its log.' },
} as const satisfies Record<string, { retry: Retry; status: number; text: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** An error as it travels, inside a reply or as an HTTP body `{ error }`. */
export interface WireError {
  readonly code: ErrorCode;
  readonly retry: Retry;
  /** One English sentence for developers. */
  readonly detail: string;
  /** Path of the offending field, e.g. `params.text`. */
  readonly field?: string;
  /** Name of the limit in `LIMITS`, with its value in `max`. */
  readonly limit?: string;
  readonly max?: number;
  /** With `gap`: the n that is expected next. */
  readonly expected?: number;
  readonly retryAfterMs?: number;
  /** With `internal`: names the line in the server's log. */
  readonly incident?: string;
}

/** The facts an error may carry beside its code. */
export type ErrorFacts = Partial<Omit<WireError, 'code' | 'retry' | 'detail'>>;

/** The one error class of server and SDK. Its `code` is of {@link ERRORS}. */
export class DuologError extends Error {
  override readonly name = 'DuologError';
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;

  constructor(code: ErrorCode, detail: string = ERRORS[code].text, options: ErrorFacts & { cause?: unknown } = {}) {
    const { cause, ...facts } = options;
    super(detail, cause === undefined ? undefined : { cause });
    this.code = code;
    this.facts = facts;
  }

  get retry(): Retry {
    return ERRORS[this.code].retry;
  }

  /** Whether sending the same again can succeed. */
  get retryable(): boolean {
    return this.retry !== 'never';
  }

  /** The form in which it travels. */
  toWire(): WireError {
    return { code: this.code, retry: this.retry, detail: this.message, ...this.facts };
  }

  /** From the wire; a code this version does not know becomes `internal` with the sender's own retry advice lost. */
  static fromWire(error: WireError): DuologError {
    const { code, retry: _retry, detail, ...facts } = error;
    return new DuologError(Object.hasOwn(ERRORS, code) ? code : 'internal', detail, facts);
  }
}
