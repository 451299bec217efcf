import { nameKey } from '../core/rows.ts';
import { signedIn } from './access.ts';
import type { Context } from './context.ts';
import type { CommandHandler } from './handler.ts';

export const handleClaim: CommandHandler<'handle.claim', Context> = {
  kind: 'command',
  prepare: ({ handle }, caller) => ({
    entity: nameKey(handle),
    user: signedIn(caller).user,
    command: { kind: 'claim' },
    content: handle,
  }),
};
