/** Decisions of groups: who is in them and what they are called. */
import { LIMITS } from '@duolog/protocol';
import type { Change, UserId } from '@duolog/protocol';
import type { Envelope } from './commands.ts';
import { memberIds, memberOf } from './conversation-state.ts';
import type { ConversationState } from './conversation-state.ts';
import type { Decided, Decision, Parcel, RowChange } from './decision.ts';
import { refused, unchanged } from './decision.ts';
import { messageParcel, placed } from './messages.ts';
import { KEYS, conversationKey, encodeJson, encodeMessage, formerKey, nextPartition } from './rows.ts';
import type { Roster, RosterMember } from './rows.ts';

/** What a change of a group makes: the message that tells it, the roster as it is then, and who learns what. */
interface GroupChange {
  readonly change: Change;
  readonly roster: Roster;
  /** Who hears of it: the members before or after. */
  readonly audience: readonly UserId[];
  readonly joined?: readonly UserId[];
  readonly left?: RosterMember;
}

const applyChange = (
  state: ConversationState,
  sender: UserId,
  now: number,
  change: GroupChange,
): Decided<ConversationState> => {
  const { conversation } = state;
  const seq = state.head + 1;
  const body = JSON.stringify({ conversation, seq, kind: 'change', sender, at: now, change: change.change });
  const logPartition = nextPartition(conversationKey, conversation, state.logPartition, seq);
  const rows: RowChange[] = [
    { partition: conversationKey(conversation), key: KEYS.roster, value: encodeJson(change.roster) },
    ...placed(conversation, logPartition, seq, encodeMessage(body)),
  ];
  const parcels: Parcel[] = [];
  const name = change.roster.name === undefined ? {} : { name: change.roster.name };
  if (change.joined !== undefined && change.joined.length > 0) {
    const membership = { state: 'joined', joinSeq: seq - 1, visibleFrom: seq } as const;
    parcels.push({ kind: 'membership', to: change.joined, conversation, ...name, ...membership });
  }
  parcels.push(messageParcel(conversation, seq, now, body, change.audience));
  let former = state.former;
  if (change.left !== undefined) {
    const { user, joinSeq, visibleFrom } = change.left;
    const ended = [...(state.former[user] ?? []), { visibleFrom, leaveSeq: seq }];
    former = { ...state.former, [user]: ended };
    rows.push({ partition: conversationKey(conversation), key: formerKey(user), value: encodeJson(ended) });
    const membership = { state: 'left', joinSeq, visibleFrom, leaveSeq: seq } as const;
    parcels.push({ kind: 'membership', to: [user], conversation, ...name, ...membership });
  }
  return {
    ok: true,
    state: { ...state, roster: change.roster, head: seq, logPartition, former },
    result: { seq },
    rows,
    parcels,
    deliveries: [],
  };
};

const tooMany = refused('limitExceeded', `A group has at most ${LIMITS.maxMembers} members.`, {
  limit: 'maxMembers',
  max: LIMITS.maxMembers,
});

const tooOften = refused(
  'limitExceeded',
  `Nobody may be a member of a group more than ${LIMITS.maxMemberships} times.`,
  {
    limit: 'maxMemberships',
    max: LIMITS.maxMemberships,
  },
);

export const createGroup = (
  state: ConversationState,
  envelope: Envelope,
  name: string,
  invited: readonly UserId[],
  now: number,
): Decision<ConversationState> => {
  const { conversation, roster } = state;
  if (roster !== undefined) {
    if (roster.createdBy !== envelope.user) return refused('conflict', 'A group with this id exists.');
    return unchanged(state, { conversation, seq: 1 });
  }
  const users = [...new Set([envelope.user, ...invited])];
  if (users.length > LIMITS.maxMembers) return tooMany;
  const members: readonly RosterMember[] = users.map((user) => ({
    user,
    role: user === envelope.user ? 'owner' : 'member',
    joinSeq: 0,
    visibleFrom: 1,
  }));
  const made: Roster = { kind: 'group', name, createdBy: envelope.user, createdAt: now, members };
  const decided = applyChange(state, envelope.user, now, {
    change: { action: 'created', name, users: users.slice(1) },
    roster: made,
    audience: users,
    joined: users,
  });
  return { ...decided, result: { conversation, seq: 1 } };
};

export const add = (
  state: ConversationState,
  roster: Roster,
  envelope: Envelope,
  users: readonly UserId[],
  now: number,
): Decision<ConversationState> => {
  const joining = [...new Set(users)].filter((user) => memberOf(roster, user) === undefined);
  if (joining.length === 0) return unchanged(state, { seq: 0 });
  if (roster.members.length + joining.length > LIMITS.maxMembers) return tooMany;
  if (joining.some((user) => (state.former[user]?.length ?? 0) >= LIMITS.maxMemberships)) return tooOften;
  const joinSeq = state.head;
  const members = [
    ...roster.members,
    ...joining.map((user): RosterMember => ({ user, role: 'member', joinSeq, visibleFrom: joinSeq + 1 })),
  ];
  const next = { ...roster, members };
  return applyChange(state, envelope.user, now, {
    change: { action: 'added', users: joining },
    roster: next,
    audience: memberIds(next),
    joined: joining,
  });
};

/** The roster without a member; an ownerless group passes to the member who has been there longest. */
const without = (roster: Roster, user: UserId): Roster => {
  const members = roster.members.filter((member) => member.user !== user);
  const heir = members.some((member) => member.role === 'owner') ? undefined : members[0]?.user;
  return {
    ...roster,
    members:
      heir === undefined
        ? members
        : members.map((member) => (member.user === heir ? { ...member, role: 'owner' } : member)),
  };
};

export const remove = (
  state: ConversationState,
  roster: Roster,
  envelope: Envelope,
  user: UserId,
  now: number,
): Decision<ConversationState> => {
  if (memberOf(roster, envelope.user)?.role !== 'owner')
    return refused('forbidden', 'Only an owner may remove members.');
  const left = memberOf(roster, user);
  if (left === undefined) return unchanged(state, { seq: 0 });
  return applyChange(state, envelope.user, now, {
    change: { action: user === envelope.user ? 'left' : 'removed', users: [user] },
    roster: without(roster, user),
    audience: memberIds(roster),
    left,
  });
};

export const leave = (
  state: ConversationState,
  roster: Roster,
  member: RosterMember,
  now: number,
): Decision<ConversationState> =>
  applyChange(state, member.user, now, {
    change: { action: 'left', users: [member.user] },
    roster: without(roster, member.user),
    audience: memberIds(roster),
    left: member,
  });

export const rename = (
  state: ConversationState,
  roster: Roster,
  envelope: Envelope,
  name: string,
  now: number,
): Decision<ConversationState> => {
  if (memberOf(roster, envelope.user)?.role !== 'owner')
    return refused('forbidden', 'Only an owner may rename the group.');
  return applyChange(state, envelope.user, now, {
    change: { action: 'renamed', name },
    roster: { ...roster, name },
    audience: memberIds(roster),
  });
};
