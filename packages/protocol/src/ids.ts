/**
 * Ids are opaque strings of `A-Z a-z 0-9 _ - .`, at most 64 bytes. Those of users are made by the server, those of
 * groups by the creating client, those of direct and self conversations follow from their users.
 */
export type UserId = string;
export type ConversationId = string;
export type DeviceId = string;
export type OutboxId = string;

export type ConversationKind = 'direct' | 'group' | 'self';

export const ID_PATTERN = /^[A-Za-z0-9_.-]{1,64}$/;
export const USER_ID_PATTERN = /^u[A-Za-z0-9_-]{16}$/;
export const GROUP_ID_PATTERN = /^g\.[A-Za-z0-9_-]{16,32}$/;
export const CONVERSATION_ID_PATTERN =
  /^(?:g\.[A-Za-z0-9_-]{16,32}|s\.u[A-Za-z0-9_-]{16}|d\.u[A-Za-z0-9_-]{16}\.u[A-Za-z0-9_-]{16})$/;
/** A handle is kept in lower case. */
export const HANDLE_PATTERN = /^[a-z0-9](?:[a-z0-9_.]*[a-z0-9])?$/;

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-';

/** `length` random characters of 6 bits each, from the platform's cryptographic generator. */
export const randomId = (length: number): string => {
  const bytes = crypto.getRandomValues(new Uint8Array(length));
  let id = '';
  for (const byte of bytes) id += ALPHABET[byte & 63];
  return id;
};

export const newUserId = (): UserId => `u${randomId(16)}`;
export const newGroupId = (): ConversationId => `g.${randomId(22)}`;
export const newDeviceId = (): DeviceId => randomId(12);
export const newOutboxId = (): OutboxId => randomId(12);

/** The one direct conversation of two users, whichever of them asks. */
export const directId = (a: UserId, b: UserId): ConversationId => (a < b ? `d.${a}.${b}` : `d.${b}.${a}`);
/** The saved messages of a user. */
export const selfId = (user: UserId): ConversationId => `s.${user}`;

/** What the id alone tells of a conversation, or undefined if it is not the id of one. */
export const parseConversationId = (
  id: string,
): { readonly kind: ConversationKind; readonly users: readonly UserId[] } | undefined => {
  if (GROUP_ID_PATTERN.test(id)) return { kind: 'group', users: [] };
  const parts = id.split('.');
  const [prefix, a, b] = parts;
  if (prefix === 's' && parts.length === 2 && a !== undefined && USER_ID_PATTERN.test(a))
    return { kind: 'self', users: [a] };
  if (prefix !== 'd' || parts.length !== 3 || a === undefined || b === undefined || a >= b) return undefined;
  return USER_ID_PATTERN.test(a) && USER_ID_PATTERN.test(b) ? { kind: 'direct', users: [a, b] } : undefined;
};
