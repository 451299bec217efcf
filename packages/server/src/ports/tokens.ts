import type { DeviceId, UserId } from '@duolog/protocol';

/** The device a token or ticket stands for. */
export interface TokenHolder {
  readonly user: UserId;
  readonly device: DeviceId;
}

/**
 * Tokens and tickets, made and checked with the installation's secret alone. A genuine token says only that it was given
 * out: whether the device is still signed in is the user's to say.
 */
export interface Tokens {
  /** The token of a device: the same each time. At most 64 bytes. */
  token(holder: TokenHolder): string;
  /** Whose token this is; undefined if it was not made here. */
  readToken(token: string): TokenHolder | undefined;
  /** A ticket for `hello`, good for {@link TICKET_LIFE_MS} from now. */
  ticket(holder: TokenHolder, nowMs: number): string;
  /** Whose ticket this is; undefined if it was not made here or has expired. */
  readTicket(ticket: string, nowMs: number): TokenHolder | undefined;
  /** The user that a sign-up makes: the same for the same parts, so that a repeat finds the same one. */
  deriveUser(parts: readonly string[]): UserId;
  /** The device that a log-in makes: the same for the same parts. */
  deriveDevice(parts: readonly string[]): DeviceId;
  /** A short text for the same parts that tells nothing about them: what a secret leaves in a command's content. */
  digest(parts: readonly string[]): string;
}

/** How long a ticket is good. */
export const TICKET_LIFE_MS = 60_000;
