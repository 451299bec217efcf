/** Pages of history: from the cache where it has them, from the server where not. */
import type { Message } from '@duolog/protocol';
import type { Link } from './link.ts';
import type { Local } from './local.ts';
import { rangeAt } from './ranges.ts';
import { KEYS } from './records.ts';
import type { Replica } from './replica.ts';
import { throwIfAborted } from './waiting.ts';

export interface PageOptions {
  /** Messages at most, 1 to 200; 50 if left out. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

/** Which way from which seq, that one left out. */
export type Edge = { readonly before: number } | { readonly after: number };

export interface PageSources {
  readonly link: Link;
  readonly local: Local;
  readonly replica: Replica;
}

/** Messages from the cache alone: those that follow the edge without a hole. */
const cachedPage = async (
  { local, replica }: PageSources,
  conversation: string,
  edge: Edge,
  limit: number,
): Promise<readonly Message[]> => {
  const next = 'before' in edge ? edge.before - 1 : edge.after + 1;
  const range = rangeAt(replica.row(conversation)?.ranges ?? [], next);
  if (range === undefined) return [];
  const [first, last] =
    'before' in edge ? [Math.max(range[0], edge.before - limit), next] : [next, Math.min(range[1], edge.after + limit)];
  const rows = await local.list(KEYS.message(conversation, first), KEYS.message(conversation, last + 1));
  // A cache that lost rows is not believed.
  return rows.length === last - first + 1 ? rows.map(([, value]) => value as Message) : [];
};

/** A page of messages in order, next to `edge`. Rejects with `notFound` and whatever a query can reject with. */
export const loadPage = async (
  sources: PageSources,
  conversation: string,
  edge: Edge,
  options: PageOptions = {},
): Promise<readonly Message[]> => {
  const limit = options.limit ?? 50;
  const cached = await cachedPage(sources, conversation, edge, limit);
  throwIfAborted(options.signal);
  if (cached.length > 0) return cached;
  const { messages } = await sources.link.query('message.list', { conversation, ...edge, limit }, options.signal);
  sources.replica.fetched(conversation, messages);
  return messages;
};
