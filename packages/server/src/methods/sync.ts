import { DuologError, LIMITS } from '@duolog/protocol';
import { syncResult } from '../data/sync.ts';
import { signedIn } from './access.ts';
import type { Context } from './context.ts';
import type { QueryHandler } from './handler.ts';

/** A store whose reads come in late is asked again so often, for so long. */
const BEHIND_RETRY_MS = 20;
const BEHIND_WAIT_MS = 2_000;

export const sync: QueryHandler<'sync', Context> = {
  kind: 'query',
  answer: async ({ epoch, cursor, limit }, caller, { queries, rates, clock }) => {
    const { user, head = 0 } = signedIn(caller);
    const until = clock.monotonic() + BEHIND_WAIT_MS;
    for (;;) {
      const page = await queries.sync(user, { epoch, useq: cursor }, limit ?? LIMITS.maxPage);
      // What the edge has heard of must not be missing in the answer, nor make a reset of a cursor that is right (COM8).
      if (page.head >= head) {
        if (page.state === 'reset') rates.reset(user);
        return syncResult(queries.epoch, page);
      }
      if (clock.monotonic() >= until)
        throw new DuologError('unavailable', 'The store is behind; try again.', { retryAfterMs: 500 });
      await new Promise<void>((resolve) => clock.after(BEHIND_RETRY_MS, resolve));
    }
  },
};
