import { DuologError } from '@duolog/protocol';
import type { Context } from './context.ts';
import type { QueryHandler } from './handler.ts';

/** What is watched belongs to a connection: the gateway answers it itself, nothing else can. */
export const watch: QueryHandler<'watch', Context> = {
  kind: 'query',
  answer: async () => {
    throw new DuologError('invalid', 'watch goes over WebSocket only.', { field: 'method' });
  },
};
