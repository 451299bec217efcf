/** What commands do to the fake server's world. Expected refusals are thrown as DuologError. */
import { DuologError, LIMITS, directId, selfId } from '@duolog/protocol';
import type { Change, CommandName, Message, Params, Result } from '@duolog/protocol';
import { addDevice, addUser, messageOf } from './fake-world.ts';
import type { EntryFields, FakeConversation, FakeUser, Origin, World } from './fake-world.ts';

/** Who asks, and how the world learns of it. */
export interface Call {
  readonly world: World;
  readonly now: number;
  /** Undefined for what needs no device. */
  readonly user: FakeUser | undefined;
  readonly device: string | undefined;
  readonly origin: Origin | undefined;
  /** Appends an entry to a user's log and delivers it. */
  append(user: FakeUser, fields: EntryFields, origin?: Origin): void;
  positions(conversation: string, read: { readonly [user: string]: number }): void;
  revoked(device: string): void;
}

export const me = (call: Call): FakeUser => {
  if (call.user === undefined) throw new DuologError('unauthenticated');
  return call.user;
};

const byHandle = (world: World, handle: string): FakeUser | undefined =>
  [...world.users.values()].find((user) => user.handle === handle);

/** The conversation of which one is a member. */
const joined = (call: Call, id: string): FakeConversation => {
  const conversation = call.world.conversations.get(id);
  if (conversation === undefined || !conversation.members.has(me(call).user)) throw new DuologError('notFound');
  return conversation;
};

const userById = (call: Call, id: string): FakeUser => {
  const user = call.world.users.get(id);
  if (user === undefined) throw new DuologError('notFound', `There is no user ${id}.`);
  return user;
};

/** Places a message in its log and tells these users. */
const say = (
  call: Call,
  conversation: FakeConversation,
  body: { readonly text: string } | { readonly change: Change },
  audience: Iterable<string>,
): Message => {
  const message = messageOf(conversation, me(call).user, call.now, body);
  conversation.messages.push(message);
  for (const user of audience)
    call.append(
      userById(call, user),
      { kind: 'message', message },
      user === call.user?.user && 'text' in body ? call.origin : undefined,
    );
  return message;
};

/** Begins a membership; those that ended before stay readable (CON8). */
const join = (call: Call, conversation: FakeConversation, user: FakeUser): void => {
  const joinSeq = conversation.messages.length;
  const visibleFrom = joinSeq + 1;
  const last = user.memberships.get(conversation.conversation);
  conversation.members.set(user.user, conversation.members.get(user.user) ?? 'member');
  user.memberships.set(conversation.conversation, {
    state: 'joined',
    joinSeq,
    visibleFrom,
    leaveSeq: undefined,
    readSeq: joinSeq,
    former:
      last === undefined ? [] : [...(last.former ?? []), { visibleFrom: last.visibleFrom, leaveSeq: last.leaveSeq }],
  });
  const name = conversation.name === undefined ? {} : { name: conversation.name };
  call.append(user, {
    kind: 'membership',
    conversation: conversation.conversation,
    state: 'joined',
    ...name,
    joinSeq,
    visibleFrom,
  });
};

const depart = (call: Call, conversation: FakeConversation, user: FakeUser, action: 'left' | 'removed'): number => {
  const audience = [...conversation.members.keys()];
  conversation.members.delete(user.user);
  const [heir] = conversation.members.keys();
  if (heir !== undefined && ![...conversation.members.values()].includes('owner'))
    conversation.members.set(heir, 'owner');
  const { seq } = say(call, conversation, { change: { action, users: [user.user] } }, audience);
  const membership = user.memberships.get(conversation.conversation);
  if (membership !== undefined) {
    const nameThen = conversation.name;
    Object.assign(membership, { state: 'left', leaveSeq: seq, nameThen });
    const { joinSeq, visibleFrom } = membership;
    call.append(user, {
      kind: 'membership',
      conversation: conversation.conversation,
      state: 'left',
      ...(nameThen === undefined ? {} : { name: nameThen }),
      joinSeq,
      visibleFrom,
      leaveSeq: seq,
    });
  }
  return seq;
};

/** The group of which one is a member. */
const group = (call: Call, id: string): FakeConversation => {
  const conversation = joined(call, id);
  if (conversation.kind !== 'group') throw new DuologError('notFound');
  return conversation;
};

const asOwner = (call: Call, id: string): FakeConversation => {
  const conversation = group(call, id);
  if (conversation.members.get(me(call).user) !== 'owner') throw new DuologError('forbidden');
  return conversation;
};

