/** What is said in a conversation: its rows, and the parcel that tells of it. */
import { LIMITS, messageFields } from '@duolog/protocol';
import type { ConversationId, UserId } from '@duolog/protocol';
import type { Envelope } from './commands.ts';
import { memberIds, memberOf, nobody } from './conversation-state.ts';
import type { ConversationState } from './conversation-state.ts';
import type { Decision, Origin, Parcel, RowChange } from './decision.ts';
import {
  BUCKET_SIZE,
  KEYS,
  bucketOf,
  conversationKey,
  decodeMessage,
  encodeJson,
  encodeMessage,
  longTextRow,
  nextPartition,
  placeInBucket,
} from './rows.ts';

/** What of a text travels, as the end of a message's body, and the whole text if only its beginning travels (SYN8). */
const textFields = (text: string): { fields: string; whole?: string } => {
  const points = text.length <= LIMITS.previewLength ? undefined : [...text];
  if (points === undefined || points.length <= LIMITS.previewLength)
    return { fields: `"text":${JSON.stringify(text)}}` };
  const preview = JSON.stringify(points.slice(0, LIMITS.previewLength).join(''));
  return { fields: `"text":${preview},"length":${points.length}}`, whole: text };
};

const originOf = (envelope: Envelope): Origin | undefined =>
  envelope.device === undefined || envelope.outbox === undefined || envelope.n === undefined
    ? undefined
    : { user: envelope.user, device: envelope.device, outbox: envelope.outbox, n: envelope.n };

/** Rows that place a message at the next seq: its own in this Store partition, and the name of a new bucket before it is used. */
export const placed = (conversation: ConversationId, partition: string, seq: number, value: string): RowChange[] => {
  const rows: RowChange[] = [{ partition, key: placeInBucket(seq), value }];
  if (seq % BUCKET_SIZE === 0)
    rows.push({
      partition: conversationKey(conversation),
      key: KEYS.log,
      value: encodeJson({ bucket: bucketOf(seq) }),
    });
  return rows;
};

export const messageParcel = (
  conversation: ConversationId,
  seq: number,
  at: number,
  body: string,
  to: readonly UserId[],
  origin?: Origin,
): Parcel => {
  const fields = messageFields(body);
  return origin === undefined
    ? { kind: 'message', to, conversation, seq, at, fields }
    : { kind: 'message', to, conversation, seq, at, fields, origin };
};

export const send = (
  state: ConversationState,
  envelope: Envelope,
  text: string,
  now: number,
): Decision<ConversationState> => {
  const { roster, conversation } = state;
  if (roster === undefined || memberOf(roster, envelope.user) === undefined) return nobody;
  const seq = state.head + 1;
  const { fields, whole } = textFields(text);
  const origin = originOf(envelope);
  const value = encodeMessage(
    `{"conversation":"${conversation}","seq":${seq},"kind":"text","sender":"${envelope.user}","at":${now},${fields}`,
    origin === undefined ? undefined : { outbox: origin.outbox, n: origin.n, hash: envelope.hash },
  );
  // Cut from the row, not the other way round: that puts the pieces together once for the row and all recipients.
  const body = decodeMessage(value);
  const logPartition = nextPartition(conversationKey, conversation, state.logPartition, seq);
  const rows = placed(conversation, logPartition, seq, value);
  if (whole !== undefined) rows.unshift({ ...longTextRow(conversation, seq), value: `1${whole}` });
  return {
    ok: true,
    state: { ...state, head: seq, logPartition },
    result: { seq, at: now },
    rows,
    parcels: [messageParcel(conversation, seq, now, body, memberIds(roster), origin)],
    deliveries: [],
    toldByRow: origin !== undefined,
  };
};
