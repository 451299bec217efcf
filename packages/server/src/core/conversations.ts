/** Decisions of conversations: what is said, and who hears it. Pure: state and command in, decision out. */
import { LIMITS, messageFields, parseConversationId } from '@duolog/protocol';
import type { Change, ConversationId, UserId } from '@duolog/protocol';
import type { ConversationCommand, Envelope } from './commands.ts';
import type { Decided, Decision, Delivery, Origin, Parcel, RowChange } from './decision.ts';
import { refused, unchanged } from './decision.ts';
import {
  BUCKET_SIZE,
  KEYS,
  bucketOf,
  conversationKey,
  encodeJson,
  encodeMessage,
  formerKey,
  logRow,
  longTextRow,
} from './rows.ts';
import type { FormerMember, Positions, Roster, RosterMember } from './rows.ts';

/** What decides about a conversation. */
export interface ConversationState {
  readonly conversation: ConversationId;
  /** Undefined: it does not exist yet. */
  readonly roster: Roster | undefined;
  /** The newest seq. */
  readonly head: number;
  readonly positions: Positions;
  /** Memberships that ended, of those users who were loaded for a command (they may join again). */
  readonly former: { readonly [user: UserId]: readonly FormerMember[] };
}

/** Users whose former memberships a command has to know. */
export const formerNeeded = (envelope: Envelope): readonly UserId[] => {
  const command = envelope.command;
  switch (command.kind) {
    case 'remove':
      return [command.user];
    case 'leave':
      return [envelope.user];
    default:
      return [];
  }
};

/** A message's body as it travels, and the whole text if only its beginning travels (SYN8). */
const textBody = (
  conversation: ConversationId,
  seq: number,
  sender: UserId,
  at: number,
  text: string,
): { body: string; whole?: string } => {
  const head = `{"conversation":"${conversation}","seq":${seq},"kind":"text","sender":"${sender}","at":${at},"text":`;
  if (text.length <= LIMITS.previewLength) return { body: `${head}${JSON.stringify(text)}}` };
  const points = [...text];
  if (points.length <= LIMITS.previewLength) return { body: `${head}${JSON.stringify(text)}}` };
  const preview = points.slice(0, LIMITS.previewLength).join('');
  return { body: `${head}${JSON.stringify(preview)},"length":${points.length}}`, whole: text };
};

const originOf = (envelope: Envelope): Origin | undefined =>
  envelope.device === undefined || envelope.outbox === undefined || envelope.n === undefined
    ? undefined
    : { user: envelope.user, device: envelope.device, outbox: envelope.outbox, n: envelope.n };

/** Rows that place a body at the next seq: the message, and the name of a new bucket before it is used. */
const placed = (conversation: ConversationId, seq: number, body: string): RowChange[] => {
  const { partition, key } = logRow(conversationKey(conversation), seq);
  const rows: RowChange[] = [{ partition, key, value: encodeMessage(body) }];
  if (seq % BUCKET_SIZE === 0)
    rows.push({
      partition: conversationKey(conversation),
      key: KEYS.log,
      value: encodeJson({ bucket: bucketOf(seq) }),
    });
  return rows;
};

const messageParcel = (
  conversation: ConversationId,
  seq: number,
  at: number,
  body: string,
  to: readonly UserId[],
  origin?: Origin,
): Parcel => {
  const fields = messageFields(body);
  return origin === undefined
    ? { kind: 'message', to, conversation, seq, at, fields }
    : { kind: 'message', to, conversation, seq, at, fields, origin };
};

/** Hands out recipients: one array per roster, since every message needs it. */
const recipients = new WeakMap<Roster, readonly UserId[]>();
const memberIds = (roster: Roster): readonly UserId[] => {
  let ids = recipients.get(roster);
  if (ids === undefined) {
    ids = roster.members.map((member) => member.user);
    recipients.set(roster, ids);
  }
  return ids;
};

const memberOf = (roster: Roster | undefined, user: UserId): RosterMember | undefined =>
  roster?.members.find((member) => member.user === user);

const nobody = refused('notFound', 'There is no such conversation, or you are not a member of it.');

