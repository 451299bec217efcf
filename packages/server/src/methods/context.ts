/** What methods may use of the edge. Composed once per node (boot.ts). */
import type { ConversationId, Limits, UserId } from '@duolog/protocol';
import type { Account, Holder, Positions, Roster } from '../core/rows.ts';
import type { Clock } from '../ports/clock.ts';
import type { Passwords } from '../ports/passwords.ts';
import type { Tokens } from '../ports/tokens.ts';
import type { Rates } from './rates.ts';

/** An account with the user it belongs to. */
export interface KnownAccount extends Account {
  readonly user: UserId;
}

/** Seqs that one may read: both ends included; `to` is at most the newest seq. */
export interface Reach {
  readonly from: number;
  readonly to: number;
}

/** A conversation as one user may see it. */
export interface SeenConversation {
  readonly roster: Roster;
  readonly state: 'joined' | 'left';
  /** What one may read, oldest first; the last one is of the present membership if there is one. */
  readonly reaches: readonly Reach[];
}

/** One page of a user's log. `gone`: the entry after the cursor is not kept any more. */
export type EntryPage =
  | { readonly state: 'run'; readonly head: number; readonly entries: readonly string[]; readonly more: boolean }
  | { readonly state: 'gone'; readonly head: number };

/**
 * Reads over the Store (data/queries.ts). JSON texts are as they travel. Account and holder may be 5 s old (COM6), but
 * one that was never seen is looked up anew; everything else is as new as the store.
 */
export interface Queries {
  account(user: UserId): Promise<KnownAccount | undefined>;
  /** In the order asked for. */
  accounts(users: readonly UserId[]): Promise<readonly (KnownAccount | undefined)[]>;
  holder(handle: string): Promise<Holder | undefined>;
  /** Undefined for those who never were members. */
  seen(conversation: ConversationId, user: UserId): Promise<SeenConversation | undefined>;
  /** Messages within the reaches, in order of seq: the newest, or those next to `before` or `after`. */
  messages(
    conversation: ConversationId,
    reaches: readonly Reach[],
    page: { readonly before?: number; readonly after?: number; readonly limit: number },
  ): Promise<{ readonly messages: readonly string[]; readonly more: boolean }>;
  /** One message with its whole text. */
  message(conversation: ConversationId, seq: number): Promise<string | undefined>;
  positions(conversation: ConversationId): Promise<Positions>;
  /** The user's view of a conversation, as in `conversation.get`. */
  conversation(user: UserId, conversation: ConversationId): Promise<string | undefined>;
  conversations(user: UserId, after: ConversationId | undefined, limit: number): Promise<{ readonly conversations: readonly string[]; readonly more: boolean }>;
  /** Entries after the cursor: a contiguous run, shorter than `limit` when it grows too long in bytes. */
  entries(user: UserId, cursor: number, limit: number): Promise<EntryPage>;
}

/** Which chat servers a client may connect to (the api role's discovery). Best first. */
export interface ChatServers {
  find(): readonly string[];
}

export interface Context {
  readonly queries: Queries;
  readonly clock: Clock;
  /** Of the store; new after a restore. */
  readonly epoch: string;
  readonly passwords: Passwords;
  readonly tokens: Tokens;
  readonly servers: ChatServers;
  readonly rates: Rates;
  /** As told in `welcome`. */
  readonly limits: Limits;
}
