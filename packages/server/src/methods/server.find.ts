import { DuologError } from '@duolog/protocol';
import { signedIn } from './access.ts';
import type { Context } from './context.ts';
import type { QueryHandler } from './handler.ts';

export const serverFind: QueryHandler<'server.find', Context> = {
  kind: 'query',
  answer: async (_params, caller, { servers, tokens, clock }) => {
    const { user, device } = signedIn(caller);
    const found = servers.find();
    if (found.length === 0)
      throw new DuologError('unavailable', 'No chat server takes connections at the moment.', { retryAfterMs: 1_000 });
    return JSON.stringify({ servers: found, ticket: tokens.ticket({ user, device }, clock.now()) });
  },
};