const createDirect = (call: Call, other: string): Result<'direct.create'> => {
  const { user } = me(call);
  const id = other === user ? selfId(user) : directId(user, other);
  const peer = userById(call, other);
  if (call.world.conversations.has(id)) return { conversation: id };
  const users = other === user ? [user] : [user, other];
  const conversation: FakeConversation = {
    conversation: id,
    kind: other === user ? 'self' : 'direct',
    name: undefined,
    createdBy: user,
    members: new Map(users.map((member) => [member, 'member'])),
    messages: [],
  };
  call.world.conversations.set(id, conversation);
  for (const member of new Set([me(call), peer])) join(call, conversation, member);
  return { conversation: id };
};

const createGroup = (
  call: Call,
  { conversation: id, name, members }: Params<'group.create'>,
): Result<'group.create'> => {
  const { user } = me(call);
  const existing = call.world.conversations.get(id);
  if (existing !== undefined) {
    if (existing.createdBy !== user) throw new DuologError('conflict');
    return { conversation: id, seq: 1 };
  }
  const all = [...new Set([user, ...members])].map((member) => userById(call, member));
  if (all.length > LIMITS.maxMembers)
    throw new DuologError('limitExceeded', undefined, { limit: 'maxMembers', max: LIMITS.maxMembers });
  const conversation: FakeConversation = {
    conversation: id,
    kind: 'group',
    name,
    createdBy: user,
    members: new Map([[user, 'owner']]),
    messages: [],
  };
  call.world.conversations.set(id, conversation);
  for (const member of all) join(call, conversation, member);
  const users = all.slice(1).map((member) => member.user);
  return {
    conversation: id,
    seq: say(call, conversation, { change: { action: 'created', name, users } }, conversation.members.keys()).seq,
  };
};

const read = (call: Call, { conversation, seq }: Params<'conversation.read'>): Result<'conversation.read'> => {
  const user = me(call);
  const membership = user.memberships.get(conversation);
  if (membership === undefined) throw new DuologError('notFound');
  if (seq > membership.readSeq) {
    membership.readSeq = seq;
    call.append(user, { kind: 'read', conversation, seq });
    call.positions(conversation, { [user.user]: seq });
  }
  return { seq: membership.readSeq };
};

const revoke = (call: Call, device: string): void => {
  const user = me(call);
  if (!user.devices.some((known) => known.device === device)) throw new DuologError('notFound');
  user.devices = user.devices.filter((known) => known.device !== device);
  call.append(user, { kind: 'device', change: 'revoked', device });
  call.revoked(device);
};

export const COMMANDS: { readonly [M in CommandName]: (call: Call, params: Params<M>) => Result<M> } = {
  'account.signUp': ({ world }, { handle, password, name }) => {
    if (byHandle(world, handle) !== undefined) throw new DuologError('handleTaken');
    return { user: addUser(world, handle, password, name ?? handle).user };
  },
  'session.logIn': (call, { handle, password, deviceName }) => {
    const user = byHandle(call.world, handle);
    if (user === undefined || user.password !== password) throw new DuologError('badCredentials');
    const { device, token } = addDevice(user, deviceName, call.now);
    call.append(user, { kind: 'device', change: 'added', device, name: deviceName });
    return { user: user.user, device, token };
  },
  'session.logOut': (call) => {
    revoke(call, call.device ?? '');
    return {};
  },
  'handle.claim': (call, { handle }) => {
    const user = me(call);
    const holder = byHandle(call.world, handle);
    if (holder !== undefined && holder !== user) throw new DuologError('handleTaken');
    user.handle = handle;
    call.append(user, { kind: 'profile', handle, name: user.name });
    return {};
  },
  'device.revoke': (call, { device }) => {
    revoke(call, device);
    return {};
  },
  'direct.create': (call, { user }) => createDirect(call, user),
  'group.create': createGroup,
  'group.add': (call, { conversation: id, users }) => {
    const conversation = group(call, id);
    const joining = [...new Set(users)]
      .filter((user) => !conversation.members.has(user))
      .map((user) => userById(call, user));
    if (joining.length === 0) return { seq: 0 };
    for (const user of joining) join(call, conversation, user);
    return {
      seq: say(
        call,
        conversation,
        { change: { action: 'added', users: joining.map(({ user }) => user) } },
        conversation.members.keys(),
      ).seq,
    };
  },
  'group.remove': (call, { conversation: id, user }) => {
    const conversation = asOwner(call, id);
    return { seq: conversation.members.has(user) ? depart(call, conversation, userById(call, user), 'removed') : 0 };
  },
  'group.leave': (call, { conversation }) => ({ seq: depart(call, group(call, conversation), me(call), 'left') }),
  'group.rename': (call, { conversation: id, name }) => {
    const conversation = asOwner(call, id);
    conversation.name = name;
    return { seq: say(call, conversation, { change: { action: 'renamed', name } }, conversation.members.keys()).seq };
  },
  'message.send': (call, { conversation: id, text }) => {
    const conversation = joined(call, id);
    const { seq, at } = say(call, conversation, { text }, conversation.members.keys());
    return { seq, at };
  },
  'conversation.read': read,
};
