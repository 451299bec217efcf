import { DuologError } from '@duolog/protocol';
import { signedIn } from './access.ts';
import type { Context } from './context.ts';
import type { QueryHandler } from './handler.ts';

export const deviceList: QueryHandler<'device.list', Context> = {
  kind: 'query',
  answer: async (_params, caller, { queries }) => {
    const { user, device: current } = signedIn(caller);
    const account = await queries.account(user);
    if (account === undefined) throw new DuologError('unauthenticated', 'This account does not exist.');
    return JSON.stringify({
      devices: account.devices.map(({ device, name, addedAt }) => ({
        device,
        name,
        addedAt,
        current: device === current,
      })),
    });
  },
};
