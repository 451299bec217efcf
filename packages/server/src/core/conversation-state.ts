import type { ConversationId, UserId } from '@duolog/protocol';
import { refused } from './decision.ts';
import type { FormerMember, Positions, Roster, RosterMember } from './rows.ts';

/** What decides about a conversation. */
export interface ConversationState {
  readonly conversation: ConversationId;
  /** Undefined: it does not exist yet. */
  readonly roster: Roster | undefined;
  /** The newest seq. */
  readonly head: number;
  /** Store partition of the newest message, once one was said. */
  readonly logPartition?: string;
  readonly positions: Positions;
  /** Memberships that ended, of those users who were loaded for a command (they may join again). */
  readonly former: { readonly [user: UserId]: readonly FormerMember[] };
}

/** Hands out recipients: one array per roster, since every message needs it. */
const recipients = new WeakMap<Roster, readonly UserId[]>();
export const memberIds = (roster: Roster): readonly UserId[] => {
  let ids = recipients.get(roster);
  if (ids === undefined) {
    ids = roster.members.map((member) => member.user);
    recipients.set(roster, ids);
  }
  return ids;
};

export const memberOf = (roster: Roster | undefined, user: UserId): RosterMember | undefined =>
  roster?.members.find((member) => member.user === user);

/** Whether there is such a conversation is not for strangers to know. */
export const nobody = refused('notFound', 'There is no such conversation, or you are not a member of it.');
