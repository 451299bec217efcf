import { userKey } from '../core/rows.ts';
import { signedIn } from './access.ts';
import type { Context } from './context.ts';
import type { CommandHandler } from './handler.ts';

export const deviceRevoke: CommandHandler<'device.revoke', Context> = {
  kind: 'command',
  prepare: ({ device }, caller) => {
    const { user } = signedIn(caller);
    return { entity: userKey(user), user, command: { kind: 'revokeDevice', device }, content: device };
  },
  finish: () => '{}',
};
