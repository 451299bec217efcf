/**
 * All methods. A `command` changes something and takes `(outbox, n)` (COM10); a `query` reads. Over WebSocket a request
 * is `{ id, method, params, outbox?, n? }`; over HTTP it is `POST /v1/<method>` with the params as body and `(outbox, n)`
 * in the headers `duolog-outbox` and `duolog-n`.
 */
import {
  array,
  boolean,
  conversationId,
  groupId,
  handle,
  id,
  integer,
  map,
  object,
  optional,
  secret,
  text,
  time,
  userId,
  choice,
} from './fields.ts';
import type { Fields, InferFields } from './fields.ts';
import { CONVERSATION, DEVICE, ENTRY, MEMBER, MESSAGE, USER } from './objects.ts';
import type { ErrorCode } from '../errors.ts';
import { LIMITS } from '../limits.ts';

export interface Method {
  readonly doc: string;
  readonly kind: 'command' | 'query';
  /** `none`: anybody; `device`: a signed-in device. */
  readonly auth: 'none' | 'device';
  readonly over: 'http' | 'socket' | 'both';
  readonly params: Fields;
  readonly result: Fields;
  /** Errors of its own, beside those that any request can get. */
  readonly errors: readonly ErrorCode[];
}

const password = secret('Password', 'maxPasswordLength', LIMITS.minPasswordLength);
const page = optional(integer('How many at most', 1, LIMITS.maxPage));
const limits = object(
  'The limits in force',
  Object.fromEntries(Object.keys(LIMITS).map((name) => [name, integer(name)])),
);

