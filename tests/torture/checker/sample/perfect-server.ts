/** A server that does everything right, in memory: what the good histories of the checker's tests come from. */
import { changeHash } from '../../hash.ts';
import type { Change, CommandMethod, Item, Row } from '../../history.ts';

export interface Request {
  readonly command: string;
  readonly method: CommandMethod;
  readonly user: string;
  readonly outbox: string;
  readonly n: number;
  readonly entity: string;
  readonly conversation: string;
  readonly hash?: string;
  readonly people?: readonly string[];
  readonly targetSeq?: number;
}

export type Answer =
  | { readonly ok: true; readonly seq: number; readonly revision?: number }
  | { readonly ok: false; readonly code: string; readonly expected?: number };

interface SampleEntry {
  readonly kind: string;
  readonly conversation: string;
  readonly seq: number;
  readonly hash?: string;
  readonly sender?: string;
  readonly revision?: number;
}

interface Conversation {
  readonly items: Item[];
  readonly rows: Map<string, { n: number; content: string; answer: Answer }[]>;
}

interface User {
  readonly entries: SampleEntry[];
  readonly conversations: Map<
    string,
    { joinSeq: number; visibleFrom: number; leaveSeq: number | undefined; readSeq: number }
  >;
  readonly rows: Conversation['rows'];
}

export interface State {
  readonly conversations: Map<string, Conversation>;
  readonly users: Map<string, User>;
}

export const newState = (): State => ({ conversations: new Map(), users: new Map() });

export const userOf = (state: State, id: string): User => {
  let user = state.users.get(id);
  if (user === undefined) state.users.set(id, (user = { entries: [], conversations: new Map(), rows: new Map() }));
  return user;
};

export const isMember = (state: State, conversation: string, user: string): boolean => {
  const row = userOf(state, user).conversations.get(conversation);
  return row !== undefined && row.leaveSeq === undefined;
};

const membersOf = (state: State, conversation: string): readonly string[] =>
  [...state.users.keys()].filter((user) => isMember(state, conversation, user));

const conversationOf = (state: State, id: string): Conversation => {
  let conversation = state.conversations.get(id);
  if (conversation === undefined) state.conversations.set(id, (conversation = { items: [], rows: new Map() }));
  return conversation;
};

/** The newest seq a user may read. */
export const lastReadable = (state: State, conversation: string, user: string): number => {
  const items = state.conversations.get(conversation)?.items.length ?? 0;
  return Math.min(items, userOf(state, user).conversations.get(conversation)?.leaveSeq ?? items);
};

/** What a user may read of a conversation. */
export const readable = (state: State, conversation: string, user: string): readonly Item[] => {
  const row = userOf(state, user).conversations.get(conversation);
  const last = lastReadable(state, conversation, user);
  return (state.conversations.get(conversation)?.items ?? []).filter(
    (item) => row !== undefined && item.seq >= row.visibleFrom && item.seq <= last,
  );
};

export const rowsOf = (state: State, user: string): readonly Row[] =>
  [...userOf(state, user).conversations].map(([conversation, { leaveSeq, ...row }]) => {
    const lastSeq = lastReadable(state, conversation, user);
    const unread = Math.max(0, lastSeq - Math.max(row.readSeq, row.joinSeq));
    return { conversation, ...row, ...(leaveSeq === undefined ? {} : { leaveSeq }), lastSeq, unread };
  });

const append = (state: State, id: string, sender: string, hash: string, change?: Change): number => {
  const { items } = conversationOf(state, id);
  const seq = items.length + 1;
  const item = { seq, hash, sender, ...(change === undefined ? {} : { change }) };
  items.push(item);
  for (const member of membersOf(state, id))
    userOf(state, member).entries.push({ kind: 'message', conversation: id, ...item });
  return seq;
};

const join = (state: State, conversation: string, user: string, joinSeq: number): void => {
  const known = userOf(state, user).conversations.get(conversation);
  userOf(state, user).conversations.set(conversation, {
    joinSeq,
    visibleFrom: joinSeq + 1,
    leaveSeq: undefined,
    readSeq: known?.readSeq ?? 0,
  });
  userOf(state, user).entries.push({ kind: 'membership', conversation, seq: joinSeq });
};

