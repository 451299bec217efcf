/** Conversations as one of their members sees them. */
import type { ConversationId, UserId } from '@duolog/protocol';
import {
  CONVERSATION_ROWS,
  KEYS,
  conversationKey,
  decodeJson,
  decodeMessage,
  inConversationKey,
  logRow,
  userKey,
} from '../core/rows.ts';
import type { InConversation, Positions, Roster } from '../core/rows.ts';
import type { Store } from '../ports/store.ts';
import { accessOf, accessRows, lastReadable } from './access.ts';
import type { Access } from './access.ts';
import { openConversation } from './history.ts';
import { readLogHeads } from './log-head.ts';
import type { LogHead } from './log-head.ts';
import type { Damaged } from './log-run.ts';
import { countWithin } from './page.ts';

/** The object of a conversation as JSON text. For who left the group is called what it was called then (CON4). */
const conversationJson = (
  conversation: ConversationId,
  own: InConversation | undefined,
  access: Access,
  lastSeq: number,
  lastMessage: string | undefined,
): string => {
  const { state, kind, visibleFrom, leaveSeq } = access;
  const joinSeq = access.joinSeq ?? own?.joinSeq ?? visibleFrom - 1;
  const fields = {
    conversation,
    kind,
    name: state === 'joined' ? access.name : own?.name,
    state,
    joinSeq,
    visibleFrom,
    leaveSeq,
    readSeq: own?.readSeq ?? joinSeq,
    lastSeq,
  };
  const json = JSON.stringify(fields);
  return lastMessage === undefined ? json : `${json.slice(0, -1)},"lastMessage":${lastMessage}}`;
};

/** The message with the newest number one may read, by what was read of the end of the log. */
const lastMessages = async (
  store: Store,
  of: readonly { readonly conversation: ConversationId; readonly end: LogHead; readonly lastSeq: number }[],
  damaged: Damaged,
): Promise<readonly (string | undefined)[]> => {
  const missing = of.filter(({ end, lastSeq }) => lastSeq > 0 && (lastSeq !== end.head || end.last === undefined));
  const read =
    missing.length === 0
      ? []
      : await store.getMany(missing.map(({ conversation, lastSeq }) => logRow(conversationKey(conversation), lastSeq)));
  const values = new Map(missing.map(({ conversation }, i) => [conversation, read[i]]));
  return of.map(({ conversation, end, lastSeq }) => {
    if (lastSeq === 0) return undefined;
    const value = values.has(conversation) ? values.get(conversation) : end.last?.value;
    if (value === undefined) throw damaged(`number ${lastSeq} of ${conversation} is missing`);
    return decodeMessage(value);
  });
};

/** The result of `conversation.list`: a page in order of id, `after` being the last id of the page before. */
export const readConversations = async (
  store: Store,
  user: UserId,
  after: ConversationId | undefined,
  limit: number,
  damaged: Damaged,
): Promise<string> => {
  const from = after === undefined ? CONVERSATION_ROWS : inConversationKey(after);
  const rows = await store.range(userKey(user), { after: from, before: `${CONVERSATION_ROWS}~`, limit: limit + 1 });
  const page = rows.slice(0, limit).map(({ key, value }) => ({
    conversation: key.slice(CONVERSATION_ROWS.length),
    own: decodeJson<InConversation>(value),
  }));
  const ends = await readLogHeads(
    store,
    page.map(({ conversation }) => conversationKey(conversation)),
  );
  const known = await store.getMany(page.flatMap(({ conversation }) => accessRows(conversation, user)));
  const seen = page.flatMap(({ conversation, own }, i) => {
    const access = accessOf(user, known[2 * i], known[2 * i + 1]);
    const end = ends[i];
    // A user's row without a membership in the conversation: nothing of it is theirs to see.
    return access === undefined || end === undefined
      ? []
      : [{ conversation, own, access, end, lastSeq: lastReadable(access, end.head) }];
  });
  const messages = await lastMessages(store, seen, damaged);
  const items = seen.map(({ conversation, own, access, lastSeq }, i) =>
    conversationJson(conversation, own, access, lastSeq, messages[i]),
  );
  const count = countWithin(items);
  return `{"conversations":[${items.slice(0, count).join(',')}],"more":${rows.length > limit || count < items.length}}`;
};

/** The result of `conversation.get`: the conversation, its members and how far they have read. */
export const readConversation = async (
  store: Store,
  user: UserId,
  conversation: ConversationId,
  damaged: Damaged,
): Promise<string> => {
  const { head, access } = await openConversation(store, user, conversation);
  const [ownValue, positionsValue] = await store.getMany([
    { partition: userKey(user), key: inConversationKey(conversation) },
    { partition: conversationKey(conversation), key: KEYS.positions },
  ]);
  const own = ownValue === undefined ? undefined : decodeJson<InConversation>(ownValue);
  const lastSeq = lastReadable(access, head);
  const row = logRow(conversationKey(conversation), lastSeq);
  const last = lastSeq === 0 ? undefined : await store.get(row.partition, row.key);
  if (lastSeq > 0 && last === undefined) throw damaged(`number ${lastSeq} of ${conversation} is missing`);
  const json = conversationJson(
    conversation,
    own,
    access,
    lastSeq,
    last === undefined ? undefined : decodeMessage(last),
  );
  // Who left sees neither who is there now nor what they do.
  const present = access.state === 'joined' ? decodeJson<Roster>(access.rosterValue).members : [];
  const positions = positionsValue === undefined ? {} : decodeJson<Positions>(positionsValue);
  const members = present.map(({ user: id, role, joinSeq }) => ({ user: id, role, joinSeq }));
  const read = Object.fromEntries(present.map(({ user: id, joinSeq }) => [id, positions[id] ?? joinSeq]));
  return `{"conversation":${json},"members":${JSON.stringify(members)},"read":${JSON.stringify(read)}}`;
};
