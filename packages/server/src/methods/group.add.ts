import { conversationKey } from '../core/rows.ts';
import { missingUser, signedIn } from './access.ts';
import type { Context } from './context.ts';
import type { CommandHandler } from './handler.ts';

export const groupAdd: CommandHandler<'group.add', Context> = {
  kind: 'command',
  prepare: async ({ conversation, users }, caller, context) => {
    const { user } = signedIn(caller);
    context.rates.message(user, conversation);
    const refused = await missingUser(users, (i) => `params.users[${i}]`, context);
    const command = refused ?? ({ kind: 'add', users } as const);
    return { entity: conversationKey(conversation), user, command, content: JSON.stringify(users) };
  },
};
