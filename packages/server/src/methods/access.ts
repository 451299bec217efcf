/** What several methods check or look up before a command may go to its owner; look-ups may be 5 s old (COM6). */
import { DuologError, ERRORS } from '@duolog/protocol';
import type { UserId } from '@duolog/protocol';
import type { RefusedCommand } from '../core/commands.ts';
import type { Context } from './context.ts';
import type { Caller } from './handler.ts';

/** The caller of a method that only signed-in devices may call. */
export const signedIn = (caller: Caller | undefined): Caller => {
  if (caller === undefined) throw new DuologError('unauthenticated', ERRORS.unauthenticated.text);
  return caller;
};

/** The first of these users who does not exist, as the command's refusal: its n gets an answer for good (COM10). */
export const missingUser = async (
  users: readonly UserId[],
  fieldOf: (index: number) => string,
  { queries }: Context,
): Promise<RefusedCommand | undefined> => {
  if (users.length === 0) return undefined;
  const known = new Set((await queries.accounts(users)).map(({ user }) => user));
  const missing = users.findIndex((user) => !known.has(user));
  if (missing < 0) return undefined;
  const field = fieldOf(missing);
  return { kind: 'refused', refusal: { code: 'notFound', detail: `${field} is no user.`, facts: { field } } };
};
