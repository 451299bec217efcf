import { DuologError, ERRORS, newDeviceId } from '@duolog/protocol';
import type { Result } from '@duolog/protocol';
import { userKey } from '../core/rows.ts';
import type { OwnedAccount } from '../data/accounts.ts';
import type { Context } from './context.ts';
import type { CommandHandler } from './handler.ts';

/** Who has just signed up holds the handle before the account is stored. */
const ACCOUNT_WAIT_MS = 2_000;
const ACCOUNT_RETRY_MS = 50;

/** The account behind a handle; waits for one that is being made. */
const accountOf = async (handle: string, { queries, clock }: Context): Promise<OwnedAccount | undefined> => {
  const until = clock.monotonic() + ACCOUNT_WAIT_MS;
  for (;;) {
    const account = await queries.accountByHandle(handle);
    if (account !== undefined || clock.monotonic() >= until || !(await queries.isHeld(handle))) return account;
    await new Promise<void>((resolve) => clock.after(ACCOUNT_RETRY_MS, resolve));
  }
};

export const sessionLogIn: CommandHandler<'session.logIn', Context> = {
  kind: 'command',
  prepare: async ({ handle, password, deviceName }, _caller, context, numbered) => {
    const account = await accountOf(handle, context);
    // Unknown handles take as long as wrong passwords and get the same answer. It is not remembered under its n:
    // anybody could fill anybody's store with such answers.
    const right = await context.passwords.verify(password, account?.passwordHash);
    if (account === undefined || !right) throw new DuologError('badCredentials', ERRORS.badCredentials.text);
    const { user } = account;
    const device =
      numbered === undefined ? newDeviceId() : context.tokens.deriveDevice([user, numbered.outbox, String(numbered.n)]);
    return {
      entity: userKey(user),
      user,
      command: { kind: 'addDevice', device, name: deviceName },
      content: deviceName,
    };
  },
  finish: (result, _params, { tokens }, { user }) => {
    const { device } = JSON.parse(result) as Pick<Result<'session.logIn'>, 'device'>;
    return JSON.stringify({ user, device, token: tokens.token({ user, device }) });
  },
};