const part = (state: State, conversation: string, user: string, leaveSeq: number): void => {
  const row = userOf(state, user).conversations.get(conversation);
  if (row !== undefined) row.leaveSeq = leaveSeq;
};

const change = (
  state: State,
  { conversation, user, people = [] }: Request,
  action: 'added' | 'removed' | 'left',
): Answer => {
  const joined = people.filter((person) => (action === 'added') !== isMember(state, conversation, person));
  if (action !== 'left' && joined.length === 0) return { ok: true, seq: 0 };
  const next = conversationOf(state, conversation).items.length + 1;
  if (action === 'added') for (const person of joined) join(state, conversation, person, next - 1);
  const users = action === 'left' ? [user] : joined;
  const seq = append(state, conversation, user, changeHash(action, users), { action, users });
  for (const person of action === 'left' ? [user] : action === 'removed' ? joined : [])
    part(state, conversation, person, seq);
  return { ok: true, seq };
};

const edit = (state: State, { conversation, targetSeq = 0, hash = '', method }: Request): Answer => {
  const { items } = conversationOf(state, conversation);
  const item = items[targetSeq - 1];
  if (item === undefined) return { ok: false, code: 'notFound' };
  const revision = (item.revision ?? 0) + 1;
  const { hash: _old, ...rest } = item;
  const text = method === 'edit' ? { hash } : {};
  items[targetSeq - 1] = { ...rest, ...text, revision };
  for (const member of membersOf(state, conversation)) {
    if (!readable(state, conversation, member).some(({ seq }) => seq === targetSeq)) continue;
    userOf(state, member).entries.push({ kind: method, conversation, seq: targetSeq, ...text, revision });
  }
  return { ok: true, seq: targetSeq, revision };
};

const carryOut = (state: State, request: Request): Answer => {
  const { method, conversation, user, people = [], hash = '', targetSeq = 0 } = request;
  if (method === 'create') {
    for (const member of [user, ...people])
      if (!isMember(state, conversation, member)) join(state, conversation, member, 0);
    if (conversation.startsWith('d')) return { ok: true, seq: 0 };
    return { ok: true, seq: append(state, conversation, user, hash, { action: 'created', users: people }) };
  }
  if (!isMember(state, conversation, user)) return { ok: false, code: 'notFound' };
  switch (method) {
    case 'send':
      return { ok: true, seq: append(state, conversation, user, hash) };
    case 'add':
      return change(state, request, 'added');
    case 'remove':
      return change(state, request, 'removed');
    case 'leave':
      return change(state, request, 'left');
    case 'edit':
    case 'recall':
      return edit(state, request);
    case 'read': {
      const row = userOf(state, user).conversations.get(conversation);
      if (row === undefined || row.readSeq >= targetSeq) return { ok: true, seq: row?.readSeq ?? 0 };
      row.readSeq = targetSeq;
      userOf(state, user).entries.push({ kind: 'read', conversation, seq: targetSeq });
      return { ok: true, seq: targetSeq };
    }
    default:
      return { ok: false, code: 'unknownMethod' };
  }
};

/** Carries a command out by the rules of an outbox: once and in order, however often it comes. */
export const execute = (state: State, request: Request): Answer => {
  const owner = request.method === 'read' ? userOf(state, request.user) : conversationOf(state, request.entity);
  const key = `${request.user} ${request.outbox}`;
  const row = owner.rows.get(key) ?? [];
  const last = row.at(-1)?.n ?? 0;
  const known = row.find(({ n }) => n === request.n);
  const content = `${request.method} ${request.hash ?? request.targetSeq ?? request.people?.join(' ') ?? ''}`;
  if (known !== undefined) return known.content === content ? known.answer : { ok: false, code: 'conflict' };
  if (request.n <= last) return { ok: false, code: 'stale' };
  if (request.n > last + 1) return { ok: false, code: 'gap', expected: last + 1 };
  const answer = carryOut(state, request);
  // A refusal is the answer of its number like any other.
  owner.rows.set(key, [...row, { n: request.n, content, answer }].slice(-8));
  return answer;
};
