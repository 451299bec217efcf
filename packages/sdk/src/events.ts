import type { Message, Result, User } from '@duolog/protocol';
import type { LinkState } from './link.ts';
import type { ConversationView } from './records.ts';
import type { AnySending } from './sending.ts';

/** How the client stands to its server. */
export type ClientState =
  | Exclude<LinkState, { readonly status: 'open' }>
  /** Connected; what was missed is being fetched. */
  | { readonly status: 'syncing' }
  /** Connected, and up to date. */
  | { readonly status: 'live' };

/** Something a developer should know of; the client goes on by itself. */
export type Alarm =
  /** Messages did not come with the entries (SYN12); they were fetched, the server should not let that happen. */
  | { readonly kind: 'hole'; readonly conversation: string; readonly first: number; readonly last: number }
  /** An entry of a kind this version does not know (SYN10). */
  | { readonly kind: 'skipped'; readonly entryKind: string; readonly useq: number }
  /** The cache could not be written; it is tried again, and nothing is sent before it is stored. */
  | { readonly kind: 'storage'; readonly error: unknown }
  /** The server sent what it must not send. */
  | { readonly kind: 'protocol'; readonly detail: string };

/** What a client tells: name and value. */
export interface ClientEvents {
  state: ClientState;
  /** A message was applied: live or by sync, one's own too; in order within its conversation, save those of a hole, which come late. */
  message: Message;
  /** The whole text of a message is there now. */
  replaced: Message;
  /** A conversation is new or changed. `client.conversations` has the list. */
  conversation: ConversationView;
  /** The state of a command of this device changed. */
  sending: AnySending;
  /** Read positions of members of a watched conversation. */
  positions: { readonly conversation: string; readonly read: Result<'conversation.get'>['read'] };
  /** One's own handle or name changed. */
  account: User;
  /** A device of one's own was added or revoked. */
  devices: { readonly change: 'added' | 'revoked'; readonly device: string };
  /** The copy was made anew (SYN3): what was shown has to be shown anew. */
  reset: undefined;
  alarm: Alarm;
}
