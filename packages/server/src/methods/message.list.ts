import { LIMITS } from '@duolog/protocol';
import { signedIn } from './access.ts';
import type { Context } from './context.ts';
import type { QueryHandler } from './handler.ts';

export const messageList: QueryHandler<'message.list', Context> = {
  kind: 'query',
  answer: async ({ conversation, before, after, limit, hole }, caller, { queries, holes }) => {
    const { user } = signedIn(caller);
    if (hole === true) holes.add();
    return queries.history(user, conversation, { before, after, limit: limit ?? LIMITS.maxPage });
  },
};
