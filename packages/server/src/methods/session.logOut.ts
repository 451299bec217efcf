import { userKey } from '../core/rows.ts';
import { signedIn } from './access.ts';
import type { Context } from './context.ts';
import type { CommandHandler } from './handler.ts';

export const sessionLogOut: CommandHandler<'session.logOut', Context> = {
  kind: 'command',
  prepare: (_params, caller) => {
    const { user, device } = signedIn(caller);
    return { entity: userKey(user), user, command: { kind: 'revokeDevice', device }, content: device };
  },
  finish: () => '{}',
};
