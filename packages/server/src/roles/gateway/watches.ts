/** What connections look at: each pair of conversation and user is told to the conversation's owner once (COM8). */
import type { ConversationId, UserId, WireError } from '@duolog/protocol';
import { partitionOf } from '../../core/hash.ts';
import { conversationKey } from '../../core/rows.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Edge } from '../../pump/edge.ts';
import type { Failure, Outcome } from '../../pump/messages.ts';
import { wireError } from '../dispatch.ts';
import type { Connection } from './connection.ts';

export interface Watches {
  /** The connection watches these from now on, and nothing else. Answered when all owners have said yes, or the first no. */
  replace(connection: Connection, conversations: readonly ConversationId[], id: number): void;
  remove(connection: Connection): void;
  /** Tells the owner of this partition's conversations again who watches. */
  resync(partition: number): void;
}

interface Pair {
  readonly conversation: ConversationId;
  readonly user: UserId;
  /** Connections that watch. */
  count: number;
}

const RESYNC_WINDOW = 256;
const RETRY_MS = 1_000;

const nameOf = (conversation: ConversationId, user: UserId): string => `${conversation} ${user}`;
const errorOf = ({ code, detail, facts }: Failure): WireError => wireError(code, detail, facts);

export const createWatches = (options: {
  readonly edge: Edge;
  readonly clock: Clock;
  readonly partitions: number;
}): Watches => {
  const { edge, clock, partitions } = options;
  const pairs = new Map<string, Pair>();

  const ask = (pair: Pair, on: boolean, answered: (outcome: Outcome) => void): void =>
    edge.ask({ kind: 'watch', conversation: pair.conversation, user: pair.user, on }, answered);

  const isWatched = (pair: Pair): boolean => pairs.get(nameOf(pair.conversation, pair.user)) === pair;

  const withdraw = (pair: Pair): void =>
    // A watch begun meanwhile may have been overtaken: what holds is said last.
    ask(pair, false, () => {
      const again = pairs.get(nameOf(pair.conversation, pair.user));
      if (again !== undefined) announce(again, () => undefined);
    });

  /** Tells that the pair watches; one that may not is forgotten without a word. */
  const announce = (pair: Pair, done: () => void): void =>
    ask(pair, true, (outcome) => {
      if (!outcome.ok && outcome.failure.code !== 'notFound' && isWatched(pair)) {
        clock.after(RETRY_MS, () => {
          if (isWatched(pair)) announce(pair, done);
          else done();
        });
        return;
      }
      done();
    });

  /** The pair, watched by one connection more unless it was counted before. */
  const begin = (conversation: ConversationId, user: UserId, counted: boolean): Pair => {
    const name = nameOf(conversation, user);
    let pair = pairs.get(name);
    if (pair === undefined) {
      pair = { conversation, user, count: 0 };
      pairs.set(name, pair);
    }
    if (!counted) pair.count += 1;
    return pair;
  };

  const end = (conversation: ConversationId, user: UserId): void => {
    const name = nameOf(conversation, user);
    const pair = pairs.get(name);
    if (pair === undefined) return;
    pair.count -= 1;
    if (pair.count > 0) return;
    pairs.delete(name);
    withdraw(pair);
  };

  const stopWatching = (connection: Connection, conversation: ConversationId): void => {
    const left = connection.watched?.filter((watched) => watched !== conversation) ?? [];
    if (left.length === (connection.watched?.length ?? 0)) return;
    connection.watched = left.length === 0 ? undefined : left;
    end(conversation, connection.user);
  };

  return {
    replace: (connection, conversations, id) => {
      const wanted = [...new Set(conversations)];
      const before = connection.watched ?? [];
      // Those watched already are told again: their owner dropped the watch if one left and came back meanwhile.
      const told = wanted.map((conversation) => begin(conversation, connection.user, before.includes(conversation)));
      connection.watched = wanted.length === 0 ? undefined : wanted;
      for (const conversation of before) if (!wanted.includes(conversation)) end(conversation, connection.user);
      let open = told.length;
      let refused: WireError | undefined;
      if (open === 0) return connection.answered(id, '{}');
      for (const pair of told) {
        ask(pair, true, (outcome) => {
          open -= 1;
          if (!outcome.ok) {
            refused ??= {
              ...errorOf(outcome.failure),
              field: `params.conversations[${conversations.indexOf(pair.conversation)}]`,
            };
            if (connection.state !== 'ended') stopWatching(connection, pair.conversation);
          }
          if (open > 0) return;
          if (refused === undefined) connection.answered(id, '{}');
          else connection.refused(id, refused);
        });
      }
    },
    remove: (connection) => {
      const { watched } = connection;
      connection.watched = undefined;
      for (const conversation of watched ?? []) end(conversation, connection.user);
    },
    resync: (partition) => {
      const waiting = [...pairs.values()].filter(
        ({ conversation }) => partitionOf(conversationKey(conversation), partitions) === partition,
      );
      const next = (): void => {
        const pair = waiting.pop();
        if (pair === undefined) return;
        if (isWatched(pair)) announce(pair, next);
        else clock.soon(next);
      };
      for (let i = 0; i < RESYNC_WINDOW; i++) next();
    },
  };
};
