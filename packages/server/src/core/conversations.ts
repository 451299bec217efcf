/** Decisions of conversations: what is said, and who hears it. Pure: state and command in, decision out. */
import { parseConversationId } from '@duolog/protocol';
import type { UserId } from '@duolog/protocol';
import type { ConversationCommand, Envelope } from './commands.ts';
import { memberOf, nobody } from './conversation-state.ts';
import type { ConversationState } from './conversation-state.ts';
import type { Decided, Decision, Delivery } from './decision.ts';
import { unchanged } from './decision.ts';
import { add, createGroup, leave, remove, rename } from './groups.ts';
import { send } from './messages.ts';
import { KEYS, conversationKey, encodeJson } from './rows.ts';
import type { Positions, Roster, RosterMember } from './rows.ts';

/** Users whose former memberships a command has to know. */
export const formerNeeded = (envelope: Envelope): readonly UserId[] => {
  const command = envelope.command;
  switch (command.kind) {
    case 'remove':
      return [command.user];
    case 'leave':
      return [envelope.user];
    case 'add':
      return command.users;
    default:
      return [];
  }
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
