/** One round of an owner: decides about what it took, and gathers all that follows into one batch (COM1). */
import type { UserId } from '@duolog/protocol';
import { decideConversation, takePosition } from '../core/conversations.ts';
import type { Envelope, UserCommand } from '../core/commands.ts';
import type { Decided, Decision, Delivery, Parcel, RowChange } from '../core/decision.ts';
import { refused } from '../core/decision.ts';
import { partitionOf } from '../core/hash.ts';
import { decideName, takeNameParcel } from '../core/names.ts';
import { encodeOutbox, isInReach, remember } from '../core/outbox.ts';
import { acceptedKey, conversationKey, encodeJson, nameKey, partitionKey, userKey } from '../core/rows.ts';
import { appendEntry, bucketBegun, decideUser, messageDelivery, takeUserParcel, userNeeds } from '../core/users.ts';
import type { MessageParcel, UserParcel, UserState } from '../core/users.ts';
import { answerOf, answerTo, notLoaded, outboxOf, outcomeOf } from './answering.ts';
import type { Entities, Entity, Remembered } from './entities.ts';
import { isConversation, isName, isUser } from './entities.ts';
import { endPointers, grow, growByMessage } from './growth.ts';
import type { Growth } from './growth.ts';
import { answerBytes, outboxBytes, rowBytes, sendingBytes, sharedBytes } from './sizes.ts';
import type { Outcome } from './messages.ts';

/** All that a turn decided, before and after it is stored. */
export interface Turn {
  readonly stamp: number;
  readonly rows: RowChange[];
  /** Rows of entities' own partitions by name: of several versions in one turn only the last is written. */
  readonly ownRows: Map<string, RowChange>;
  readonly drops: string[];
  readonly parcels: Map<number, Parcel[]>;
  readonly deliveries: Delivery[];
  /** By entity. */
  readonly grown: Map<string, Growth>;
  /** Outboxes whose rows are to be written, and whose they are: encoded once, at the end of the turn. */
  readonly outboxes: Map<Remembered, Entity>;
  /** Something was answered from what is remembered: true only of one who still is the owner, which a commit proves (COM2). */
  needsProof: boolean;
  /** Estimated bytes of the batch. */
  bytes: number;
}

export const newTurn = (stamp: number): Turn => ({
  stamp,
  rows: [],
  ownRows: new Map(),
  drops: [],
  parcels: new Map(),
  deliveries: [],
  grown: new Map(),
  outboxes: new Map(),
  needsProof: false,
  bytes: 0,
});

export interface TurnContext {
  readonly entities: Entities;
  readonly partition: number;
  readonly partitions: number;
  /** The owner's clock, ms. */
  readonly now: number;
}

const addRow = (turn: Turn, entity: string, row: RowChange): void => {
  turn.bytes += rowBytes(row);
  if (row.partition === entity) turn.ownRows.set(`${row.partition} ${row.key}`, row);
  else turn.rows.push(row);
};

/** Parcels by destination: those with several recipients are divided among the partitions of these. */
const addParcel = (turn: Turn, context: TurnContext, parcel: Parcel): void => {
  if (context.partitions === 1) return post(turn, context, 0, parcel);
  switch (parcel.kind) {
    case 'message':
    case 'membership': {
      const shares = new Map<number, UserId[]>();
      for (const user of parcel.to) {
        const destination = partitionOf(userKey(user), context.partitions);
        const share = shares.get(destination);
        if (share === undefined) shares.set(destination, [user]);
        else share.push(user);
      }
      if (shares.size > 1 || !shares.has(context.partition)) turn.bytes += sharedBytes(parcel);
      for (const [destination, to] of shares) post(turn, context, destination, { ...parcel, to });
      return;
    }
    case 'position':
      return post(turn, context, partitionOf(conversationKey(parcel.conversation), context.partitions), parcel);
    case 'account':
    case 'handle':
      return post(turn, context, partitionOf(userKey(parcel.user), context.partitions), parcel);
    case 'confirmed':
    case 'released':
      return post(turn, context, partitionOf(nameKey(parcel.handle), context.partitions), parcel);
    default: {
      const never: never = parcel;
      return never;
    }
  }
};

