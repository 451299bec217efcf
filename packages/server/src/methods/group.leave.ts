import { conversationKey } from '../core/rows.ts';
import { signedIn } from './access.ts';
import type { Context } from './context.ts';
import type { CommandHandler } from './handler.ts';

export const groupLeave: CommandHandler<'group.leave', Context> = {
  kind: 'command',
  prepare: ({ conversation }, caller, { rates }) => {
    const { user } = signedIn(caller);
    rates.message(user, conversation);
    return { entity: conversationKey(conversation), user, command: { kind: 'leave' }, content: '' };
  },
};
