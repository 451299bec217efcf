import { conversationKey } from '../core/rows.ts';
import { signedIn } from './access.ts';
import type { Context } from './context.ts';
import type { CommandHandler } from './handler.ts';

export const groupRename: CommandHandler<'group.rename', Context> = {
  kind: 'command',
  prepare: ({ conversation, name }, caller) => ({
    entity: conversationKey(conversation),
    user: signedIn(caller).user,
    command: { kind: 'rename', name },
    content: name,
  }),
};