const post = (turn: Turn, context: TurnContext, destination: number, parcel: Parcel): void => {
  turn.bytes += sendingBytes(parcel, destination === context.partition);
  const parcels = turn.parcels.get(destination);
  if (parcels === undefined) turn.parcels.set(destination, [parcel]);
  else parcels.push(parcel);
};

const follow = <S>(turn: Turn, context: TurnContext, entity: string, decided: Decided<S>): void => {
  for (const row of decided.rows) addRow(turn, entity, row);
  for (const parcel of decided.parcels) addParcel(turn, context, parcel);
  for (const delivery of decided.deliveries) turn.deliveries.push(delivery);
  if (decided.drops !== undefined) turn.drops.push(...decided.drops);
};

/** The user's state with the row of the conversation that this is about. */
const userState = (entity: Entity, subject: UserCommand | UserParcel): UserState => {
  const { user, memberships } = entity;
  const { conversation } = userNeeds(subject);
  if (user === undefined) throw notLoaded(entity.key);
  if (conversation === undefined) return user;
  if (!memberships.has(conversation)) throw notLoaded(`${entity.key} in ${conversation}`);
  return { ...user, conversation: memberships.get(conversation) };
};

const keepUser = (entity: Entity, subject: UserCommand | UserParcel, state: UserState): void => {
  entity.user = state;
  const { conversation } = userNeeds(subject);
  if (conversation !== undefined) entity.memberships.set(conversation, state.conversation);
};

/** Lets the entity's handler decide and takes over what follows. */
const execute = (turn: Turn, context: TurnContext, entity: Entity, envelope: Envelope): Decision<unknown> => {
  const { command } = envelope;
  const { key } = entity;
  if (command.kind === 'refused') return { ok: false, ...command.refusal };
  if (isConversation(key, command)) {
    const before = entity.conversation;
    if (before === undefined) throw notLoaded(key);
    const decision = decideConversation(before, envelope, command, context.now);
    if (decision.ok) {
      entity.conversation = decision.state;
      grow(turn, key, before.head, decision.state.head);
      follow(turn, context, key, decision);
    }
    return decision;
  }
  if (isUser(key, command)) {
    const before = userState(entity, command);
    if (envelope.user !== before.user) return refused('forbidden', 'This is somebody else.');
    const decision = decideUser(before, command, context.now);
    if (decision.ok) {
      keepUser(entity, command, decision.state);
      grow(turn, key, before.head, decision.state.head);
      follow(turn, context, key, decision);
    }
    return decision;
  }
  if (!isName(key, command) || entity.name === undefined) throw notLoaded(key);
  const decision = decideName(entity.name, envelope.user, command, context.now);
  if (decision.ok) {
    entity.name = decision.state;
    follow(turn, context, key, decision);
  }
  return decision;
};

/** Head of the entity's log as decided; names have none. */
const headOf = ({ key, conversation, user }: Entity): number => {
  const head = (conversation ?? user)?.head;
  if (head === undefined && !key.startsWith('n/')) throw notLoaded(key);
  return head ?? 0;
};

/** Decides about a command whose needs are loaded. */
export const decideCommand = (turn: Turn, context: TurnContext, envelope: Envelope): Outcome => {
  const entity = context.entities.get(envelope.entity);
  const known = outboxOf(entity, envelope);
  if (known === undefined) {
    turn.needsProof = true;
    return outcomeOf(answerOf(execute(turn, context, entity, envelope)));
  }
  const { n, remembered, admission } = known;
  if (admission.kind !== 'new') {
    turn.needsProof ||= admission.kind === 'gap';
    return answerTo(admission);
  }
  const decision = execute(turn, context, entity, envelope);
  const answer = answerOf(decision);
  remembered.answers = remember(remembered.answers, { n, hash: envelope.hash, answer });
  if (turn.outboxes.has(remembered)) turn.bytes += answerBytes(answer);
  else if (!(decision.ok && decision.toldByRow === true && isInReach(remembered.rowHead, headOf(entity)))) {
    turn.bytes += outboxBytes(remembered.answers);
    turn.outboxes.set(remembered, entity);
  }
  return outcomeOf(answer);
};

