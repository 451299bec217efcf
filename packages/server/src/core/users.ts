/** Decisions of users: their log of entries, their account, devices and read positions. Pure. */
import { LIMITS } from '@duolog/protocol';
import type { ConversationId, UserId } from '@duolog/protocol';
import type { UserCommand } from './commands.ts';
import { nobody } from './conversation-state.ts';
import type { Decided, Decision, Delivery, Parcel, RowChange } from './decision.ts';
import { refused, unchanged } from './decision.ts';
import {
  BUCKET_SIZE,
  KEYS,
  bucketKey,
  bucketOf,
  encodeFields,
  encodeJson,
  inConversationKey,
  logRow,
  nextPartition,
  userKey,
} from './rows.ts';
import type { Account, InConversation, LogState } from './rows.ts';

/** Entries are kept this long at least (SYN3). */
export const ENTRY_LIFE_MS = 30 * 24 * 3600 * 1000;

/** Beginnings of buckets are noted this often at most, so that the row of a busy user stays small. */
const MARK_EVERY_MS = 3600 * 1000;
const FIRST_BUCKET = [0, 0] as const;

/** What decides about a user. */
export interface UserState {
  readonly user: UserId;
  /** The newest useq. */
  readonly head: number;
  /** Store partition of the newest entry, once one was appended. */
  readonly logPartition?: string;
  readonly log: LogState;
  /** Undefined: no such user; `unloaded`: nothing that was asked for needs it. */
  readonly account: Account | undefined | 'unloaded';
  /** The user's row of the conversation that is decided about; undefined if there is none, or if nothing needs it. */
  readonly conversation: InConversation | undefined;
}

/** A parcel that is for a user and is no message. */
export type UserParcel = Extract<Parcel, { kind: 'membership' | 'account' | 'handle' }>;
export type MessageParcel = Extract<Parcel, { kind: 'message' }>;

const ACCOUNT = { account: true };

/** Whether deciding about it takes the account, and which row of a conversation. */
export const userNeeds = (
  subject: UserCommand | UserParcel,
): { readonly account: boolean; readonly conversation?: ConversationId } => {
  switch (subject.kind) {
    case 'membership':
    case 'read':
      return { account: false, conversation: subject.conversation };
    case 'account':
    case 'handle':
    case 'addDevice':
    case 'revokeDevice':
      return ACCOUNT;
    default: {
      const never: never = subject;
      return never;
    }
  }
};

/** The log state once number `useq`, which begins a bucket, is in use. */
const grownLog = (log: LogState, useq: number, now: number): LogState => {
  const bucket = bucketOf(useq);
  const marks = log.begun ?? [FIRST_BUCKET];
  const latestAt = marks.at(-1)?.[1] ?? 0;
  const begun = now - latestAt < MARK_EVERY_MS ? marks : [...marks, [bucket, now] as const];
  // Buckets before one that was begun a life ago have expired. The oldest mark is where what is kept begins.
  const keptFrom = Math.max(
    0,
    begun.findLastIndex(([, at]) => now - at > ENTRY_LIFE_MS),
  );
  return { bucket, begun: begun.slice(keptFrom) };
};

/** The state after one more entry. Most of what an owner does is done here, so it makes no more than is needed. */
export const appendEntry = (state: UserState, now: number): UserState => {
  const { user, log, account, conversation } = state;
  const head = state.head + 1;
  return {
    user,
    head,
    logPartition: nextPartition(userKey, user, state.logPartition, head),
    log: head % BUCKET_SIZE === 0 ? grownLog(log, head, now) : log,
    account,
    conversation,
  };
};

/** What follows if the entry between these states began a bucket: the row that names it, and the buckets whose entries have all expired. */
export const bucketBegun = (
  before: UserState,
  { user, log }: UserState,
): { readonly rows: readonly RowChange[]; readonly drops: readonly string[] } | undefined => {
  if (log === before.log) return undefined;
  const drops: string[] = [];
  const [from = 0, to = 0] = [before.log.begun?.[0]?.[0], log.begun?.[0]?.[0]];
  for (let expired = from; expired < to; expired++) drops.push(bucketKey(userKey(user), expired));
  return { rows: [{ partition: userKey(user), key: KEYS.log, value: encodeJson(log) }], drops };
};

/** An entry that is no message, as it travels but for `type` and `useq`. */
interface EntryFields {
  readonly kind: string;
  readonly [field: string]: string | number;
}

/** Appends an entry that is no message: its fields are its row. */
const appendFields = (state: UserState, entry: EntryFields, now: number): Decided<UserState> => {
  const fields = JSON.stringify(entry).slice(1, -1);
  const next = appendEntry(state, now);
  const row = { ...logRow(userKey(state.user), next.head), value: encodeFields(fields) };
  const begun = bucketBegun(state, next);
  return {
    ok: true,
    state: next,
    result: {},
    rows: begun === undefined ? [row] : [...begun.rows, row],
    parcels: [],
    deliveries: [{ kind: 'entry', to: [state.user], useqs: [next.head], fields }],
    ...(begun === undefined ? {} : { drops: begun.drops }),
  };
};

const withAccount = (state: UserState, account: Account, entry: EntryFields, now: number): Decided<UserState> => {
  const decided = appendFields({ ...state, account }, entry, now);
  return {
    ...decided,
    rows: [...decided.rows, { partition: userKey(state.user), key: KEYS.account, value: encodeJson(account) }],
  };
};

const withConversation = (
  state: UserState,
  conversation: ConversationId,
  row: InConversation,
): { state: UserState; row: RowChange } => ({
  state: { ...state, conversation: row },
  row: { partition: userKey(state.user), key: inConversationKey(conversation), value: encodeJson(row) },
});

