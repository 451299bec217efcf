/** How a history names a text or a change without repeating it. */
import { createHash } from 'node:crypto';

/** 64 bits of SHA-256, in hex. */
export const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** Of a change: what was done to whom, or the name that was given. */
export const changeHash = (action: string, users: readonly string[], name = ''): string =>
  hashOf(JSON.stringify([action, [...users].toSorted(), name]));
