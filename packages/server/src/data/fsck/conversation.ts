/** Checks of one conversation: its log, its members, its outboxes. */
import type { ConversationId, Message, UserId } from '@duolog/protocol';
import {
  FORMER_ROWS,
  KEYS,
  OUTBOX_ROWS,
  conversationKey,
  decodeMessage,
  decodeOrigin,
  inConversationKey,
  isMessage,
  longTextRow,
  userKey,
} from '../../core/rows.ts';
import type { FormerMember, InConversation, LogState, Positions, Roster } from '../../core/rows.ts';
import type { Store } from '../../ports/store.ts';
import type { Findings } from './report.ts';
import type { Numbered } from './rows.ts';
import { conversationOutboxes } from './outboxes.ts';
import type { ConversationOutboxes } from './outboxes.ts';
import { decoded, parsed, rowsOf, valuesOf, walkLog } from './rows.ts';

/** The rows of a conversation beside its log. */
interface Own {
  roster: Roster | undefined;
  bucket: number;
  positions: Positions;
  readonly former: Map<UserId, readonly FormerMember[]>;
  readonly outboxes: ConversationOutboxes;
}

const readOwn = async (store: Store, found: Findings, entity: string): Promise<Own> => {
  const outboxes = conversationOutboxes(found, entity);
  const own: Own = { roster: undefined, bucket: 0, positions: {}, former: new Map(), outboxes };
  for await (const { key, value } of rowsOf(store, entity)) {
    if (key.startsWith(OUTBOX_ROWS)) outboxes.row(key, value);
    else if (key.startsWith(FORMER_ROWS)) {
      const former = decoded<readonly FormerMember[]>(found, entity, key, value);
      if (former !== undefined) own.former.set(key.slice(FORMER_ROWS.length), former);
    } else if (key === KEYS.roster) own.roster = decoded<Roster>(found, entity, key, value);
    else if (key === KEYS.log) own.bucket = decoded<LogState>(found, entity, key, value)?.bucket ?? 0;
    else if (key === KEYS.positions) own.positions = decoded<Positions>(found, entity, key, value) ?? {};
    else found.fault(entity, `nobody knows a row "${key}"`);
  }
  return own;
};

const checkBody = (
  found: Findings,
  conversation: ConversationId,
  seq: number,
  value: string,
): Partial<Message> | undefined => {
  const entity = conversationKey(conversation);
  const message: Partial<Message> | undefined = isMessage(value) ? parsed(decodeMessage(value)) : undefined;
  if (message === undefined) {
    found.fault(entity, `the row "number ${seq}" cannot be read`);
    return undefined;
  }
  const textFits = message.kind !== 'text' || typeof message.text === 'string';
  if (message.conversation !== conversation || message.seq !== seq || typeof message.sender !== 'string' || !textFits) {
    found.fault(entity, `number ${seq} is not the message that belongs there`);
  }
  return message;
};

/** Whole texts of the long messages among these. */
const checkLongTexts = async (
  store: Store,
  found: Findings,
  conversation: ConversationId,
  long: readonly { seq: number; length: number }[],
): Promise<void> => {
  if (long.length === 0) return;
  const texts = await valuesOf(
    store,
    long.map(({ seq }) => longTextRow(conversation, seq)),
  );
  for (const [i, { seq, length }] of long.entries()) {
    const text = texts[i]?.slice(1);
    if (text === undefined) {
      found.fault(conversationKey(conversation), `the whole text of number ${seq} is missing`);
      continue;
    }
    found.count('longTexts');
    found.logRows += 1;
    if ([...text].length !== length)
      found.fault(
        conversationKey(conversation),
        `the whole text of number ${seq} has not the ${length} characters it should have`,
      );
  }
};

/** One page of the log. Returns its last number. */
const checkMessages = async (
  store: Store,
  found: Findings,
  conversation: ConversationId,
  page: readonly Numbered[],
  own: Own,
): Promise<number> => {
  const long: { seq: number; length: number }[] = [];
  for (const { n: seq, value } of page) {
    const message = checkBody(found, conversation, seq, value);
    if (message?.length !== undefined) long.push({ seq, length: message.length });
    if (message?.sender !== undefined) own.outboxes.message(seq, message.sender, decodeOrigin(value));
  }
  found.count('messages', page.length);
  await checkLongTexts(store, found, conversation, long);
  return page.at(-1)?.n ?? 0;
};

/** Members' own rows say the same as the roster (both are of one batch in one process). */
const checkMembers = async (
  store: Store,
  found: Findings,
  conversation: ConversationId,
  roster: Roster,
  head: number,
): Promise<void> => {
  const entity = conversationKey(conversation);
  const rows = await valuesOf(
    store,
    roster.members.map(({ user }) => ({ partition: userKey(user), key: inConversationKey(conversation) })),
  );
  for (const [i, { user, joinSeq }] of roster.members.entries()) {
    if (joinSeq > head) found.fault(entity, `${user} joined after number ${joinSeq}, but the log ends with ${head}`);
    const value = rows[i];
    const row =
      value === undefined
        ? undefined
        : decoded<InConversation>(found, userKey(user), inConversationKey(conversation), value);
    if (row === undefined) found.fault(entity, `the member ${user} has no row of it`);
    else if (row.state !== 'joined' || row.joinSeq !== joinSeq)
      found.fault(
        entity,
        `the row of the member ${user} says ${row.state} at ${row.joinSeq}, not joined at ${joinSeq}`,
      );
  }
};

const checkFormer = (found: Findings, entity: string, own: Own, head: number): void => {
  for (const [user, intervals] of own.former) {
    let before = 0;
    for (const { visibleFrom, leaveSeq } of intervals) {
      if (visibleFrom > leaveSeq || leaveSeq <= before || leaveSeq > head)
        found.fault(entity, `${user} was a member from ${visibleFrom} to ${leaveSeq}, which cannot be`);
      before = leaveSeq;
    }
  }
};

/** Checks a conversation and everything of it. */
export const checkConversation = async (store: Store, found: Findings, conversation: ConversationId): Promise<void> => {
  const entity = conversationKey(conversation);
  const own = await readOwn(store, found, entity);
  let head = 0;
  for await (const page of walkLog(store, found, entity, 0, own.bucket))
    head = Math.max(head, await checkMessages(store, found, conversation, page, own));
  own.outboxes.end();
  for (const [user, seq] of Object.entries(own.positions))
    if (seq > head) found.fault(entity, `${user} has read up to ${seq}, but the log ends with ${head}`);
  checkFormer(found, entity, own, head);
  if (own.roster !== undefined) await checkMembers(store, found, conversation, own.roster, head);
  else if (head > 0) found.fault(entity, `there are ${head} messages, but no roster`);
};