const takeMembership = (
  state: UserState,
  parcel: Extract<Parcel, { kind: 'membership' }>,
  now: number,
): Decided<UserState> => {
  const { conversation, joinSeq, visibleFrom, leaveSeq } = parcel;
  const readSeq = Math.max(state.conversation?.readSeq ?? 0, joinSeq);
  const left = leaveSeq === undefined ? {} : { leaveSeq };
  const name = parcel.name === undefined ? {} : { name: parcel.name };
  const changed = withConversation(state, conversation, {
    state: parcel.state,
    joinSeq,
    visibleFrom,
    readSeq,
    ...left,
    // A member learns the name from the conversation; only who left goes on with the one there was (CON4).
    ...(parcel.state === 'left' ? name : {}),
  });
  const decided = appendFields(
    changed.state,
    { kind: 'membership', conversation, state: parcel.state, ...name, joinSeq, visibleFrom, ...left },
    now,
  );
  return { ...decided, rows: [...decided.rows, changed.row] };
};

const takeHandle = (
  state: UserState,
  { handle, claimedAt }: Extract<Parcel, { kind: 'handle' }>,
  now: number,
): Decided<UserState> => {
  const account = state.account;
  if (account === undefined || account === 'unloaded') return unchanged(state);
  const { user } = state;
  const decided = withAccount(
    state,
    { ...account, handle, claimedAt },
    { kind: 'profile', handle, name: account.name },
    now,
  );
  const confirmed: Parcel = { kind: 'confirmed', handle, user, claimedAt };
  // Claimed again by its holder: there is no other handle to give back.
  if (account.handle === handle) return { ...decided, parcels: [confirmed] };
  return {
    ...decided,
    parcels: [confirmed, { kind: 'released', handle: account.handle, user, claimedAt: account.claimedAt }],
  };
};

/** Makes the account. One that exists is kept: the sign-up was repeated, its devices and password are what they are. */
const takeAccount = (
  state: UserState,
  parcel: Extract<Parcel, { kind: 'account' }>,
  now: number,
): Decided<UserState> => {
  const { handle, claimedAt, name, passwordHash } = parcel;
  if (state.account !== undefined) {
    return takeHandle(state, { kind: 'handle', user: state.user, handle, claimedAt }, now);
  }
  const account: Account = { handle, claimedAt, name, createdAt: now, passwordHash, devices: [] };
  const decided = withAccount(state, account, { kind: 'profile', handle, name }, now);
  return { ...decided, parcels: [{ kind: 'confirmed', handle, user: state.user, claimedAt }] };
};

/** What goes to the devices of those who take a message; `useqs` are the numbers of their entries. */
export const messageDelivery = (
  { to, conversation, seq, at, fields, origin }: MessageParcel,
  useqs: readonly number[],
): Delivery => {
  if (origin === undefined) return { kind: 'entry', to, useqs, fields };
  const { user, device, outbox, n } = origin;
  const place = `"kind":"sent","conversation":"${conversation}","seq":${seq},"at":${at},"outbox":"${outbox}","n":${n}`;
  return { kind: 'entry', to, useqs, fields, sent: { user, device, fields: place } };
};

/** Takes a parcel of a conversation or a name. */
export const takeUserParcel = (state: UserState, parcel: UserParcel, now: number): Decided<UserState> => {
  switch (parcel.kind) {
    case 'membership':
      return takeMembership(state, parcel, now);
    case 'account':
      return takeAccount(state, parcel, now);
    case 'handle':
      return takeHandle(state, parcel, now);
    default: {
      const never: never = parcel;
      return never;
    }
  }
};

const read = (state: UserState, conversation: ConversationId, seq: number, now: number): Decision<UserState> => {
  const row = state.conversation;
  if (row === undefined) return nobody;
  if (seq <= row.readSeq) return unchanged(state, { seq: row.readSeq });
  const changed = withConversation(state, conversation, { ...row, readSeq: seq });
  const decided = appendFields(changed.state, { kind: 'read', conversation, seq }, now);
  return {
    ...decided,
    result: { seq },
    rows: [...decided.rows, changed.row],
    parcels: [{ kind: 'position', conversation, user: state.user, seq }],
  };
};

/** Decides about a command to one's own user. */
export const decideUser = (state: UserState, command: UserCommand, now: number): Decision<UserState> => {
  if (command.kind === 'read') return read(state, command.conversation, command.seq, now);
  const account = state.account;
  if (account === undefined || account === 'unloaded') return refused('notFound', 'There is no such user.');
  switch (command.kind) {
    case 'addDevice': {
      const { device, name } = command;
      if (account.devices.some((known) => known.device === device)) return unchanged(state, { device });
      if (account.devices.length >= LIMITS.maxDevices) {
        return refused('limitExceeded', `At most ${LIMITS.maxDevices} devices may be signed in; sign one out first.`, {
          limit: 'maxDevices',
          max: LIMITS.maxDevices,
        });
      }
      const decided = withAccount(
        state,
        { ...account, devices: [...account.devices, { device, name, addedAt: now }] },
        { kind: 'device', change: 'added', device, name },
        now,
      );
      return { ...decided, result: { device } };
    }
    case 'revokeDevice': {
      const { device } = command;
      const devices = account.devices.filter((known) => known.device !== device);
      if (devices.length === account.devices.length) return refused('notFound', 'You have no such device.');
      const decided = withAccount(state, { ...account, devices }, { kind: 'device', change: 'revoked', device }, now);
      return { ...decided, deliveries: [...decided.deliveries, { kind: 'revoked', user: state.user, device }] };
    }
    default: {
      const never: never = command;
      return never;
    }
  }
};
