import { conversationKey } from '../core/rows.ts';
import { signedIn } from './access.ts';
import type { Context } from './context.ts';
import type { CommandHandler } from './handler.ts';

export const groupRemove: CommandHandler<'group.remove', Context> = {
  kind: 'command',
  prepare: ({ conversation, user: whom }, caller, { rates }) => {
    const { user } = signedIn(caller);
    rates.message(user, conversation);
    return { entity: conversationKey(conversation), user, command: { kind: 'remove', user: whom }, content: whom };
  },
};
