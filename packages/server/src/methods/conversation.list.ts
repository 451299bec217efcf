import { LIMITS } from '@duolog/protocol';
import { signedIn } from './access.ts';
import type { Context } from './context.ts';
import type { QueryHandler } from './handler.ts';

export const conversationList: QueryHandler<'conversation.list', Context> = {
  kind: 'query',
  answer: async ({ after, limit }, caller, { queries }) =>
    queries.conversations(signedIn(caller).user, after, limit ?? LIMITS.maxPage),
};
