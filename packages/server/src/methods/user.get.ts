import { publicUser } from '../data/accounts.ts';
import type { Context } from './context.ts';
import type { QueryHandler } from './handler.ts';

export const userGet: QueryHandler<'user.get', Context> = {
  kind: 'query',
  answer: async ({ users }, _caller, { queries }) =>
    JSON.stringify({ users: (await queries.accounts([...new Set(users)])).map(publicUser) }),
};
