import { DuologError } from '@duolog/protocol';
import { publicUser } from '../data/accounts.ts';
import type { Context } from './context.ts';
import type { QueryHandler } from './handler.ts';

export const userFind: QueryHandler<'user.find', Context> = {
  kind: 'query',
  answer: async ({ handle }, _caller, { queries }) => {
    const account = await queries.accountByHandle(handle);
    if (account === undefined) throw new DuologError('notFound', 'Nobody has this handle.');
    return JSON.stringify({ user: publicUser(account) });
  },
};