export const METHODS = {
  hello: {
    doc: 'First request of every connection: who one is, which versions one speaks.',
    kind: 'query',
    auth: 'none',
    over: 'socket',
    params: {
      versions: array('Protocol versions the client speaks', integer('A version', 1, 1000), 'maxRequestsPerFrame', 1),
      token: optional(secret('Device token of session.logIn; or a ticket', 'maxPasswordLength')),
      ticket: optional(secret('Ticket of server.find', 'maxFrameBytes')),
      client: optional(text('Name and version of the client', 'maxNameLength')),
      background: optional(boolean('The client is in the background: beats are rarer')),
    },
    result: {
      version: integer('The version both use from now on'),
      epoch: id('The store’s epoch: a cursor of another epoch is void'),
      head: integer('Head of the user log'),
      user: userId('Who one is'),
      device: id('Which device'),
      heartbeatMs: integer('Send a beat at least this often'),
      serverAt: time('The server’s clock'),
      limits,
    },
    errors: ['unauthenticated', 'unsupportedVersion'],
  },
  'account.signUp': {
    doc: 'Make an account: claims the handle and creates its user. Log in afterwards.',
    kind: 'command',
    auth: 'none',
    over: 'http',
    params: {
      handle: handle('The handle, unique'),
      password,
      name: optional(text('Display name; the handle if left out', 'maxNameLength')),
    },
    result: { user: userId('The new user') },
    errors: ['handleTaken'],
  },
  'session.logIn': {
    doc: 'Sign a device in. The token names the device; keep it secret. Repeated with the same (outbox, n) it gives the same device and token.',
    kind: 'command',
    auth: 'none',
    over: 'http',
    params: {
      handle: handle('The handle'),
      password,
      deviceName: text('Name of the device, for the device list', 'maxNameLength'),
    },
    result: { user: userId('Who one is'), device: id('The new device'), token: id('Bearer token') },
    errors: ['badCredentials', 'limitExceeded'],
  },
  'session.logOut': {
    doc: 'Revoke the device that asks. Its token is refused from then on, so a repeat is answered with `unauthenticated`.',
    kind: 'command',
    auth: 'device',
    over: 'both',
    params: {},
    result: {},
    errors: [],
  },
  'server.find': {
    doc: 'Discovery: up to three chat servers, best first, and a ticket for `hello` that is good for 60 s.',
    kind: 'query',
    auth: 'device',
    over: 'http',
    params: {},
    result: {
      servers: array('WebSocket addresses', text('Address', 'maxPasswordLength'), 'maxPage'),
      ticket: text('Signed ticket', 'maxFrameBytes'),
    },
    errors: ['unavailable'],
  },
  'account.get': {
    doc: 'One’s own account.',
    kind: 'query',
    auth: 'device',
    over: 'both',
    params: {},
    result: { account: USER },
    errors: [],
  },
  'handle.claim': {
    doc: 'Take another handle; the old one becomes free.',
    kind: 'command',
    auth: 'device',
    over: 'both',
    params: { handle: handle('The new handle') },
    result: {},
    errors: ['handleTaken'],
  },
  'user.find': {
    doc: 'The user behind a handle.',
    kind: 'query',
    auth: 'device',
    over: 'both',
    params: { handle: handle('The handle') },
    result: { user: USER },
    errors: ['notFound'],
  },
  'user.get': {
    doc: 'Users by id; those who do not exist are left out.',
    kind: 'query',
    auth: 'device',
    over: 'both',
    params: { users: array('The users', userId('A user'), 'maxMembers', 1) },
    result: { users: array('Those who exist', USER, 'maxMembers') },
    errors: [],
  },
  'device.list': {
    doc: 'One’s signed-in devices.',
    kind: 'query',
    auth: 'device',
    over: 'both',
    params: {},
    result: { devices: array('The devices', DEVICE, 'maxDevices') },
    errors: [],
  },
  'device.revoke': {
    doc: 'Sign one of one’s devices out; its connection is closed.',
    kind: 'command',
    auth: 'device',
    over: 'both',
    params: { device: id('The device') },
    result: {},
    errors: ['notFound'],
  },
  'direct.create': {
    doc: 'Begin the direct conversation with a user; one that exists already is left as it is. With oneself: saved messages.',
    kind: 'command',
    auth: 'device',
    over: 'both',
    params: { user: userId('The other user') },
    result: { conversation: conversationId('The conversation') },
    errors: ['notFound'],
  },
  'group.create': {
    doc: 'Create a group. Its id is made by the client, at random; repeating the command by its creator changes nothing.',
    kind: 'command',
    auth: 'device',
    over: 'both',
    params: {
      conversation: groupId('The id, random'),
      name: text('Name', 'maxNameLength'),
      members: array('Members beside the creator', userId('A user'), 'maxMembers'),
    },
    result: { conversation: conversationId('The group'), seq: integer('Seq of the change') },
    errors: ['notFound', 'conflict', 'limitExceeded'],
  },
  'group.add': {
    doc: 'Add members. Those who are members already are left as they are.',
    kind: 'command',
    auth: 'device',
    over: 'both',
    params: { conversation: groupId('The group'), users: array('Whom', userId('A user'), 'maxMembers', 1) },
    result: { seq: integer('Seq of the change; 0 if nothing changed') },
    errors: ['notFound', 'limitExceeded'],
  },
  'group.remove': {
    doc: 'Remove a member; owners only.',
    kind: 'command',
    auth: 'device',
    over: 'both',
    params: { conversation: groupId('The group'), user: userId('Whom') },
    result: { seq: integer('Seq of the change; 0 if nothing changed') },
    errors: ['notFound', 'forbidden'],
  },
  'group.leave': {
    doc: 'Leave a group. When the last owner leaves, the member who has been there longest becomes owner.',
    kind: 'command',
    auth: 'device',
    over: 'both',
    params: { conversation: groupId('The group') },
    result: { seq: integer('Seq of the change') },
    errors: ['notFound'],
  },
  'group.rename': {
    doc: 'Give a group another name; owners only.',
    kind: 'command',
    auth: 'device',
    over: 'both',
    params: { conversation: groupId('The group'), name: text('Name', 'maxNameLength') },
    result: { seq: integer('Seq of the change') },
    errors: ['notFound', 'forbidden'],
  },
  'message.send': {
    doc: 'Say something. The answer means: stored for good.',
    kind: 'command',
    auth: 'device',
    over: 'both',
    params: { conversation: conversationId('Where'), text: text('The text', 'maxTextLength') },
    result: { seq: integer('Its place in the conversation', 1), at: time('When the server took it') },
    errors: ['notFound'],
  },
  'message.list': {
    doc: 'A page of history, in order of seq: the newest, or what lies before or after a seq. Only what one may read.',
    kind: 'query',
    auth: 'device',
    over: 'both',
    params: {
      conversation: conversationId('Which'),
      before: optional(integer('Messages with a smaller seq', 1)),
      after: optional(integer('Messages with a larger seq')),
      limit: page,
      hole: optional(
        boolean('These should have come with entries and did not (SYN12): the server counts it as an alarm'),
      ),
    },
    result: {
      messages: array('The messages', MESSAGE, 'maxPage'),
      lastSeq: integer('The newest seq one may read'),
      more: boolean('Whether there are more in that direction'),
    },
    errors: ['notFound'],
  },
  'message.get': {
    doc: 'One message with its whole text.',
    kind: 'query',
    auth: 'device',
    over: 'both',
    params: { conversation: conversationId('Which'), seq: integer('Which', 1) },
    result: { message: MESSAGE },
    errors: ['notFound'],
  },
  'conversation.read': {
    doc: 'Set one’s read position. It only grows; one beyond the end counts as the end when seen by others.',
    kind: 'command',
    auth: 'device',
    over: 'both',
    params: { conversation: conversationId('Which'), seq: integer('Read up to and including this', 1) },
    result: { seq: integer('The position now') },
    errors: ['notFound'],
  },
  'conversation.get': {
    doc: 'A conversation with its members and their read positions.',
    kind: 'query',
    auth: 'device',
    over: 'both',
    params: { conversation: conversationId('Which') },
    result: {
      conversation: CONVERSATION,
      members: array('Members now', MEMBER, 'maxMembers'),
      read: map('Read position by user id', integer('A seq')),
    },
    errors: ['notFound'],
  },
  'conversation.list': {
    doc: 'One’s conversations in pages, in order of id.',
    kind: 'query',
    auth: 'device',
    over: 'both',
    params: { after: optional(conversationId('The last id of the page before')), limit: page },
    result: {
      conversations: array('The conversations', CONVERSATION, 'maxPage'),
      more: boolean('Whether there are more'),
    },
    errors: [],
  },
  sync: {
    doc: 'What comes after the cursor: a contiguous run of entries, or `reset` (SYN3).',
    kind: 'query',
    auth: 'device',
    over: 'both',
    params: {
      epoch: optional(id('Epoch of the cursor; none yet: left out')),
      cursor: integer('The last useq applied'),
      limit: page,
    },
    result: {
      epoch: id('The store’s epoch'),
      head: integer('Head of the user log'),
      state: choice(
        'run: entries follow; reset: drop everything but outbox and drafts, cursor = head, list the conversations',
        'run',
        'reset',
      ),
      entries: array('The run', ENTRY, 'maxPage'),
      more: boolean('Whether to ask again at once'),
    },
    errors: ['rateLimited'],
  },
  watch: {
    doc: 'The conversations this connection looks at now; it gets `positions` events of them. Replaces what it watched before.',
    kind: 'query',
    auth: 'device',
    over: 'socket',
    params: { conversations: array('Which', conversationId('A conversation'), 'maxWatches') },
    result: {},
    errors: ['notFound'],
  },
} as const satisfies Record<string, Method>;

export type MethodName = keyof typeof METHODS;
export type Params<M extends MethodName> = InferFields<(typeof METHODS)[M]['params']>;
export type Result<M extends MethodName> = InferFields<(typeof METHODS)[M]['result']>;
export type CommandName = { [M in MethodName]: (typeof METHODS)[M]['kind'] extends 'command' ? M : never }[MethodName];
export type QueryName = Exclude<MethodName, CommandName>;

export const isMethodName = (name: string): name is MethodName => Object.hasOwn(METHODS, name);
export const isCommand = (name: MethodName): name is CommandName => METHODS[name].kind === 'command';
