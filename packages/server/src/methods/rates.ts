/** How often something may be asked for, where it is the same over every kind of connection. */
import type { ConversationId, UserId } from '@duolog/protocol';
import { DuologError } from '@duolog/protocol';
import { createRateLimit } from '../core/rate-limit.ts';
import type { Clock } from '../ports/clock.ts';

export interface RateSettings {
  /** Messages of one user into one conversation; twice as many may come at once. */
  readonly messagesPerSecond: number;
  /** `reset` answers of this node, all users together; four times as many may come at once (SYN3). */
  readonly resetsPerSecond: number;
}

export const RATE_SETTINGS: RateSettings = { messagesPerSecond: 20, resetsPerSecond: 100 };

/** Requests let in of one connection, and of one user over HTTP: ten times the messages at the least (GAT8, API14). */
export const requestsPerSecond = (messagesPerSecond: number): number => Math.max(200, 10 * messagesPerSecond);

export interface Rates {
  /** Throws `rateLimited` if this user may not say anything there now; else counts one message. */
  message(user: UserId, conversation: ConversationId): void;
  /** The same for a `reset`. */
  reset(): void;
}

/** Pairs of user and conversation remembered: some ten megabytes at most. */
const MAX_TALKS = 100_000;
const MESSAGE_BURST_MS = 2_000;
const RESET_BURST_MS = 4_000;

export const createRates = (clock: Clock, settings: RateSettings = RATE_SETTINGS): Rates => {
  const messages = createRateLimit({
    count: (settings.messagesPerSecond * MESSAGE_BURST_MS) / 1_000,
    perMs: MESSAGE_BURST_MS,
    maxKeys: MAX_TALKS,
  });
  const resets = createRateLimit({
    count: (settings.resetsPerSecond * RESET_BURST_MS) / 1_000,
    perMs: RESET_BURST_MS,
    maxKeys: 1,
  });
  return {
    message: (user, conversation) => {
      const waitMs = messages.take(`${user} ${conversation}`, clock.monotonic());
      if (waitMs === 0) return;
      const { messagesPerSecond } = settings;
      throw new DuologError('rateLimited', `At most ${messagesPerSecond} messages a second into one conversation.`, {
        limit: 'messagesPerSecond',
        max: messagesPerSecond,
        retryAfterMs: waitMs,
      });
    },
    reset: () => {
      const waitMs = resets.take('', clock.monotonic());
      if (waitMs > 0)
        throw new DuologError('rateLimited', 'Many clients begin anew at this moment.', { retryAfterMs: waitMs });
    },
  };
};
