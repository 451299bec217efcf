/** Pages of what was said, and single messages. */
import { DuologError } from '@duolog/protocol';
import type { ConversationId, UserId } from '@duolog/protocol';
import { nobody } from '../core/conversation-state.ts';
import { conversationKey, decodeMessage, logRow, longTextRow } from '../core/rows.ts';
import type { Store } from '../ports/store.ts';
import { accessOf, accessRows, lastReadable, spansUpTo } from './access.ts';
import type { Access, Span } from './access.ts';
import { readLogHead } from './log-head.ts';
import { readSpan } from './log-run.ts';
import type { Damaged } from './log-run.ts';
import { countWithin } from './page.ts';

/** Which messages: those before a seq, those after one (or between), or the newest. */
export interface HistoryPage {
  readonly before?: number | undefined;
  readonly after?: number | undefined;
  readonly limit: number;
}

/** A fault the simulation plants, to prove that it finds it. */
export type QueryPlant = 'access-before-head';

/** The head, then what one may read: in this order (see {@link accessOf}). */
const lookInto = async (
  store: Store,
  user: UserId,
  conversation: ConversationId,
): Promise<{ readonly head: number; readonly access: Access | undefined }> => {
  const { head } = await readLogHead(store, conversationKey(conversation));
  const [roster, former] = await store.getMany(accessRows(conversation, user));
  return { head, access: accessOf(user, roster, former) };
};

/** The same for those who are or were members; rejects with `notFound` for others. */
export const openConversation = async (
  store: Store,
  user: UserId,
  conversation: ConversationId,
): Promise<{ readonly head: number; readonly access: Access }> => {
  const { head, access } = await lookInto(store, user, conversation);
  if (access === undefined) throw new DuologError(nobody.code, nobody.detail);
  return { head, access };
};

/** The newest seq the user may read; 0 for who never was a member. */
export const readLastReadable = async (store: Store, user: UserId, conversation: ConversationId): Promise<number> => {
  const { head, access } = await lookInto(store, user, conversation);
  return access === undefined ? 0 : lastReadable(access, head);
};

/** The parts of the spans that make the page, ascending, and whether there is more in its direction. */
export const pageOf = (
  spans: readonly Span[],
  page: HistoryPage,
): { readonly parts: readonly Span[]; readonly more: boolean } => {
  const low = (page.after ?? 0) + 1;
  const high = (page.before ?? Infinity) - 1;
  const within = spans
    .map(({ from, to }) => ({ from: Math.max(from, low), to: Math.min(to, high) }))
    .filter(({ from, to }) => from <= to);
  const forward = page.after !== undefined;
  const parts: Span[] = [];
  let left = page.limit;
  for (const { from, to } of forward ? within : within.toReversed()) {
    if (left === 0) return { parts: forward ? parts : parts.toReversed(), more: true };
    const taken = Math.min(left, to - from + 1);
    parts.push(forward ? { from, to: from + taken - 1 } : { from: to - taken + 1, to });
    left -= taken;
    if (taken < to - from + 1) return { parts: forward ? parts : parts.toReversed(), more: true };
  }
  return { parts: forward ? parts : parts.toReversed(), more: false };
};

/** The result of `message.list`. Rejects with `notFound` for who never was a member. */
export const readHistory = async (
  store: Store,
  user: UserId,
  conversation: ConversationId,
  page: HistoryPage,
  damaged: Damaged,
  plants: ReadonlySet<QueryPlant>,
): Promise<string> => {
  const { head: headBefore, access } = await openConversation(store, user, conversation);
  const head = plants.has('access-before-head')
    ? (await readLogHead(store, conversationKey(conversation))).head
    : headBefore;
  const { parts, more } = pageOf(spansUpTo(access.spans, head), page);
  const entity = conversationKey(conversation);
  const read = await Promise.all(parts.map(({ from, to }) => readSpan(store, entity, from, to, damaged)));
  const messages = read.flat().map(decodeMessage);
  // A page that goes back keeps the newest.
  const forward = page.after !== undefined;
  const count = countWithin(forward ? messages : messages.toReversed());
  const kept = forward ? messages.slice(0, count) : messages.slice(messages.length - count);
  return `{"messages":[${kept.join(',')}],"lastSeq":${lastReadable(access, head)},"more":${more || count < messages.length}}`;
};

/** The result of `message.get`: one message with its whole text. */
export const readMessage = async (
  store: Store,
  user: UserId,
  conversation: ConversationId,
  seq: number,
  damaged: Damaged,
): Promise<string> => {
  const { head, access } = await openConversation(store, user, conversation);
  if (!spansUpTo(access.spans, head).some(({ from, to }) => seq >= from && seq <= to)) {
    throw new DuologError('notFound', 'There is no such message, or it is not for you to see.');
  }
  const row = logRow(conversationKey(conversation), seq);
  const value = await store.get(row.partition, row.key);
  if (value === undefined) throw damaged(`number ${seq} of ${conversation} is missing`);
  const body = decodeMessage(value);
  const { length, ...message } = JSON.parse(body) as { readonly length?: number };
  if (length === undefined) return `{"message":${body}}`;
  const whole = longTextRow(conversation, seq);
  const text = await store.get(whole.partition, whole.key);
  if (text === undefined) throw damaged(`the text of ${conversation} number ${seq} is missing`);
  return JSON.stringify({ message: { ...message, text: text.slice(1) } });
};
