/** Tokens by HMAC-SHA-256 over the installation's secret. */
import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { DuologError } from '@duolog/protocol';
import { TICKET_LIFE_MS } from '../ports/tokens.ts';
import type { TokenHolder, Tokens } from '../ports/tokens.ts';

/** 24 bytes: 192 bits cannot be guessed, and with both ids a token stays within the 64 bytes of an id. */
const MAC_BYTES = 24;

/** Parts as one text that no other parts give. */
const joined = (parts: readonly string[]): string => JSON.stringify(parts);

export const createTokens = (secret: string): Tokens => {
  // A key for each use, so that nothing made for one can pass for another.
  const key = (use: string): Uint8Array => new Uint8Array(hkdfSync('sha256', secret, '', `duolog ${use}`, 32));
  const keys = {
    token: key('token'),
    ticket: key('ticket'),
    user: key('user'),
    device: key('device'),
    digest: key('digest'),
  };

  const mac = (use: keyof typeof keys, text: string, bytes = MAC_BYTES): string =>
    createHmac('sha256', keys[use]).update(text).digest().subarray(0, bytes).toString('base64url');

  const equal = (given: string, right: string): boolean => {
    const [a, b] = [Buffer.from(given), Buffer.from(right)];
    return a.length === b.length && timingSafeEqual(a, b);
  };

  return {
    token: ({ user, device }) => `${user}.${device}.${mac('token', joined([user, device]))}`,
    readToken: (token) => {
      const [user, device, given, ...more] = token.split('.');
      if (user === undefined || device === undefined || given === undefined || more.length > 0) return undefined;
      return equal(given, mac('token', joined([user, device]))) ? { user, device } : undefined;
    },
    ticket: ({ user, device }, nowMs) => {
      const expiresAt = Math.floor(nowMs) + TICKET_LIFE_MS;
      return `${user}.${device}.${expiresAt}.${mac('ticket', joined([user, device, String(expiresAt)]))}`;
    },
    readTicket: (ticket, nowMs): TokenHolder | undefined => {
      const [user, device, expires, given, ...more] = ticket.split('.');
      if (user === undefined || device === undefined || expires === undefined || given === undefined || more.length > 0)
        return undefined;
      const genuine = equal(given, mac('ticket', joined([user, device, expires])));
      return genuine && nowMs < Number(expires) ? { user, device } : undefined;
    },
    deriveUser: (parts) => `u${mac('user', joined(parts), 12)}`,
    deriveDevice: (parts) => mac('device', joined(parts), 9),
    digest: (parts) => mac('digest', joined(parts), 12),
  };
};

const codeOf = (cause: unknown): string | undefined =>
  cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;

const readSecret = (file: string): string | undefined => {
  try {
    const secret = readFileSync(file, 'utf8').trim();
    if (secret.length < 32)
      throw new DuologError('internal', `${file} is damaged: it must hold a secret of at least 32 characters`);
    if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600);
    return secret;
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw cause;
  }
};

/** Writes the file as a whole or not at all; one that is there already stays. */
const writeSecret = (file: string): void => {
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  const handle = openSync(draft, 'wx', 0o600);
  try {
    writeSync(handle, `${randomBytes(32).toString('base64url')}\n`);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  try {
    linkSync(draft, file);
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST') throw cause;
  } finally {
    rmSync(draft);
  }
  const folder = openSync(dirname(file), 'r');
  fsyncSync(folder);
  closeSync(folder);
};

/** The secret kept in the data folder, made at the first start; only its owner may read it. */
export const secretOf = (folder: string): string => {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, 'secret');
  const known = readSecret(file);
  if (known !== undefined) return known;
  writeSecret(file);
  const made = readSecret(file);
  if (made === undefined) throw new DuologError('internal', `${file} could not be made`);
  return made;
};
