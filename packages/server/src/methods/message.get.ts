import { signedIn } from './access.ts';
import type { Context } from './context.ts';
import type { QueryHandler } from './handler.ts';

export const messageGet: QueryHandler<'message.get', Context> = {
  kind: 'query',
  answer: async ({ conversation, seq }, caller, { queries }) =>
    queries.message(signedIn(caller).user, conversation, seq),
};
