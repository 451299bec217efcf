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
  encodeJson,
  encodeMessage,
  logRow,
  longTextRow,
} from './rows.ts';
import type { MessageOrigin } from './rows.ts';

/**
 * The body in one piece: it is copied into a row and into the frame of each recipient, and a text of many pieces (what `+`
 * and templates make) would be put together for each of them anew.
 */
const bodyOf = (
  conversation: ConversationId,
  seq: number,
  sender: UserId,
  at: number,
  textJson: string,
  end: string,
): string =>
  [
    '{"conversation":"',
    conversation,
    '","seq":',
    seq,
    ',"kind":"text","sender":"',
    sender,
    '","at":',
    at,
    ',"text":',
    textJson,
    end,
  ].join('');

/** A message's body as it travels, and the whole text if only its beginning travels (SYN8). */
const textBody = (
  conversation: ConversationId,
  seq: number,
  sender: UserId,
  at: number,
  text: string,
): { body: string; whole?: string } => {
  const points = text.length <= LIMITS.previewLength ? undefined : [...text];
  if (points === undefined || points.length <= LIMITS.previewLength)
    return { body: bodyOf(conversation, seq, sender, at, JSON.stringify(text), '}') };
  const preview = JSON.stringify(points.slice(0, LIMITS.previewLength).join(''));
  return { body: bodyOf(conversation, seq, sender, at, preview, `,"length":${points.length}}`), whole: text };
};

const originOf = (envelope: Envelope): Origin | undefined =>
  envelope.device === undefined || envelope.outbox === undefined || envelope.n === undefined
    ? undefined
    : { user: envelope.user, device: envelope.device, outbox: envelope.outbox, n: envelope.n };

/** Rows that place a body at the next seq: the message, and the name of a new bucket before it is used. */
export const placed = (conversation: ConversationId, seq: number, body: string, origin?: MessageOrigin): RowChange[] => {
  const { partition, key } = logRow(conversationKey(conversation), seq);
  const rows: RowChange[] = [{ partition, key, value: encodeMessage(body, origin) }];
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
  const { body, whole } = textBody(conversation, seq, envelope.user, now, text);
  const origin = originOf(envelope);
  const rows = placed(
    conversation,
    seq,
    body,
    origin === undefined ? undefined : { outbox: origin.outbox, n: origin.n, hash: envelope.hash },
  );
  if (whole !== undefined) rows.unshift({ ...longTextRow(conversation, seq), value: `1${whole}` });
  return {
    ok: true,
    state: { ...state, head: seq },
    result: { seq, at: now },
    rows,
    parcels: [messageParcel(conversation, seq, now, body, memberIds(roster), origin)],
    deliveries: [],
    toldByRow: origin !== undefined,
  };
};
