/** What the cache holds, under which key. */
import type { CommandName, Conversation, WireError } from '@duolog/protocol';
import type { Ranges } from './ranges.ts';

const place = (n: number): string => String(n).padStart(16, '0');

export const KEYS = {
  /** That the cache has had all that was put into it since it was new. */
  format: 'format',
  /** The `Session` of `http.ts`. */
  session: 'session',
  /** Outbox of a log-in that was not answered yet, so that its repeat makes no second device. */
  logIn: 'log-in',
  /** {@link Place} */
  place: 'place',
  account: 'account',
  conversations: 'c/',
  conversation: (id: string): string => `c/${id}`,
  drafts: 'd/',
  draft: (id: string): string => `d/${id}`,
  allMessages: 'm/',
  messages: (id: string): string => `m/${id}/`,
  message: (id: string, seq: number): string => `m/${id}/${place(seq)}`,
  /** Id of this device's outbox. */
  outbox: 'outbox',
  queue: 'o/',
  queued: (order: number): string => `o/${place(order)}`,
  allMembers: 'p/',
  members: (id: string): string => `p/${id}`,
  user: (id: string): string => `u/${id}`,
  lanes: 'x/',
  lane: (entity: string): string => `x/${entity}`,
} as const;

/** What a reset makes anew. */
export const COPIED = [KEYS.conversations, KEYS.allMessages, KEYS.allMembers];

/** Where this device is in its user's log (SYN4). */
export interface Place {
  readonly user: string;
  readonly device: string;
  readonly epoch: string;
  readonly cursor: number;
}

/** A conversation with the number of unread messages: `lastSeq − max(readSeq, joinSeq)`. */
export interface ConversationView extends Conversation {
  readonly unread: number;
}

/** A conversation, what the server was told of the read position, and which messages are here. */
export interface Row {
  readonly view: ConversationView;
  readonly toldSeq: number;
  readonly ranges: Ranges;
}

/** A command in the outbox, until it is answered; a message until its entry has come or, failed, until a person decides. */
export interface Queued {
  /** Its place among all commands of this device. */
  readonly order: number;
  readonly entity: string;
  readonly outbox: string;
  readonly n: number;
  readonly method: CommandName;
  readonly params: object;
  /** When it was queued (ms since 1970, this device's clock). */
  readonly at: number;
  readonly result?: object;
  readonly error?: WireError;
}

/** The numbering of one entity (COM10): the outbox for new commands and the last number it used up. */
export interface LaneRecord {
  readonly outbox: string;
  readonly last: number;
}

export const viewOf = (conversation: Conversation & { readonly unread?: number }): ConversationView => {
  const { lastSeq, readSeq, joinSeq } = conversation;
  return { ...conversation, unread: Math.max(0, lastSeq - Math.max(readSeq, joinSeq)) };
};
