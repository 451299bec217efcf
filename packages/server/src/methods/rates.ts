/** How often something may be asked for, where it is the same over every kind of connection. */
import type { ConversationId, MethodName, UserId } from '@duolog/protocol';
import { DuologError, LIMITS } from '@duolog/protocol';
import { createRateLimit } from '../core/rate-limit.ts';
import type { Clock } from '../ports/clock.ts';

export interface RateSettings {
  /** Messages of one user into one conversation, changes of a group included; twice as many may come at once. */
  readonly messagesPerSecond: number;
  /** Conversations that one user begins; as many may come at once. */
  readonly conversationsPerMinute: number;
  /** `reset` answers of this node, all users together; four times as many may come at once (SYN3). */
  readonly resetsPerSecond: number;
}

export const RATE_SETTINGS: RateSettings = {
  messagesPerSecond: LIMITS.messagesPerSecond,
  conversationsPerMinute: LIMITS.conversationsPerMinute,
  resetsPerSecond: 100,
};

/** Requests let in of one connection, and of one user over HTTP: ten times the messages at the least (GAT8, API14). */
export const requestsPerSecond = (messagesPerSecond: number): number => Math.max(200, 10 * messagesPerSecond);

/** Characters of an answer that count as one more request: as many as are made in the time of a short one. */
const ANSWER_OF_ONE = 16_384;
const ANSWER_OF: { readonly [M in MethodName]?: number } = { 'conversation.list': 1_024, sync: 8_192 };

/** As how many more requests an answer of so many characters counts (GAT8, API14). */
export const costOfAnswer = (method: MethodName, length: number): number =>
  Math.floor(length / (ANSWER_OF[method] ?? ANSWER_OF_ONE));

export interface Rates {
  /** Throws `rateLimited` if this user may not say anything there now; else counts one message. */
  message(user: UserId, conversation: ConversationId): void;
  /** The same for a conversation that this user begins. */
  conversation(user: UserId): void;
  /** The same for a `reset`. */
  reset(user: UserId): void;
}

/** Users, or pairs of user and conversation, remembered: some ten megabytes at most. */
const MAX_KEYS = 100_000;
const MINUTE_MS = 60_000;
const MESSAGE_BURST_MS = 2_000;
const RESET_BURST_MS = 4_000;

export const createRates = (clock: Clock, settings: RateSettings = RATE_SETTINGS): Rates => {
  const messages = createRateLimit({
    count: (settings.messagesPerSecond * MESSAGE_BURST_MS) / 1_000,
    perMs: MESSAGE_BURST_MS,
    maxKeys: MAX_KEYS,
  });
  const conversations = createRateLimit({
    count: settings.conversationsPerMinute,
    perMs: MINUTE_MS,
    maxKeys: MAX_KEYS,
  });
  // After a restore each device of a user begins anew once.
  const ownResets = createRateLimit({ count: LIMITS.maxDevices, perMs: MINUTE_MS, maxKeys: MAX_KEYS });
  const resets = createRateLimit({
    count: (settings.resetsPerSecond * RESET_BURST_MS) / 1_000,
    perMs: RESET_BURST_MS,
    maxKeys: 1,
  });
  const limited = (limit: 'messagesPerSecond' | 'conversationsPerMinute', detail: string, waitMs: number): void => {
    if (waitMs > 0) throw new DuologError('rateLimited', detail, { limit, max: settings[limit], retryAfterMs: waitMs });
  };
  return {
    message: (user, conversation) => {
      const { messagesPerSecond: max } = settings;
      const waitMs = messages.take(`${user} ${conversation}`, clock.monotonic());
      limited('messagesPerSecond', `At most ${max} messages a second into one conversation.`, waitMs);
    },
    conversation: (user) => {
      const { conversationsPerMinute: max } = settings;
      const waitMs = conversations.take(user, clock.monotonic());
      limited('conversationsPerMinute', `At most ${max} conversations a minute may be begun.`, waitMs);
    },
    reset: (user) => {
      const now = clock.monotonic();
      const waitMs = ownResets.take(user, now) || resets.take('', now);
      if (waitMs > 0)
        throw new DuologError('rateLimited', 'Many clients begin anew at this moment.', { retryAfterMs: waitMs });
    },
  };
};
