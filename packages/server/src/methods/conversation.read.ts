import { userKey } from '../core/rows.ts';
import { signedIn } from './access.ts';
import type { Context } from './context.ts';
import type { CommandHandler } from './handler.ts';

export const conversationRead: CommandHandler<'conversation.read', Context> = {
  kind: 'command',
  prepare: async ({ conversation, seq }, caller, { queries }) => {
    const { user } = signedIn(caller);
    // The user's owner knows no end of the conversation: a position beyond it would hide what is said later.
    const last = await queries.lastReadable(user, conversation);
    return {
      entity: userKey(user),
      user,
      command: { kind: 'read', conversation, seq: Math.min(seq, last) },
      content: `${seq} ${conversation}`,
    };
  },
};
