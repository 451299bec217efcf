/** Passwords by argon2id, computed in Bun's pool of threads. */
import { DuologError } from '@duolog/protocol';
import type { Passwords } from '../ports/passwords.ts';

/**
 * Cost of one hash: the OWASP Password Storage Cheat Sheet's first recommendation for argon2id, 19 MiB of memory, two
 * passes, one lane. A hash carries its own parameters, so raising these leaves older hashes valid.
 */
export const ARGON2ID = { algorithm: 'argon2id', memoryCost: 19_456, timeCost: 2 } as const;

/** A hash of the same cost, of a random text that was thrown away: those who do not exist take as long as those who do. */
export const NOBODYS_HASH =
  '$argon2id$v=19$m=19456,t=2,p=1$zol3ipYZoq2iLa8rAwutopiO7n1T+glmQTuVSQ7ij30$pHj/Lei6gwH2UsIKqC97RYgXRX4ROVUDS90cIuo23ag';

export interface PasswordLimits {
  /** Hashes computed at the same time: each holds 19 MiB and a thread. */
  readonly atOnce: number;
  /** Hashes that may wait for their turn; beyond, `overloaded`. */
  readonly waiting: number;
}

export const createPasswords = ({ atOnce, waiting: maxWaiting }: PasswordLimits): Passwords => {
  const waiting: (() => void)[] = [];
  let running = 0;

  const inTurn = async <T>(compute: () => Promise<T>): Promise<T> => {
    if (running >= atOnce) {
      if (waiting.length >= maxWaiting)
        throw new DuologError('overloaded', 'Too many passwords wait to be checked.', { retryAfterMs: 1_000 });
      // Whoever ends hands its place over, so `running` stays as it is.
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else running += 1;
    try {
      return await compute();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };

  return {
    hash: (password) => inTurn(() => Bun.password.hash(password, ARGON2ID)),
    verify: (password, known) =>
      inTurn(async () => {
        const fits = await Bun.password.verify(password, known ?? NOBODYS_HASH);
        return fits && known !== undefined;
      }),
  };
};
