import { directId, selfId } from '@duolog/protocol';
import { conversationKey } from '../core/rows.ts';
import { missingUser, signedIn } from './access.ts';
import type { Context } from './context.ts';
import type { CommandHandler } from './handler.ts';

export const directCreate: CommandHandler<'direct.create', Context> = {
  kind: 'command',
  prepare: async ({ user: other }, caller, context) => {
    const { user } = signedIn(caller);
    context.rates.conversation(user);
    const refused = other === user ? undefined : await missingUser([other], () => 'params.user', context);
    const conversation = other === user ? selfId(user) : directId(user, other);
    return {
      entity: conversationKey(conversation),
      user,
      command: refused ?? { kind: 'createDirect' },
      content: other,
    };
  },
};
