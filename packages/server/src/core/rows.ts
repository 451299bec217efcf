/**
 * Where every row lives and what is in it, written once. Store partitions: `c/<conversation>`, `c/<conversation>/<bucket>`,
 * `u/<user>`, `u/<user>/<bucket>`, `n/<handle>`, `p/<partition>`, `i` (the installation), `t/<conversation>/<bucket>` (whole texts of long messages).
 * A value's first character is its format: `1` JSON (in `t/…` the text itself), `2` in an entry a pointer to a message and
 * in an outbox its answers, `3` a message behind the command it was, `4` entries that point to one message after another.
 * A row of a log holds the number that its place tells; one of format `4` those before it as well.
 */
import type { ConversationId, ConversationKind, DeviceId, OutboxId, UserId } from '@duolog/protocol';

/** Numbers of a log that share a Store partition. */
export const BUCKET_SIZE = 4_096;

export const conversationKey = (conversation: ConversationId): string => `c/${conversation}`;
export const userKey = (user: UserId): string => `u/${user}`;
/** Whether the log of this entity holds messages. */
export const holdsMessages = (entity: string): boolean => entity.startsWith('c/');
export const nameKey = (handle: string): string => `n/${handle}`;
export const partitionKey = (partition: number): string => `p/${partition}`;
export const INSTALLATION_KEY = 'i';
/** The id of the conversation or user whose key this is, or the handle. */
export const idOfKey = (entity: string): string => entity.slice(2);

/** The row that holds number `n` of the log of an entity. */
export const logRow = (entity: string, n: number): { readonly partition: string; readonly key: string } => ({
  partition: `${entity}/${Math.floor(n / BUCKET_SIZE)}`,
  key: placeInBucket(n),
});
/** Length of the keys in a bucket: hexadecimal digits, so that their order is that of numbers. */
export const PLACE_CHARS = 3;
const PLACES = Array.from({ length: BUCKET_SIZE }, (_, place) => place.toString(16).padStart(PLACE_CHARS, '0'));
export const placeInBucket = (n: number): string => PLACES[n % BUCKET_SIZE] ?? '';
export const numberOf = (bucket: number, key: string): number => bucket * BUCKET_SIZE + Number.parseInt(key, 16);
export const bucketOf = (n: number): number => Math.floor(n / BUCKET_SIZE);
export const bucketKey = (entity: string, bucket: number): string => `${entity}/${bucket}`;
/**
 * The Store partition of number `n`, which follows one in the partition `before`: mostly the same. A name that is kept is
 * found faster wherever it is looked up than one that is made anew.
 */
export const nextPartition = (
  entityOf: (id: string) => string,
  id: string,
  before: string | undefined,
  n: number,
): string => (before !== undefined && n % BUCKET_SIZE !== 0 ? before : logRow(entityOf(id), n).partition);
/** Where the whole text of a long message is kept. */
export const longTextRow = (
  conversation: ConversationId,
  seq: number,
): { readonly partition: string; readonly key: string } => ({
  partition: `t/${conversation}/${bucketOf(seq)}`,
  key: placeInBucket(seq),
});

/** Keys in the partition of an entity. */
export const KEYS = {
  /** Newest bucket of the entity's log; written before that bucket is used. Absent: bucket 0. */
  log: 'log',
  /** `c/…`: kind, name and members. */
  roster: 'roster',
  /** `c/…`: read positions. */
  positions: 'positions',
  /** `u/…`: handle, name, password hash, devices. */
  account: 'account',
  /** `n/…`: who holds the handle. */
  holder: 'holder',
  /** `i`: epoch, number of partitions. */
  installation: 'installation',
  /** `p/…`: how far the journal is settled (COM4). */
  checkpoint: 'checkpoint',
} as const;

/** `c/…`: the membership intervals of somebody who left. */
export const FORMER_ROWS = 'former/';
export const formerKey = (user: UserId): string => `${FORMER_ROWS}${user}`;
/** `u/…`: the user's row of a conversation. */
export const CONVERSATION_ROWS = 'in/';
export const inConversationKey = (conversation: ConversationId): string => `${CONVERSATION_ROWS}${conversation}`;
/** Any entity: the last answers to one user's outbox (COM10). */
export const OUTBOX_ROWS = 'outbox/';
export const outboxKey = (user: UserId, outbox: OutboxId): string => `${OUTBOX_ROWS}${user}/${outbox}`;
/** `p/…`: the last stamp accepted from a source partition (COM5). */
export const ACCEPTED_ROWS = 'accepted/';
export const acceptedKey = (source: number): string => `${ACCEPTED_ROWS}${source}`;

type Role = 'owner' | 'member';
export interface RosterMember {
  readonly user: UserId;
  readonly role: Role;
  readonly joinSeq: number;
  /** First seq the member may read. */
  readonly visibleFrom: number;
}
export interface Roster {
  readonly kind: ConversationKind;
  readonly name?: string;
  readonly createdBy: UserId;
  readonly createdAt: number;
  readonly members: readonly RosterMember[];
}
/** A membership that ended: one may read (visibleFrom … leaveSeq). */
export interface FormerMember {
  readonly visibleFrom: number;
  readonly leaveSeq: number;
}
export interface LogState {
  readonly bucket: number;
  /** User logs: the oldest bucket that is kept, then when later ones were begun (once an hour at most), in order. */
  readonly begun?: readonly (readonly [bucket: number, at: number])[];
}
export type Positions = { readonly [user: UserId]: number };
interface AccountDevice {
  readonly device: DeviceId;
  readonly name: string;
  readonly addedAt: number;
}
export interface Account {
  readonly handle: string;
  /** Which claim of the handle this is. */
  readonly claimedAt: number;
  readonly name: string;
  readonly createdAt: number;
  readonly passwordHash: string;
  readonly devices: readonly AccountDevice[];
}
/** A user's own row of a conversation. */
export interface InConversation {
  readonly state: 'joined' | 'left';
  readonly joinSeq: number;
  readonly visibleFrom: number;
  readonly readSeq: number;
  readonly leaveSeq?: number;
  /** After leaving a group: what it was called then. Rows of older versions lack it. */
  readonly name?: string;
}
export interface Holder {
  /** Undefined: the handle was released and is free. */
  readonly user?: UserId;
  /** When it was claimed or released; rises with every claim, so it names the claim. */
  readonly at: number;
  /** The user's row names this handle too. */
  readonly confirmed: boolean;
}

