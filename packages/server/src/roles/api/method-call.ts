/** `POST /v1/<method>`: one call, from request to JSON text. */
import { DuologError, ID_PATTERN } from '@duolog/protocol';
import type { MethodName, OutboxId } from '@duolog/protocol';
import { METHODS, isCommand, isMethodName } from '@duolog/protocol/schema';
import type { Caller } from '../../methods/handler.ts';
import type { Call } from '../dispatch.ts';
import { readJson } from './body.ts';

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

/** Reads and authenticates a call. Rejects with DuologError. */
export const readCall = async (
  request: Request,
  method: MethodName,
  authenticate: (token: string) => Promise<Caller>,
): Promise<Call> => {
  const numbered = outboxOf(request.headers, method);
  let caller: Caller | undefined;
  if (METHODS[method].auth === 'device') {
    const token = bearerOf(request.headers);
    if (token === undefined)
      throw new DuologError('unauthenticated', 'This takes an Authorization header with the token of session.logIn.');
    caller = await authenticate(token);
  }
  return { method, params: await readJson(request), caller, ...numbered };
};
