import { signedIn } from './access.ts';
import type { Context } from './context.ts';
import type { QueryHandler } from './handler.ts';

export const conversationGet: QueryHandler<'conversation.get', Context> = {
  kind: 'query',
  answer: async ({ conversation }, caller, { queries }) => queries.conversation(signedIn(caller).user, conversation),
};
