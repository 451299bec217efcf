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
  /** Bytes of all users' answers that may wait to be taken. */
  readonly maxWaitingBytes: number;
}

export const USER_CALL_LIMITS = {
  maxUnderWay: 128,
  maxUnderWayBytes: 2 * LIMITS.maxFrameBytes,
  maxWaitingBytes: 128 * 1_024 * 1_024,
} as const;

/** A call that was let in. */
export interface UserCall {
  /** Its body was read, and had so many bytes. */
  read(bytes: number): void;
  /** Throws `rateLimited` when the answers made meanwhile have used up what the user may ask for. */
  checkRate(): void;
  /** An answer was made that counts as so many more calls. */
  answered(calls: number): void;
  /** So many bytes of it are kept until the end. Throws `overloaded` when there is no room for them. */
  keep(bytes: number): void;
  /** It counts no more; again does nothing. */
  end(): void;
}

export interface UserCalls {
  /** Lets a call in whose body has so many bytes, as far as that is known. Throws `rateLimited` or `overloaded`. */
  begin(user: UserId, bodyBytes: number | undefined): UserCall;
  /** Users with calls under way. */
  readonly size: number;
}

interface UnderWay {
  calls: number;
  /** Of bodies. */
  bytes: number;
  /** Of answers that wait. */
  waitingBytes: number;
}

/** Users remembered: some ten megabytes at most. */
const MAX_USERS = 100_000;
const BURST_MS = 2_000;
const WAIT_MS = 1_000;
/** Bytes of a body that count as one more call. */
const BODY_OF_ONE = 16_384;
/** A body of unknown length counts for so many bytes while it is read. */
const UNKNOWN_BYTES = 256 * 1_024;
/** Answers of one user may take this share of the room that is free, so that a few never take all of it. */
const SHARE_OF_FREE = 1 / 8;

/** Where answers wait. */
const createRoom = (maxBytes: number) => {
  let free = maxBytes;
  return {
    /** For somebody who has so much of it already. Throws `overloaded`. */
    take: (bytes: number, hasBytes: number): void => {
      if (hasBytes + bytes > free * SHARE_OF_FREE)
        throw new DuologError('overloaded', 'Too many long answers wait to be taken.', { retryAfterMs: WAIT_MS });
      free -= bytes;
    },
    give: (bytes: number): void => {
      free += bytes;
    },
  };
};

export const createUserCalls = (clock: Clock, limits: UserCallLimits): UserCalls => {
  const { callsPerSecond: max, maxUnderWay, maxUnderWayBytes, maxWaitingBytes } = limits;
  const rate = createRateLimit({ count: (max * BURST_MS) / 1_000, perMs: BURST_MS, maxKeys: MAX_USERS });
  const underWay = new Map<UserId, UnderWay>();
  const room = createRoom(maxWaitingBytes);

  const refuseWhenBusy = (of: UnderWay, bytes: number): void => {
    if (of.calls < maxUnderWay && of.bytes + bytes <= maxUnderWayBytes) return;
    throw new DuologError('overloaded', 'Too many calls of this user are unanswered.', { retryAfterMs: WAIT_MS });
  };

  const refuseTooMany = (user: UserId, calls: number): void => {
    const waitMs = rate.take(user, clock.monotonic(), calls);
    if (waitMs > 0)
      throw new DuologError('rateLimited', `At most ${max} calls a second.`, { max, retryAfterMs: waitMs });
  };

  const charge = (user: UserId, calls: number): void => rate.charge(user, clock.monotonic(), Math.floor(calls));

  const callOf = (user: UserId, of: UnderWay, bodyBytes: number | undefined, countedBytes: number): UserCall => {
    let keptBytes = 0;
    let ended = false;
    return {
      read: (bytes) => {
        if (bodyBytes === undefined) charge(user, bytes / BODY_OF_ONE);
      },
      checkRate: () => refuseTooMany(user, 0),
      answered: (calls) => charge(user, calls),
      keep: (bytes) => {
        room.take(bytes, of.waitingBytes);
        keptBytes += bytes;
        of.waitingBytes += bytes;
      },
      end: () => {
        if (ended) return;
        ended = true;
        of.calls -= 1;
        of.bytes -= countedBytes;
        of.waitingBytes -= keptBytes;
        room.give(keptBytes);
        if (of.calls === 0) underWay.delete(user);
      },
    };
  };

  return {
    begin: (user, bodyBytes) => {
      const of = underWay.get(user) ?? { calls: 0, bytes: 0, waitingBytes: 0 };
      const bytes = bodyBytes ?? UNKNOWN_BYTES;
      refuseWhenBusy(of, bytes);
      refuseTooMany(user, 1 + Math.floor((bodyBytes ?? 0) / BODY_OF_ONE));
      of.calls += 1;
      of.bytes += bytes;
      underWay.set(user, of);
      return callOf(user, of, bodyBytes, bytes);
    },
    get size() {
      return underWay.size;
    },
  };
};
