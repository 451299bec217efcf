/**
 * Bytes of what a batch holds, as UTF-8, so that a turn stops before the ledger's largest batch (COM1). What is counted
 * before it is known is counted from above.
 */
import { LIMITS } from '@duolog/protocol';
import type { ConversationId } from '@duolog/protocol';
import type { Envelope } from '../core/commands.ts';
import type { Parcel, RowChange } from '../core/decision.ts';
import type { Answer, Outbox } from '../core/outbox.ts';

/** Around the names and the value of a row, in a record. */
const ROW_FRAME = 16;
/** Row of an entry that points to a message, and its share of the digest. */
const ENTRY_BYTES = 128;
/** Entry and row of a membership, but for the name: who joins has it in the entry, who left in both. */
const MEMBERSHIP_BYTES = 512;
/** Account with all its devices, and the entry that tells of the change. */
const ACCOUNT_BYTES = 12_288;
/** Read positions of a hundred members. */
const POSITIONS_BYTES = 4_096;
const SMALL_BYTES = 512;
/** Roster of a hundred members, and a message that tells of a change. */
const ROSTER_BYTES = 24_576;
/** Of one UTF-16 unit: in a text that is kept as it is; escaped in JSON. */
const UNIT_BYTES = 3;
const JSON_UNIT_BYTES = 6;

/** Bytes of an outbox row with eight results, and what a refusal takes more than a result. */
const OUTBOX_BYTES = 768;
const REFUSAL_BYTES = 128;

/** What an outbox row adds to a batch when it is first written in it, at most. */
export const outboxBytes = (outbox: Outbox): number => {
  let bytes = OUTBOX_BYTES;
  for (const { answer } of outbox) bytes += answerBytes(answer);
  return bytes;
};
/** What one more answer adds to a row that is in the batch already. */
export const answerBytes = (answer: Answer): number => ('refusal' in answer ? REFUSAL_BYTES : 0);

export const rowBytes = ({ partition, key, value }: RowChange): number =>
  partition.length + key.length + Buffer.byteLength(value) + ROW_FRAME;

/** Key and numbers of a row of entries that point to messages. */
const POINTERS_FRAME = 32;

/** What a row of entries that point to messages of one conversation takes, at most; all of it is ASCII. */
export const pointersBytes = (partition: string, conversation: ConversationId): number =>
  partition.length + conversation.length + POINTERS_FRAME + ROW_FRAME;

/** What taking a parcel adds to the batch of its destination, at most. */
export const takingBytes = (parcel: Parcel): number => {
  switch (parcel.kind) {
    case 'message':
      return parcel.to.length * ENTRY_BYTES;
    case 'membership':
      return (
        parcel.to.length *
        (MEMBERSHIP_BYTES + (parcel.state === 'left' ? 2 : 1) * (parcel.name?.length ?? 0) * JSON_UNIT_BYTES)
      );
    case 'account':
    case 'handle':
      return ACCOUNT_BYTES;
    case 'position':
      return POSITIONS_BYTES;
    case 'confirmed':
    case 'released':
      return SMALL_BYTES;
    default: {
      const never: never = parcel;
      return never;
    }
  }
};

/**
 * What a parcel adds to the batch that sends it, but for the text that it shares with others. One to another partition
 * counts for no less than it takes there: that batch has to hold all that one batch of ours sends it (COM5).
 */
export const sendingBytes = (parcel: Parcel, own: boolean): number => {
  const taking = takingBytes(parcel);
  if (own) return taking;
  const shared = parcel.kind === 'message' ? { ...parcel, fields: '' } : parcel;
  return Math.max(Buffer.byteLength(JSON.stringify(shared)), taking);
};

/** The text that the parcels of one message share: the ledger keeps it once. */
export const sharedBytes = (parcel: Parcel): number =>
  parcel.kind === 'message' ? Buffer.byteLength(parcel.fields) : 0;

/** What deciding about a command adds to a batch, at most. `members`: how many the conversation has; `shares`: among how many partitions they may be divided. */
export const commandBytes = ({ command }: Envelope, members: number, shares: number): number => {
  switch (command.kind) {
    case 'send': {
      const { length } = command.text;
      const preview = Math.min(length, 2 * LIMITS.previewLength);
      const whole = length > LIMITS.previewLength ? length * UNIT_BYTES : 0;
      // In the message, and once more in what the parcels share.
      return whole + 2 * preview * JSON_UNIT_BYTES + (members + shares) * ENTRY_BYTES + SMALL_BYTES;
    }
    case 'createGroup':
      return (
        ROSTER_BYTES + (command.members.length + 1) * 2 * (MEMBERSHIP_BYTES + LIMITS.maxNameLength * JSON_UNIT_BYTES)
      );
    case 'add':
      return ROSTER_BYTES + command.users.length * 2 * (MEMBERSHIP_BYTES + LIMITS.maxNameLength * JSON_UNIT_BYTES);
    case 'remove':
    case 'leave':
      return ROSTER_BYTES + 2 * (MEMBERSHIP_BYTES + 2 * LIMITS.maxNameLength * JSON_UNIT_BYTES);
    default:
      return ROSTER_BYTES;
  }
};
