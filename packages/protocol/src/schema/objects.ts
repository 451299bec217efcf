/** The things that travel: messages, entries, conversations, devices. */
import {
  array,
  boolean,
  choice,
  conversationId,
  handle,
  id,
  integer,
  map,
  object,
  optional,
  text,
  time,
  union,
  userId,
} from './fields.ts';
import type { Infer } from './fields.ts';

const conversationKind = choice(
  'direct: exactly two users; group: 2 to 100 members; self: saved messages',
  'direct',
  'group',
  'self',
);
const role = choice('What a member may do: an owner renames the group and removes members', 'owner', 'member');

export const CHANGE = object('What a message of kind `change` did', {
  action: choice('The change', 'created', 'added', 'removed', 'left', 'renamed', 'promoted'),
  users: optional(array('Whom it concerns', userId('A user'), 'maxMembers')),
  name: optional(text('The name given', 'maxNameLength')),
});

export const MESSAGE = object('One item of a conversation log. `(conversation, seq)` is its identity', {
  conversation: conversationId('The conversation'),
  seq: integer('Its place in the conversation: 1, 2, 3 … without holes', 1),
  kind: choice('text: said by the sender; change: done by the sender to name or members', 'text', 'change'),
  sender: userId('Who said or did it'),
  at: time('When the server took it'),
  text: optional(
    text('With kind `text`: the text, or its first previewLength code points if `length` is there', 'maxTextLength'),
  ),
  length: optional(
    integer('Code points of the whole text, when only the beginning is here: fetch it with message.get'),
  ),
  change: optional(CHANGE),
});

const useq = integer('Place in the user log: 1, 2, 3 … without holes; the cursor is the last one applied', 1);
const entry = choice('Item of a frame', 'entry');

/** Entry kinds. A client skips a kind it does not know but advances its cursor (SYN10). */
export const ENTRIES = {
  message: object('A message of a conversation one is a member of', {
    type: entry,
    useq,
    kind: choice('Kind of entry', 'message'),
    message: MESSAGE,
  }),
  sent: object(
    'One’s own message, on the device whose outbox it came from, without the text it already has. In `sync` it is a `message`',
    {
      type: entry,
      useq,
      kind: choice('Kind of entry', 'sent'),
      conversation: conversationId('The conversation'),
      seq: integer('Its place', 1),
      at: time('When the server took it'),
      outbox: id('The outbox of this device'),
      n: integer('The command’s number', 1),
    },
  ),
  membership: object('One joined or left a conversation', {
    type: entry,
    useq,
    kind: choice('Kind of entry', 'membership'),
    conversation: conversationId('The conversation'),
    state: choice('What one is now', 'joined', 'left'),
    name: optional(text('The group’s name; with `left` the one it had then', 'maxNameLength')),
    joinSeq: integer('Last seq before one joined; one’s first message is joinSeq + 1'),
    visibleFrom: integer('First seq one may read', 1),
    leaveSeq: optional(integer('With `left`: the last seq one may read')),
  }),
  read: object('One’s own read position, set on another device', {
    type: entry,
    useq,
    kind: choice('Kind of entry', 'read'),
    conversation: conversationId('The conversation'),
    seq: integer('Read up to and including this'),
  }),
  profile: object('One’s handle or name changed', {
    type: entry,
    useq,
    kind: choice('Kind of entry', 'profile'),
    handle: handle('The handle'),
    name: text('Display name', 'maxNameLength'),
  }),
  device: object('A device of one’s own was added or revoked', {
    type: entry,
    useq,
    kind: choice('Kind of entry', 'device'),
    change: choice('What happened to it', 'added', 'revoked'),
    device: id('The device'),
    name: optional(text('Its name', 'maxNameLength')),
  }),
} as const;

export const ENTRY = union(
  'One item of a user log',
  ENTRIES.message,
  ENTRIES.sent,
  ENTRIES.membership,
  ENTRIES.read,
  ENTRIES.profile,
  ENTRIES.device,
);

/** Events: hints about what is not durable. Missing one loses nothing. */
export const EVENTS = {
  head: object('The newest useq the server knows; pull if it is above the cursor', {
    type: choice('Item of a frame', 'head'),
    epoch: id('The store’s epoch'),
    useq: integer('Head of the user log'),
  }),
  positions: object('Read positions of members of a watched conversation that moved', {
    type: choice('Item of a frame', 'positions'),
    conversation: conversationId('The conversation'),
    read: map('Read position by user id', integer('A seq')),
  }),
  bye: object('The server is draining: connect again after this time', {
    type: choice('Item of a frame', 'bye'),
    reconnectAfterMs: integer('Milliseconds to wait'),
  }),
} as const;

export const MEMBER = object('A member of a conversation', {
  user: userId('The user'),
  role,
  joinSeq: integer('Last seq before joining'),
});

export const CONVERSATION = object('A conversation as one of its members sees it', {
  conversation: conversationId('The conversation'),
  kind: conversationKind,
  name: optional(text('Name of a group; after leaving, the one it had then', 'maxNameLength')),
  state: choice('Whether one is a member now', 'joined', 'left'),
  joinSeq: integer('Last seq before one joined'),
  visibleFrom: integer('First seq one may read', 1),
  leaveSeq: optional(integer('Last seq one may read, after leaving')),
  readSeq: integer('One’s own read position'),
  lastSeq: integer('The newest seq one may read, 0 if there is none'),
  lastMessage: optional(MESSAGE),
});

export const DEVICE = object('A signed-in device', {
  device: id('The device'),
  name: text('Its name', 'maxNameLength'),
  addedAt: time('When it signed in'),
  current: boolean('Whether it is the one that asks'),
});

export const USER = object('A user', {
  user: userId('The user'),
  handle: handle('The handle'),
  name: text('Display name', 'maxNameLength'),
});

export type Change = Infer<typeof CHANGE>;
export type Message = Infer<typeof MESSAGE>;
export type Entry = Infer<typeof ENTRY>;
export type EntryKind = keyof typeof ENTRIES;
export type Event = { [K in keyof typeof EVENTS]: Infer<(typeof EVENTS)[K]> }[keyof typeof EVENTS];
export type Member = Infer<typeof MEMBER>;
export type Conversation = Infer<typeof CONVERSATION>;
export type Device = Infer<typeof DEVICE>;
export type User = Infer<typeof USER>;
