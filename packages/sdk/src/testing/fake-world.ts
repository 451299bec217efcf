/** What the fake server knows: users with their logs, conversations with theirs. Plain data, so that it can be copied. */
import { newDeviceId, newUserId, randomId } from '@duolog/protocol';
import type { Change, Conversation, ConversationKind, Entry, Message } from '@duolog/protocol';

type Fields<E> = E extends unknown ? Omit<E, 'type' | 'useq'> : never;
/** An entry without its number. */
export type EntryFields = Fields<Exclude<Entry, { readonly kind: 'sent' }>>;

/** Whose outbox a message came from. */
export interface Origin {
  readonly device: string;
  readonly outbox: string;
  readonly n: number;
}

export interface FakeDevice {
  readonly device: string;
  readonly token: string;
  readonly name: string;
  readonly addedAt: number;
}

export interface FakeUser {
  readonly user: string;
  handle: string;
  name: string;
  readonly password: string;
  devices: FakeDevice[];
  /** The user log; entry number 1 is at index 0. */
  readonly entries: EntryFields[];
  /** Entries up to this number are gone. */
  expired: number;
  /** Membership by conversation. */
  readonly memberships: Map<string, Membership>;
}

/** Seqs one may read, both ends included. */
interface Interval {
  readonly visibleFrom: number;
  readonly leaveSeq: number | undefined;
}

/** The newest membership. */
export interface Membership {
  state: 'joined' | 'left';
  joinSeq: number;
  visibleFrom: number;
  leaveSeq: number | undefined;
  readSeq: number;
  /** With `left`: what the group was called then. */
  nameThen?: string | undefined;
  /** Memberships that ended before this one, oldest first: what they let one read stays readable (CON8). */
  readonly former?: readonly Interval[];
}

export interface FakeConversation {
  readonly conversation: string;
  readonly kind: ConversationKind;
  name: string | undefined;
  readonly createdBy: string;
  /** Owners and members, in the order in which they joined. */
  readonly members: Map<string, 'owner' | 'member'>;
  /** The conversation log; seq 1 is at index 0. Texts are whole. */
  readonly messages: Message[];
}

/** One answered command (COM10). */
interface Remembered {
  readonly n: number;
  readonly content: string;
  readonly answer: object;
}

export interface World {
  epoch: string;
  readonly users: Map<string, FakeUser>;
  readonly conversations: Map<string, FakeConversation>;
  /** The last answers by entity, user and outbox. */
  readonly outboxes: Map<string, Remembered[]>;
}

export const newWorld = (): World => ({
  epoch: randomId(8),
  users: new Map(),
  conversations: new Map(),
  outboxes: new Map(),
});

export const addUser = (world: World, handle: string, password: string, name: string): FakeUser => {
  const user: FakeUser = {
    user: newUserId(),
    handle,
    name,
    password,
    devices: [],
    entries: [],
    expired: 0,
    memberships: new Map(),
  };
  world.users.set(user.user, user);
  user.entries.push({ kind: 'profile', handle, name });
  return user;
};

export const addDevice = (user: FakeUser, name: string, now: number): FakeDevice => {
  const device = { device: newDeviceId(), token: randomId(32), name, addedAt: now };
  user.devices.push(device);
  return device;
};

/** What one may read of a conversation, over all one’s memberships. */
export const visible = (conversation: FakeConversation, membership: Membership): readonly Message[] =>
  [...(membership.former ?? []), membership].flatMap(({ visibleFrom, leaveSeq }) =>
    conversation.messages.slice(visibleFrom - 1, leaveSeq),
  );

export const viewFor = (
  conversation: FakeConversation,
  membership: Membership,
  previewLength: number,
): Conversation => {
  const { state, joinSeq, visibleFrom, leaveSeq, readSeq } = membership;
  const name = state === 'left' ? membership.nameThen : conversation.name;
  const last = visible(conversation, membership).at(-1);
  return {
    conversation: conversation.conversation,
    kind: conversation.kind,
    ...(name === undefined ? {} : { name }),
    state,
    joinSeq,
    visibleFrom,
    ...(leaveSeq === undefined ? {} : { leaveSeq }),
    readSeq,
    lastSeq: last?.seq ?? 0,
    ...(last === undefined ? {} : { lastMessage: preview(last, previewLength) }),
  };
};

/** A message as it travels: long texts with their beginning only (SYN8). */
export const preview = (message: Message, previewLength: number): Message => {
  const points = [...(message.text ?? '')];
  if (points.length <= previewLength) return message;
  return { ...message, text: points.slice(0, previewLength).join(''), length: points.length };
};

export const messageOf = (
  conversation: FakeConversation,
  sender: string,
  at: number,
  body: { readonly text: string } | { readonly change: Change },
): Message => ({
  conversation: conversation.conversation,
  seq: conversation.messages.length + 1,
  kind: 'text' in body ? 'text' : 'change',
  sender,
  at,
  ...body,
});
