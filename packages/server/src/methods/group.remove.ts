import { conversationKey } from '../core/rows.ts';
import { signedIn } from './access.ts';
import type { Context } from './context.ts';
import type { CommandHandler } from './handler.ts';

export const groupRemove: CommandHandler<'group.remove', Context> = {
  kind: 'command',
  prepare: ({ conversation, user: whom }, caller) => ({
    entity: conversationKey(conversation),
    user: signedIn(caller).user,
    command: { kind: 'remove', user: whom },
    content: whom,
  }),
};
