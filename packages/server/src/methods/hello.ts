import { DuologError, ERRORS, negotiate } from '@duolog/protocol';
import type { Params } from '@duolog/protocol';
import type { TokenHolder } from '../ports/tokens.ts';
import type { Context } from './context.ts';
import type { QueryHandler } from './handler.ts';

/** Whom a `hello` comes from and what both sides speak. Whether the device is still signed in, its owner says (COM8). */
export const greeted = (
  { versions, token, ticket }: Params<'hello'>,
  { tokens, clock }: Context,
): { readonly version: number; readonly holder: TokenHolder } => {
  const version = negotiate(versions);
  if (version === undefined) throw new DuologError('unsupportedVersion', ERRORS.unsupportedVersion.text);
  const holder = token === undefined ? undefined : tokens.readToken(token);
  const guest = holder ?? (ticket === undefined ? undefined : tokens.readTicket(ticket, clock.now()));
  if (guest === undefined) throw new DuologError('unauthenticated', ERRORS.unauthenticated.text);
  return { version, holder: guest };
};

/** The gateway answers the first `hello` of a connection itself; another one is a mistake. */
export const hello: QueryHandler<'hello', Context> = {
  kind: 'query',
  answer: async () => {
    throw new DuologError('invalid', 'hello is the first request of a connection and comes once.', { field: 'method' });
  },
};
