/** What queries answer from the fake server's world. */
import { DuologError, LIMITS } from '@duolog/protocol';
import type { Entry, Params, QueryName, Result, User } from '@duolog/protocol';
import { me } from './fake-commands.ts';
import type { Call } from './fake-commands.ts';
import { preview, viewFor, visible } from './fake-world.ts';
import type { FakeConversation, FakeUser, Membership } from './fake-world.ts';

type Query = Exclude<QueryName, 'hello' | 'server.find' | 'watch'>;

const userOf = ({ user, handle, name }: FakeUser): User => ({ user, handle, name });

const seen = (call: Call, id: string): { readonly conversation: FakeConversation; readonly membership: Membership } => {
  const conversation = call.world.conversations.get(id);
  const membership = me(call).memberships.get(id);
  if (conversation === undefined || membership === undefined) throw new DuologError('notFound');
  return { conversation, membership };
};

const list = (
  call: Call,
  { conversation: id, before, after, limit = 50 }: Params<'message.list'>,
): Result<'message.list'> => {
  const { conversation, membership } = seen(call, id);
  const all = visible(conversation, membership);
  const inside = all.filter(
    ({ seq }) => (before === undefined || seq < before) && (after === undefined || seq > after),
  );
  const page = after === undefined ? inside.slice(-limit) : inside.slice(0, limit);
  const messages = page.map((message) => preview(message, LIMITS.previewLength));
  return { messages, lastSeq: all.at(-1)?.seq ?? 0, more: inside.length > page.length };
};

/** Entry number `useq` as it travels. */
export const entryAt = (user: FakeUser, useq: number): Entry | undefined => {
  const fields = user.entries[useq - 1];
  if (fields === undefined) return undefined;
  const entry: Entry = { type: 'entry', useq, ...fields };
  return entry.kind === 'message' ? { ...entry, message: preview(entry.message, LIMITS.previewLength) } : entry;
};

const sync = (call: Call, { epoch, cursor, limit = LIMITS.maxPage }: Params<'sync'>): Result<'sync'> => {
  const user = me(call);
  const head = user.entries.length;
  const lost = (epoch !== undefined && epoch !== call.world.epoch) || cursor > head || cursor < user.expired;
  if (lost) return { epoch: call.world.epoch, head, state: 'reset', entries: [], more: false };
  const entries: Entry[] = [];
  for (let useq = cursor + 1; useq <= Math.min(head, cursor + limit); useq++) {
    const entry = entryAt(user, useq);
    if (entry !== undefined) entries.push(entry);
  }
  return { epoch: call.world.epoch, head, state: 'run', entries, more: cursor + entries.length < head };
};

export const QUERIES: { readonly [M in Query]: (call: Call, params: Params<M>) => Result<M> } = {
  'account.get': (call) => ({ account: userOf(me(call)) }),
  'user.find': ({ world }, { handle }) => {
    const user = [...world.users.values()].find((candidate) => candidate.handle === handle);
    if (user === undefined) throw new DuologError('notFound');
    return { user: userOf(user) };
  },
  'user.get': ({ world }, { users }) => ({
    users: users
      .map((id) => world.users.get(id))
      .filter((user) => user !== undefined)
      .map(userOf),
  }),
  'device.list': (call) => ({
    devices: me(call).devices.map(({ device, name, addedAt }) => ({
      device,
      name,
      addedAt,
      current: device === call.device,
    })),
  }),
  'message.list': list,
  'message.get': (call, { conversation: id, seq }) => {
    const { conversation, membership } = seen(call, id);
    const message = visible(conversation, membership).find((candidate) => candidate.seq === seq);
    if (message === undefined) throw new DuologError('notFound');
    return { message };
  },
  'conversation.get': (call, { conversation: id }) => {
    const { conversation, membership } = seen(call, id);
    // Who left sees neither who is there now nor what they do.
    const present = membership.state === 'joined' ? [...conversation.members] : [];
    const users = present.map(([user, role]) => ({
      user,
      role,
      at: call.world.users.get(user)?.memberships.get(id),
    }));
    return {
      conversation: viewFor(conversation, membership, LIMITS.previewLength),
      members: users.map(({ user, role, at }) => ({ user, role, joinSeq: at?.joinSeq ?? 0 })),
      read: Object.fromEntries(users.map(({ user, at }) => [user, at?.readSeq ?? 0])),
    };
  },
  'conversation.list': (call, { after = '', limit = LIMITS.maxPage }) => {
    const rest = [...me(call).memberships.keys()].toSorted().filter((id) => id > after);
    const conversations = rest.slice(0, limit).map((id) => {
      const { conversation, membership } = seen(call, id);
      return viewFor(conversation, membership, LIMITS.previewLength);
    });
    return { conversations, more: rest.length > limit };
  },
  sync,
};
