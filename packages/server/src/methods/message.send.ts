import { conversationKey } from '../core/rows.ts';
import { signedIn } from './access.ts';
import type { Context } from './context.ts';
import type { CommandHandler } from './handler.ts';

export const messageSend: CommandHandler<'message.send', Context> = {
  kind: 'command',
  prepare: ({ conversation, text }, caller, { rates }) => {
    const { user } = signedIn(caller);
    rates.message(user, conversation);
    return { entity: conversationKey(conversation), user, command: { kind: 'send', text }, content: text };
  },
};
