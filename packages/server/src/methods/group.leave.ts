import { conversationKey } from '../core/rows.ts';
import { signedIn } from './access.ts';
import type { Context } from './context.ts';
import type { CommandHandler } from './handler.ts';

export const groupLeave: CommandHandler<'group.leave', Context> = {
  kind: 'command',
  prepare: ({ conversation }, caller) => ({
    entity: conversationKey(conversation),
    user: signedIn(caller).user,
    command: { kind: 'leave' },
    content: '',
  }),
};