/** Takes a message for its recipients, whose logs are loaded. */
const takeMessage = (turn: Turn, context: TurnContext, parcel: MessageParcel): void => {
  const { entities, now } = context;
  const useqs: number[] = [];
  for (const id of parcel.to) {
    const entity = entities.getUser(id);
    const before = entity.user;
    if (before === undefined) throw notLoaded(entity.key);
    const after = appendEntry(before, now);
    entity.user = after;
    const begun = bucketBegun(before, after);
    if (begun !== undefined) {
      for (const row of begun.rows) addRow(turn, entity.key, row);
      turn.drops.push(...begun.drops);
    }
    growByMessage(turn, entity.key, after, parcel);
    useqs.push(after.head);
  }
  turn.deliveries.push(messageDelivery(parcel, useqs));
};

/** Takes a parcel for one user whose needs are loaded. */
const takeForUser = (turn: Turn, context: TurnContext, parcel: UserParcel, id: UserId): void => {
  const entity = context.entities.getUser(id);
  const before = userState(entity, parcel);
  const decided = takeUserParcel(before, parcel, context.now);
  keepUser(entity, parcel, decided.state);
  grow(turn, entity.key, before.head, decided.state.head);
  follow(turn, context, entity.key, decided);
};

/** The users a parcel is for; one that is for a conversation or a name is taken once. */
export const recipientsOf = (parcel: Parcel): readonly UserId[] =>
  parcel.kind === 'message' || parcel.kind === 'membership' ? parcel.to : [parcel.user];

/** Takes a parcel whose needs are loaded. */
export const takeParcel = (turn: Turn, context: TurnContext, parcel: Parcel): void => {
  switch (parcel.kind) {
    case 'message':
      return takeMessage(turn, context, parcel);
    case 'membership':
      for (const user of parcel.to) takeForUser(turn, context, parcel, user);
      return;
    case 'account':
    case 'handle':
      return takeForUser(turn, context, parcel, parcel.user);
    case 'position': {
      const entity = context.entities.get(conversationKey(parcel.conversation));
      if (entity.conversation === undefined) throw notLoaded(entity.key);
      const decided = takePosition(entity.conversation, parcel.user, parcel.seq);
      entity.conversation = decided.state;
      return follow(turn, context, entity.key, decided);
    }
    case 'confirmed':
    case 'released': {
      const entity = context.entities.get(nameKey(parcel.handle));
      if (entity.name === undefined) throw notLoaded(entity.key);
      const decided = takeNameParcel(entity.name, parcel);
      entity.name = decided.state;
      return follow(turn, context, entity.key, decided);
    }
    default: {
      const never: never = parcel;
      return never;
    }
  }
};

/** Remembers that all parcels of the source up to this stamp are in this turn (COM5). */
export const markAccepted = (turn: Turn, partition: number, source: number, stamp: number): void => {
  const row = { partition: partitionKey(partition), key: acceptedKey(source), value: encodeJson({ stamp }) };
  turn.ownRows.set(`${row.partition} ${row.key}`, row);
};

/** Whether there is anything to commit. */
export const isEmpty = (turn: Turn): boolean =>
  !turn.needsProof &&
  turn.rows.length === 0 &&
  turn.grown.size === 0 &&
  turn.ownRows.size === 0 &&
  turn.outboxes.size === 0 &&
  turn.parcels.size === 0 &&
  turn.drops.length === 0;

/** All rows of the turn; once. */
export const rowsOf = (turn: Turn): readonly RowChange[] => {
  for (const growth of turn.grown.values()) endPointers(turn, growth);
  for (const [remembered, entity] of turn.outboxes) {
    const { key, answers } = remembered;
    const head = headOf(entity);
    remembered.rowHead = head;
    turn.rows.push({ partition: entity.key, key, value: encodeOutbox({ answers, head }) });
  }
  for (const row of turn.ownRows.values()) turn.rows.push(row);
  return turn.rows;
};
