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
import type { Store } from '../../ports/store.ts';
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

/** Where the walk through a user's log has got to. */
interface Walked {
  readonly reached: Reached;
  next: number | undefined;
}

/** Entries that point, in order, to numbers of one conversation that are not there. */
interface Dangling {
  readonly conversation: ConversationId;
  readonly firstEntry: number;
  lastEntry: number;
  readonly firstSeq: number;
  lastSeq: number;
}

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

interface Pointer {
  readonly n: number;
  readonly conversation: ConversationId;
  readonly seq: number;
}

/** Tells of pointers to messages that are not there, a run of them in one line. */
const checkPointers = async (
  store: Store,
  found: Findings,
  entity: string,
  pointers: readonly Pointer[],
): Promise<void> => {
  const messages = await valuesOf(
    store,
    pointers.map(({ conversation, seq }) => logRow(conversationKey(conversation), seq)),
  );
  const runs: Dangling[] = [];
  const newest = new Map<ConversationId, Dangling>();
  for (const [i, { n, conversation, seq }] of pointers.entries()) {
    if (messages[i] !== undefined) continue;
    const run = newest.get(conversation);
    if (run !== undefined && seq === run.lastSeq + 1) [run.lastEntry, run.lastSeq] = [n, seq];
    else {
      const begun = { conversation, firstEntry: n, lastEntry: n, firstSeq: seq, lastSeq: seq };
      newest.set(conversation, begun);
      runs.push(begun);
    }
  }
  for (const { conversation, firstEntry, lastEntry, firstSeq, lastSeq } of runs)
    found.fault(
      entity,
      firstSeq === lastSeq
        ? `entry ${firstEntry} points to number ${firstSeq} of ${conversation}, which is not there`
        : `${lastSeq - firstSeq + 1} entries from ${firstEntry} to ${lastEntry} point to numbers ${firstSeq} to ${lastSeq} of ${conversation}, which are not there`,
    );
};

const checkEntries = async (
  store: Store,
  found: Findings,
  entity: string,
  page: readonly Numbered[],
  walked: Walked,
): Promise<void> => {
  const pointed: Pointer[] = [];
  const { reached } = walked;
  for (const numbered of page) {
    // Where entries are missing nobody knows what they were; that they are was told.
    if (walked.next !== undefined && numbered.n !== walked.next) reached.clear();
    walked.next = numbered.n + 1;
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
    pointed.push({ n: numbered.n, conversation, seq });
  }
  found.count('entries', page.length);
  await checkPointers(store, found, entity, pointed);
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
  const walked: Walked = { reached: new Map(), next: undefined };
  const entriesBefore = found.counted('entries');
  const oldest = log.begun?.[0]?.[0] ?? 0;
  for await (const page of walkLog(store, found, entity, oldest, log.bucket))
    await checkEntries(store, found, entity, page, walked);
  await checkReached(store, found, user, walked.reached);
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
