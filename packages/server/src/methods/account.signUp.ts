import { newUserId } from '@duolog/protocol';
import { nameKey } from '../core/rows.ts';
import type { Context } from './context.ts';
import type { CommandHandler } from './handler.ts';

export const accountSignUp: CommandHandler<'account.signUp', Context> = {
  kind: 'command',
  prepare: async ({ handle, password, name = handle }, _caller, { passwords, tokens }, numbered) => {
    const passwordHash = await passwords.hash(password);
    // Nobody is signed in yet: the outbox stands for who asks, so that a repeat is about the same user (COM10).
    const user = numbered === undefined ? newUserId() : tokens.deriveUser([numbered.outbox, handle]);
    const content = numbered === undefined ? '' : JSON.stringify([name, tokens.digest([numbered.outbox, password])]);
    return { entity: nameKey(handle), user, command: { kind: 'signUp', user, name, passwordHash }, content };
  },
};
