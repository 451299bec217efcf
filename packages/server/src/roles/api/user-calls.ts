/** What one user may ask for over HTTP: as much as over a WebSocket (GAT8). */
import { DuologError, LIMITS } from '@duolog/protocol';
import type { UserId } from '@duolog/protocol';
import { createRateLimit } from '../../core/rate-limit.ts';
import type { Clock } from '../../ports/clock.ts';

export interface UserCallLimits {
  /** Calls of one user, over time; twice as many may come at once. */
  readonly callsPerSecond: number;
  /** Calls of one user that may be unanswered, and bytes of their bodies. */
  readonly maxUnderWay: number;
  readonly maxUnderWayBytes: number;
}

export const USER_CALL_LIMITS = { maxUnderWay: 128, maxUnderWayBytes: 2 * LIMITS.maxFrameBytes } as const;

export interface UserCalls {
  /**
   * Lets a call in whose body has so many bytes, as far as that is known. Throws `rateLimited` or `overloaded`; else
   * returns what is called at its end, with the bytes that were read and the length of the answer.
   */
  begin(user: UserId, bodyBytes: number | undefined): (readBytes: number, answerLength: number) => void;
  /** Users with calls under way. */
  readonly size: number;
}

interface UnderWay {
  calls: number;
  bytes: number;
}

/** Users remembered: some ten megabytes at most. */
const MAX_USERS = 100_000;
const BURST_MS = 2_000;
const WAIT_MS = 1_000;
/** Bytes of a body, and characters of an answer, that count as one more call. */
const BODY_OF_ONE = 16_384;
const ANSWER_OF_ONE = 65_536;
/** A body of unknown length counts for so many bytes while it is read. */
const UNKNOWN_BYTES = 256 * 1_024;

export const createUserCalls = (clock: Clock, limits: UserCallLimits): UserCalls => {
  const { callsPerSecond: max, maxUnderWay, maxUnderWayBytes } = limits;
  const rate = createRateLimit({ count: (max * BURST_MS) / 1_000, perMs: BURST_MS, maxKeys: MAX_USERS });
  const underWay = new Map<UserId, UnderWay>();

  const refuseWhenBusy = (of: UnderWay, bytes: number): void => {
    if (of.calls < maxUnderWay && of.bytes + bytes <= maxUnderWayBytes) return;
    throw new DuologError('overloaded', 'Too many calls of this user are unanswered.', { retryAfterMs: WAIT_MS });
  };

  return {
    begin: (user, bodyBytes) => {
      const of = underWay.get(user) ?? { calls: 0, bytes: 0 };
      const bytes = bodyBytes ?? UNKNOWN_BYTES;
      refuseWhenBusy(of, bytes);
      const waitMs = rate.take(user, clock.monotonic(), 1 + Math.floor((bodyBytes ?? 0) / BODY_OF_ONE));
      if (waitMs > 0)
        throw new DuologError('rateLimited', `At most ${max} calls a second.`, { max, retryAfterMs: waitMs });
      of.calls += 1;
      of.bytes += bytes;
      underWay.set(user, of);
      return (readBytes, answerLength) => {
        of.calls -= 1;
        of.bytes -= bytes;
        if (of.calls === 0) underWay.delete(user);
        const late = bodyBytes === undefined ? Math.floor(readBytes / BODY_OF_ONE) : 0;
        rate.charge(user, clock.monotonic(), late + Math.floor(answerLength / ANSWER_OF_ONE));
      };
    },
    get size() {
      return underWay.size;
    },
  };
};
