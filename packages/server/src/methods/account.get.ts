import { DuologError } from '@duolog/protocol';
import { publicUser } from '../data/accounts.ts';
import { signedIn } from './access.ts';
import type { Context } from './context.ts';
import type { QueryHandler } from './handler.ts';

export const accountGet: QueryHandler<'account.get', Context> = {
  kind: 'query',
  answer: async (_params, caller, { queries }) => {
    const account = await queries.account(signedIn(caller).user);
    if (account === undefined) throw new DuologError('unauthenticated', 'This account does not exist.');
    return JSON.stringify({ account: publicUser(account) });
  },
};