const send = (state: ConversationState, envelope: Envelope, text: string, now: number): Decision<ConversationState> => {
  const { roster, conversation } = state;
  if (roster === undefined || memberOf(roster, envelope.user) === undefined) return nobody;
  const seq = state.head + 1;
  const { body, whole } = textBody(conversation, seq, envelope.user, now, text);
  const rows = placed(conversation, seq, body);
  if (whole !== undefined) rows.unshift({ ...longTextRow(conversation, seq), value: `1${whole}` });
  return {
    ok: true,
    state: { ...state, head: seq },
    result: { seq, at: now },
    rows,
    parcels: [messageParcel(conversation, seq, now, body, memberIds(roster), originOf(envelope))],
    deliveries: [],
  };
};

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
  const rows: RowChange[] = [
    { partition: conversationKey(conversation), key: KEYS.roster, value: encodeJson(change.roster) },
    ...placed(conversation, seq, body),
  ];
  const parcels: Parcel[] = [];
  if (change.joined !== undefined && change.joined.length > 0) {
    const membership = { state: 'joined', joinSeq: seq - 1, visibleFrom: seq } as const;
    parcels.push({
      kind: 'membership',
      to: change.joined,
      conversation,
      ...(change.roster.name === undefined ? {} : { name: change.roster.name }),
      ...membership,
    });
  }
  parcels.push(messageParcel(conversation, seq, now, body, change.audience));
  let former = state.former;
  if (change.left !== undefined) {
    const { user, joinSeq, visibleFrom } = change.left;
    const ended = [...(state.former[user] ?? []), { visibleFrom, leaveSeq: seq }];
    former = { ...state.former, [user]: ended };
    rows.push({ partition: conversationKey(conversation), key: formerKey(user), value: encodeJson(ended) });
    parcels.push({ kind: 'membership', to: [user], conversation, state: 'left', joinSeq, visibleFrom, leaveSeq: seq });
  }
  return {
    ok: true,
    state: { ...state, roster: change.roster, head: seq, former },
    result: { seq },
    rows,
    parcels,
    deliveries: [],
  };
};

const createDirect = (state: ConversationState, envelope: Envelope, now: number): Decision<ConversationState> => {
  const { conversation } = state;
  const parsed = parseConversationId(conversation);
  if (parsed === undefined || !parsed.users.includes(envelope.user)) return nobody;
  if (state.roster !== undefined) return unchanged(state, { conversation });
  const members: readonly RosterMember[] = parsed.users.map((user) => ({
    user,
    role: 'member',
    joinSeq: 0,
    visibleFrom: 1,
  }));
  const roster: Roster = { kind: parsed.kind, createdBy: envelope.user, createdAt: now, members };
  return {
    ok: true,
    state: { ...state, roster },
    result: { conversation },
    rows: [{ partition: conversationKey(conversation), key: KEYS.roster, value: encodeJson(roster) }],
    parcels: [{ kind: 'membership', to: parsed.users, conversation, state: 'joined', joinSeq: 0, visibleFrom: 1 }],
    deliveries: [],
  };
};

const tooMany = refused('limitExceeded', `A group has at most ${LIMITS.maxMembers} members.`, {
  limit: 'maxMembers',
  max: LIMITS.maxMembers,
});

const createGroup = (
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

const add = (
  state: ConversationState,
  roster: Roster,
  envelope: Envelope,
  users: readonly UserId[],
  now: number,
): Decision<ConversationState> => {
  const joining = [...new Set(users)].filter((user) => memberOf(roster, user) === undefined);
  if (joining.length === 0) return unchanged(state, { seq: 0 });
  if (roster.members.length + joining.length > LIMITS.maxMembers) return tooMany;
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

const remove = (
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

const leave = (
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

const rename = (
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

/** Decides about a command to this conversation. `now` is the owner's clock in ms. */
export const decideConversation = (
  state: ConversationState,
  envelope: Envelope,
  command: ConversationCommand,
  now: number,
): Decision<ConversationState> => {
  if (command.kind === 'send') return send(state, envelope, command.text, now);
  if (command.kind === 'createDirect') return createDirect(state, envelope, now);
  if (command.kind === 'createGroup') return createGroup(state, envelope, command.name, command.members, now);
  const { roster } = state;
  const member = memberOf(roster, envelope.user);
  if (roster === undefined || member === undefined || roster.kind !== 'group') return nobody;
  switch (command.kind) {
    case 'add':
      return add(state, roster, envelope, command.users, now);
    case 'remove':
      return remove(state, roster, envelope, command.user, now);
    case 'leave':
      return leave(state, roster, member, now);
    case 'rename':
      return rename(state, roster, envelope, command.name, now);
    default: {
      const never: never = command;
      return never;
    }
  }
};

/** Positions of the members alone: who left is not seen reading. */
const movedTo = (roster: Roster, before: Positions, user: UserId, seq: number): Positions => {
  const positions: { [user: UserId]: number } = {};
  for (const member of roster.members) {
    const position = member.user === user ? seq : before[member.user];
    if (position !== undefined) positions[member.user] = position;
  }
  return positions;
};

/** A member has read up to a seq; positions only grow and never pass the end. */
export const takePosition = (state: ConversationState, user: UserId, seq: number): Decided<ConversationState> => {
  const { roster } = state;
  const position = Math.min(seq, state.head);
  const known = memberOf(roster, user) !== undefined;
  if (roster === undefined || !known || position <= (state.positions[user] ?? 0)) return unchanged(state);
  const positions = movedTo(roster, state.positions, user, position);
  const deliveries: readonly Delivery[] = [
    { kind: 'positions', conversation: state.conversation, read: { [user]: position } },
  ];
  return {
    ok: true,
    state: { ...state, positions },
    result: {},
    rows: [{ partition: conversationKey(state.conversation), key: KEYS.positions, value: encodeJson(positions) }],
    parcels: [],
    deliveries,
  };
};
