/** `POST /v1/<method>`: what path and headers say of a call. */
import { DuologError, ID_PATTERN } from '@duolog/protocol';
import type { MethodName, OutboxId } from '@duolog/protocol';
import { METHODS, isCommand, isMethodName } from '@duolog/protocol/schema';

/** The method a path names; rejects those that are none or do not go over HTTP. */
export const methodOf = (name: string): MethodName => {
  if (!isMethodName(name))
    throw new DuologError('unknownMethod', `There is no method ${JSON.stringify(name.slice(0, 64))}.`);
  if (METHODS[name].over === 'socket') throw new DuologError('unknownMethod', `${name} goes over WebSocket only.`);
  return name;
};

/** The bearer token of the request; undefined if there is no Authorization header. */
const bearerOf = (headers: Headers): string | undefined => {
  const given = headers.get('authorization');
  if (given === null) return undefined;
  const [, token] = /^Bearer +([A-Za-z0-9_.-]{1,128})$/i.exec(given) ?? [];
  if (token === undefined)
    throw new DuologError('unauthenticated', 'The Authorization header must be "Bearer" and a token.');
  return token;
};

/** `(outbox, n)` of a command. */
const outboxOf = (
  headers: Headers,
  method: MethodName,
): { readonly outbox: OutboxId; readonly n: number } | undefined => {
  const [outbox, n] = [headers.get('duolog-outbox'), headers.get('duolog-n')];
  if (outbox === null && n === null) return undefined;
  if (!isCommand(method))
    throw new DuologError('invalid', `${method} changes nothing: it takes no duolog-outbox and duolog-n.`, {
      field: 'outbox',
    });
  if (outbox === null || !ID_PATTERN.test(outbox))
    throw new DuologError('invalid', 'duolog-outbox must be 1 to 64 of A-Z a-z 0-9 _ - .', { field: 'outbox' });
  if (n === null || !/^[1-9]\d{0,14}$/.test(n))
    throw new DuologError('invalid', 'duolog-n must be a whole number from 1.', { field: 'n' });
  return { outbox, n: Number(n) };
};

/** What the headers say of a call. */
export interface CallHead {
  readonly numbered: { readonly outbox: OutboxId; readonly n: number } | undefined;
  /** Undefined for methods that anybody may call. */
  readonly token: string | undefined;
}

/** Reads the headers of a call. Throws DuologError. */
export const readHead = ({ headers }: Request, method: MethodName): CallHead => {
  const numbered = outboxOf(headers, method);
  if (METHODS[method].auth === 'none') return { numbered, token: undefined };
  const token = bearerOf(headers);
  if (token === undefined)
    throw new DuologError('unauthenticated', 'This takes an Authorization header with the token of session.logIn.');
  return { numbered, token };
};
