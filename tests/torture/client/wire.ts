/**
 * The protocol as a torture client speaks it, written down anew: it shares no code with server or SDK, so a mistake in
 * the shared contract does not hide.
 */
import { changeHash, hashOf } from '../hash.ts';
import type { Change, Item, Row } from '../history.ts';

export interface WireMessage {
  readonly conversation: string;
  readonly seq: number;
  readonly kind: string;
  readonly sender: string;
  readonly text?: string;
  readonly length?: number;
  readonly change?: { readonly action: Change['action']; readonly users?: readonly string[]; readonly name?: string };
}

export interface WireEntry {
  readonly type: 'entry';
  readonly useq: number;
  readonly kind: string;
  readonly message?: WireMessage;
  readonly conversation?: string;
  readonly seq?: number;
  readonly outbox?: string;
  readonly n?: number;
  readonly state?: string;
  readonly joinSeq?: number;
  readonly visibleFrom?: number;
  readonly leaveSeq?: number;
  readonly name?: string;
}

export interface WireError {
  readonly code: string;
  readonly retry: string;
  readonly detail: string;
  readonly expected?: number;
  readonly retryAfterMs?: number;
}

/** What a call came to; `unknown`: the connection broke, or the time ran out, before an answer. */
export type Outcome =
  | { readonly kind: 'ok'; readonly result: Readonly<Record<string, unknown>> }
  | { readonly kind: 'error'; readonly error: WireError }
  | { readonly kind: 'unknown' };

export interface Numbered {
  readonly outbox: string;
  readonly n: number;
}

export type Call = (method: string, params: object, numbered?: Numbered) => Promise<Outcome>;

/** Code points of a text that travel with a message; the rest is fetched with `message.get`. */
const previewLength = 4096;

/** The hash of a text, the same for a preview that says how long the whole is. */
export const textHash = (text: string, length?: number): string => {
  if (length !== undefined) return hashOf(`${length} ${text}`);
  if (text.length <= previewLength) return hashOf(text);
  const points = [...text];
  return points.length <= previewLength
    ? hashOf(text)
    : hashOf(`${points.length} ${points.slice(0, previewLength).join('')}`);
};

/** A message as histories name it. */
export const itemOf = (message: WireMessage): Item => {
  const { seq, sender, change } = message;
  if (change === undefined) return { seq, sender, hash: textHash(message.text ?? '', message.length) };
  const { action, users = [], name } = change;
  return { seq, sender, hash: changeHash(action, users, name), change: { action, users } };
};

export interface WireConversation {
  readonly conversation: string;
  readonly joinSeq: number;
  readonly visibleFrom: number;
  readonly leaveSeq?: number;
  readonly name?: string;
  readonly readSeq: number;
  readonly lastSeq: number;
}

/** Unread as a client shows it; a name only where it is fixed, after leaving. */
export const rowOf = ({
  conversation,
  joinSeq,
  visibleFrom,
  leaveSeq,
  name,
  readSeq,
  lastSeq,
}: WireConversation): Row => ({
  conversation,
  joinSeq,
  visibleFrom,
  ...(leaveSeq === undefined ? {} : { leaveSeq }),
  ...(leaveSeq === undefined || name === undefined ? {} : { name }),
  readSeq,
  lastSeq,
  unread: Math.max(0, lastSeq - Math.max(readSeq, joinSeq)),
});

/** Errors that end a command: its owner's answer to it. Everything else says nothing of what the owner did or will do. */
const settling = new Set(['forbidden', 'notFound', 'handleTaken', 'limitExceeded', 'conflict', 'stale']);
export const settles = (code: string): boolean => settling.has(code);

/** Numbers as they come in results. */
export const numberIn = (result: Readonly<Record<string, unknown>>, name: string): number | undefined => {
  const value = result[name];
  return typeof value === 'number' ? value : undefined;
};
