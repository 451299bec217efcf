/**
 * What gateways and the api read. Answers that only travel on are JSON text: a method's result, made of stored texts
 * without taking them apart. Refusals are `notFound`; damage tells `alarm` and is `internal`; a store that cannot answer
 * now is `unavailable`.
 */
import type { ConversationId, DeviceId, UserId } from '@duolog/protocol';
import { userKey } from '../core/rows.ts';
import type { Store } from '../ports/store.ts';
import { isHandleHeld, readAccount, readAccountByHandle, readAccounts } from './accounts.ts';
import type { OwnedAccount } from './accounts.ts';
import { readConversation, readConversations } from './conversation-list.ts';
import { readHistory, readLastReadable, readMessage } from './history.ts';
import type { HistoryPage, QueryPlant } from './history.ts';
import { readLogHead } from './log-head.ts';
import { alarmed } from './log-run.ts';
import { readSync } from './sync.ts';
import type { Cursor, SyncPage } from './sync.ts';

export interface Queries {
  readonly epoch: string;
  /** Head of a user's log. */
  userHead(user: UserId): Promise<number>;
  /** At most `limit` (at most 1,000) entries after the cursor, or `reset` (SYN3); `syncResult` makes the answer of it. */
  sync(user: UserId, cursor: Cursor, limit: number): Promise<SyncPage>;
  /** Result of `message.list`. */
  history(user: UserId, conversation: ConversationId, page: HistoryPage): Promise<string>;
  /** Result of `message.get`. */
  message(user: UserId, conversation: ConversationId, seq: number): Promise<string>;
  /** Result of `conversation.list`. */
  conversations(user: UserId, after: ConversationId | undefined, limit: number): Promise<string>;
  /** Result of `conversation.get`. */
  conversation(user: UserId, conversation: ConversationId): Promise<string>;
  account(user: UserId): Promise<OwnedAccount | undefined>;
  accountByHandle(handle: string): Promise<OwnedAccount | undefined>;
  /** Those of the users who exist, in the order asked for. At most 1,000. */
  accounts(users: readonly UserId[]): Promise<readonly OwnedAccount[]>;
  /** Whether somebody holds the handle; one who has just claimed it may not bear it yet. */
  isHeld(handle: string): Promise<boolean>;
  /** The newest seq the user may read; 0 for who never was a member. */
  lastReadable(user: UserId, conversation: ConversationId): Promise<number>;
  /** Whether the device is signed in. */
  hasDevice(user: UserId, device: DeviceId): Promise<boolean>;
}

export const createQueries = (options: {
  readonly store: Store;
  readonly epoch: string;
  /** The store is damaged: an operator must know. */
  readonly alarm: (message: string) => void;
  /** Faults planted to prove the simulation; none anywhere else. */
  readonly plants?: ReadonlySet<QueryPlant>;
}): Queries => {
  const { store, epoch, plants = new Set() } = options;
  const damaged = alarmed(options.alarm);
  return {
    epoch,
    userHead: async (user) => (await readLogHead(store, userKey(user))).head,
    sync: (user, cursor, limit) => readSync(store, epoch, user, cursor, limit, damaged),
    history: (user, conversation, page) => readHistory(store, user, conversation, page, damaged, plants),
    message: (user, conversation, seq) => readMessage(store, user, conversation, seq, damaged),
    conversations: (user, after, limit) => readConversations(store, user, after, limit, damaged),
    conversation: (user, conversation) => readConversation(store, user, conversation, damaged),
    account: (user) => readAccount(store, user),
    accountByHandle: (handle) => readAccountByHandle(store, handle),
    accounts: (users) => readAccounts(store, users),
    isHeld: (handle) => isHandleHeld(store, handle),
    lastReadable: (user, conversation) => readLastReadable(store, user, conversation),
    hasDevice: async (user, device) =>
      (await readAccount(store, user))?.devices.some((known) => known.device === device) ?? false,
  };
};