export const encodeJson = (value: object): string => `1${JSON.stringify(value)}`;
/** Decodes a value of format 1. The caller names the type of the row that this key holds. */
export const decodeJson = <T>(value: string): T => {
  if (value[0] !== '1') throw new Error(`row of unknown format ${JSON.stringify(value.slice(0, 1))}`);
  return JSON.parse(value.slice(1)) as T;
};

const MEMBERS = ',"members":[';
/**
 * Of a roster's row, what it says of the conversation and of one user; undefined if that is no member. Where the members stand
 * last only the one is decoded: a list of conversations reads hundreds of rosters with a hundred members each.
 */
export const decodeRosterFor = (
  value: string,
  user: UserId,
): Omit<Roster, 'members'> & { readonly member: RosterMember | undefined } => {
  const end = value.indexOf(MEMBERS);
  if (end < 0 || !value.endsWith('}]}')) {
    const { members, ...rest } = decodeJson<Roster>(value);
    return { ...rest, member: members.find((member) => member.user === user) };
  }
  // Quotes inside of texts are escaped, so nothing else looks like it.
  const at = value.indexOf(`{"user":${JSON.stringify(user)},`, end);
  const member = at < 0 ? undefined : (JSON.parse(value.slice(at, value.indexOf('}', at) + 1)) as RosterMember);
  return { ...decodeJson<Omit<Roster, 'members'>>(`${value.slice(0, end)}}`), member };
};

/** Which command a message was: with the message's sender, seq and time, all that its outbox has to remember (COM10). */
export interface MessageOrigin {
  readonly outbox: OutboxId;
  readonly n: number;
  readonly hash: string;
}

/**
 * A message row holds the message as it travels; a page of history is these texts, joined. In front of it stands the command
 * it was, if that had an outbox: `3<outbox> <n> <hash> {…}`.
 */
export const encodeMessage = (bodyJson: string, origin?: MessageOrigin): string =>
  origin === undefined ? `1${bodyJson}` : `3${origin.outbox} ${origin.n} ${origin.hash} ${bodyJson}`;
/** Whether the value is of a format that a message has. */
export const isMessage = (value: string): boolean => value[0] === '1' || (value[0] === '3' && value.includes('{'));
const bodyStart = (value: string): number => {
  if (!isMessage(value)) throw new Error(`message of unknown format ${JSON.stringify(value.slice(0, 1))}`);
  return value[0] === '1' ? 1 : value.indexOf('{');
};
export const decodeMessage = (value: string): string => value.slice(bodyStart(value));
/** The command a message was; undefined if it had no outbox. */
export const decodeOrigin = (value: string): MessageOrigin | undefined => {
  const start = bodyStart(value);
  if (start === 1) return undefined;
  const [outbox = '', n, hash = ''] = value.slice(1, start).split(' ');
  return { outbox, n: Number(n), hash };
};

/** An entry row: a pointer to a message, or the entry’s fields as they travel. */
export type EntryRow =
  | { readonly kind: 'pointer'; readonly conversation: ConversationId; readonly seq: number }
  | { readonly kind: 'fields'; readonly fields: string };
const encodePointer = (conversation: ConversationId, seq: number): string => `2${seq} ${conversation}`;
/** A row of entries holds so many at most: what looks for the end of a log need not look further. */
export const MAX_NUMBERS_OF_ROW = 256;
/** The row of `count` entries that point to one message after another; it lies at the number of the last, which points to `seq`. */
export const encodePointers = (conversation: ConversationId, seq: number, count: number): string =>
  count === 1 ? encodePointer(conversation, seq) : `4${count} ${seq} ${conversation}`;
const POINTERS = /^4(\d+) (\d+) (\S+)$/;
/** The values of the numbers that a row of a log holds, in order, each as if it had a row by itself. */
export const unfoldRow = (value: string): readonly string[] => {
  if (value[0] !== '4') return [value];
  const [, count, last, conversation] = POINTERS.exec(value) ?? [];
  const [numbers, seq] = [Number(count), Number(last)];
  if (conversation === undefined || numbers < 2 || numbers > MAX_NUMBERS_OF_ROW || seq < numbers)
    throw new Error(`entries that cannot be told apart ${JSON.stringify(value.slice(0, 40))}`);
  return Array.from({ length: numbers }, (_, i) => encodePointer(conversation, seq - numbers + 1 + i));
};
export const encodeFields = (fields: string): string => `1${fields}`;
export const decodeEntry = (value: string): EntryRow => {
  if (value[0] === '1') return { kind: 'fields', fields: value.slice(1) };
  const space = value.indexOf(' ');
  if (value[0] !== '2' || space < 0) throw new Error(`entry of unknown format ${JSON.stringify(value.slice(0, 1))}`);
  return { kind: 'pointer', seq: Number(value.slice(1, space)), conversation: value.slice(space + 1) };
};
