import { conversationKey } from '../core/rows.ts';
import { missingUser, signedIn } from './access.ts';
import type { Context } from './context.ts';
import type { CommandHandler } from './handler.ts';

export const groupCreate: CommandHandler<'group.create', Context> = {
  kind: 'command',
  prepare: async ({ conversation, name, members }, caller, context) => {
    const { user } = signedIn(caller);
    context.rates.conversation(user);
    const refused = await missingUser(members, (i) => `params.members[${i}]`, context);
    const command = refused ?? ({ kind: 'createGroup', name, members } as const);
    return { entity: conversationKey(conversation), user, command, content: JSON.stringify([name, members]) };
  },
};
