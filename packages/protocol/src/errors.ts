/** When a request that got this error may be sent again: at once, after `retryAfterMs` (or a while), or not as it is. */
export type Retry = 'now' | 'later' | 'never';

/** All error codes, and when a request that got one may be sent again. What they mean: `ERRORS`. */
export const RETRY = {
  invalid: 'never',
  tooLarge: 'never',
  unknownMethod: 'never',
  unsupportedVersion: 'never',
  unauthenticated: 'never',
  badCredentials: 'never',
  forbidden: 'never',
  notFound: 'never',
  handleTaken: 'never',
  limitExceeded: 'never',
  conflict: 'never',
  stale: 'never',
  gap: 'now',
  rateLimited: 'later',
  overloaded: 'later',
  storageFull: 'later',
  unavailable: 'later',
  unknown: 'now',
  internal: 'later',
} as const satisfies Record<string, Retry>;

export type ErrorCode = keyof typeof RETRY;

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

/** The one error class of server and SDK. Its `code` is of {@link RETRY}, and its message too if no detail is given. */
export class DuologError extends Error {
  override readonly name = 'DuologError';
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;

  constructor(code: ErrorCode, detail: string = code, options: ErrorFacts & { cause?: unknown } = {}) {
    const { cause, ...facts } = options;
    super(detail, cause === undefined ? undefined : { cause });
    this.code = code;
    this.facts = facts;
  }

  get retry(): Retry {
    return RETRY[this.code];
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
    return new DuologError(Object.hasOwn(RETRY, code) ? code : 'internal', detail, facts);
  }
}
