/** Checks of one user, and of names. */
import type { ConversationId, UserId } from '@duolog/protocol';
import {
  CONVERSATION_ROWS,
  KEYS,
  OUTBOX_ROWS,
  conversationKey,
  decodeEntry,
  logRow,
  nameKey,
  userKey,
} from '../../core/rows.ts';
import type { Account, EntryRow, Holder, InConversation, LogState } from '../../core/rows.ts';
import type { RowRef, Store } from '../../ports/store.ts';
import { accessOf, accessRows } from '../access.ts';
import { readLogHead } from '../log-head.ts';
import type { Findings } from './report.ts';
import type { Numbered } from './rows.ts';
import { checkOutbox } from './outboxes.ts';
import { decoded, rowsOf, valuesOf, walkLog } from './rows.ts';

interface Own {
  account: Account | undefined;
  log: LogState;
}

const PAGE = 400;

/** The user's rows of conversations agree with what those say. */
const checkConversations = async (
  store: Store,
  found: Findings,
  user: UserId,
  rows: readonly (readonly [ConversationId, InConversation])[],
): Promise<void> => {
  const entity = userKey(user);
  const values = await valuesOf(
    store,
    rows.flatMap(([conversation]) => accessRows(conversation, user)),
  );
  for (const [i, [conversation, row]] of rows.entries()) {
    const access = accessOf(user, values[2 * i], values[2 * i + 1]);
    if (access === undefined)
      found.fault(entity, `there is a row of ${conversation}, whose roster does not know the user`);
    else if (access.state !== row.state || access.leaveSeq !== row.leaveSeq)
      found.fault(entity, `the row of ${conversation} says ${row.state}, its roster says ${access.state}`);
  }
};

const readOwn = async (store: Store, found: Findings, user: UserId): Promise<Own> => {
  const entity = userKey(user);
  const own: Own = { account: undefined, log: { bucket: 0 } };
  let conversations: (readonly [ConversationId, InConversation])[] = [];
  for await (const { key, value } of rowsOf(store, entity)) {
    if (key.startsWith(OUTBOX_ROWS)) checkOutbox(found, entity, key, value);
    else if (key.startsWith(CONVERSATION_ROWS)) {
      const row = decoded<InConversation>(found, entity, key, value);
      if (row !== undefined) conversations.push([key.slice(CONVERSATION_ROWS.length), row]);
      if (conversations.length < PAGE) continue;
      await checkConversations(store, found, user, conversations);
      conversations = [];
    } else if (key === KEYS.account) own.account = decoded<Account>(found, entity, key, value);
    else if (key === KEYS.log) own.log = decoded<LogState>(found, entity, key, value) ?? own.log;
    else found.fault(entity, `nobody knows a row "${key}"`);
  }
  await checkConversations(store, found, user, conversations);
  return own;
};

/** Where the messages of each conversation have got to in a user's log. */
type Reached = Map<ConversationId, number>;

const entryOf = (found: Findings, entity: string, { n, value }: Numbered): EntryRow | undefined => {
  try {
    return decodeEntry(value);
  } catch (cause) {
    found.fault(entity, `entry ${n} cannot be read (${cause instanceof Error ? cause.message : String(cause)})`);
    return undefined;
  }
};

/** A membership that begins says which message comes next (SYN12). */
const noteMembership = (found: Findings, entity: string, n: number, fields: string, reached: Reached): void => {
  const entry = decoded<{ kind?: string; state?: string; conversation?: string; joinSeq?: number }>(
    found,
    entity,
    `entry ${n}`,
    `1{${fields}}`,
  );
  if (entry?.kind !== 'membership' || entry.conversation === undefined || entry.joinSeq === undefined) return;
  if (entry.state === 'joined') reached.set(entry.conversation, entry.joinSeq);
  else reached.delete(entry.conversation);
};

const checkEntries = async (
  store: Store,
  found: Findings,
  entity: string,
  page: readonly Numbered[],
  reached: Reached,
): Promise<void> => {
  const pointed: (RowRef & { readonly n: number; readonly what: string })[] = [];
  for (const numbered of page) {
    const row = entryOf(found, entity, numbered);
    if (row === undefined) continue;
    if (row.kind === 'fields') {
      noteMembership(found, entity, numbered.n, row.fields, reached);
      continue;
    }
    const { conversation, seq } = row;
    const before = reached.get(conversation);
    if (before !== undefined && seq !== before + 1)
      found.fault(entity, `entry ${numbered.n} points to number ${seq} of ${conversation} after ${before}`);
    reached.set(conversation, seq);
    pointed.push({
      n: numbered.n,
      what: `number ${seq} of ${conversation}`,
      ...logRow(conversationKey(conversation), seq),
    });
  }
  found.count('entries', page.length);
  const messages = await valuesOf(store, pointed);
  for (const [i, { n, what }] of pointed.entries())
    if (messages[i] === undefined) found.fault(entity, `entry ${n} points to ${what}, which is not there`);
};

/** A member's entries go on to the end of the conversation (both are of one batch in one process). */
const checkReached = async (store: Store, found: Findings, user: UserId, reached: Reached): Promise<void> => {
  for (const [conversation, seq] of reached) {
    const { head } = await readLogHead(store, conversationKey(conversation));
    const [roster, former] = await store.getMany(accessRows(conversation, user));
    const joined = accessOf(user, roster, former)?.state === 'joined';
    if (joined && seq !== head)
      found.fault(userKey(user), `entries go to number ${seq} of ${conversation}, which ends with ${head}`);
  }
};

/** Checks a user and everything of theirs. */
export const checkUser = async (store: Store, found: Findings, user: UserId): Promise<void> => {
  const entity = userKey(user);
  const { account, log } = await readOwn(store, found, user);
  const reached: Reached = new Map();
  const entriesBefore = found.counted('entries');
  const oldest = log.begun?.[0]?.[0] ?? 0;
  for await (const page of walkLog(store, found, entity, oldest, log.bucket))
    await checkEntries(store, found, entity, page, reached);
  await checkReached(store, found, user, reached);
  if (account === undefined) {
    if (found.counted('entries') > entriesBefore) found.fault(entity, 'there are entries, but no account');
    return;
  }
  const value = await store.get(nameKey(account.handle), KEYS.holder);
  const holder = value === undefined ? undefined : decoded<Holder>(found, nameKey(account.handle), KEYS.holder, value);
  if (holder?.user !== user) found.fault(entity, `the handle ${account.handle} is not held by the user`);
  if (new Set(account.devices.map(({ device }) => device)).size !== account.devices.length)
    found.fault(entity, 'a device is there twice');
};

/** Checks a name: whoever holds it bears it. */
export const checkName = async (store: Store, found: Findings, handle: string): Promise<void> => {
  const entity = nameKey(handle);
  for await (const { key, value } of rowsOf(store, entity)) {
    if (key.startsWith(OUTBOX_ROWS)) checkOutbox(found, entity, key, value);
    else if (key !== KEYS.holder) found.fault(entity, `nobody knows a row "${key}"`);
    else {
      const holder = decoded<Holder>(found, entity, key, value);
      if (holder?.user === undefined || !holder.confirmed) continue;
      const account = await store.get(userKey(holder.user), KEYS.account);
      const held =
        account === undefined ? undefined : decoded<Account>(found, userKey(holder.user), KEYS.account, account);
      if (held?.handle !== handle) found.fault(entity, `its holder ${holder.user} does not bear it`);
    }
  }
};
