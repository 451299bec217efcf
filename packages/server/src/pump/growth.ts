/** How logs grow in a turn. Entries that point to one message after another of a conversation are one row (docs/decisions/0011). */
import type { ConversationId } from '@duolog/protocol';
import type { RowChange } from '../core/decision.ts';
import { MAX_NUMBERS_OF_ROW, encodePointers, placeInBucket } from '../core/rows.ts';
import type { MessageParcel, UserState } from '../core/users.ts';
import { pointersBytes } from './sizes.ts';

/** Entries at the end of a user's log that have no row yet: it is made when they end. */
interface Pointers {
  /** Store partition of the row. */
  readonly partition: string;
  readonly conversation: ConversationId;
  /** Of the last. */
  useq: number;
  seq: number;
  count: number;
}

/** How far a log grew: both ends included. */
export interface Growth {
  readonly from: number;
  to: number;
  pointers: Pointers | undefined;
}

/** What of a turn this is about. */
interface GrowingTurn {
  readonly rows: RowChange[];
  readonly grown: Map<string, Growth>;
  bytes: number;
}

/** Makes the row of entries that have none yet. */
export const endPointers = (turn: GrowingTurn, growth: Growth): void => {
  const { pointers } = growth;
  if (pointers === undefined) return;
  const { partition, conversation, useq, seq, count } = pointers;
  turn.rows.push({ partition, key: placeInBucket(useq), value: encodePointers(conversation, seq, count) });
  growth.pointers = undefined;
};

const growTo = (turn: GrowingTurn, entity: string, before: number, after: number): Growth => {
  let growth = turn.grown.get(entity);
  if (growth === undefined) {
    growth = { from: before + 1, to: after, pointers: undefined };
    turn.grown.set(entity, growth);
  } else growth.to = after;
  return growth;
};

/** The entity's log grew by what has its rows already; they are to be added after this. */
export const grow = (turn: GrowingTurn, entity: string, before: number, after: number): void => {
  if (after > before) endPointers(turn, growTo(turn, entity, before, after));
};

/** The log of a user grew by an entry that points to a message: it goes on in the row of those before it, or begins one. */
export const growByMessage = (
  turn: GrowingTurn,
  entity: string,
  { head, logPartition = '' }: UserState,
  { conversation, seq }: MessageParcel,
): void => {
  const growth = growTo(turn, entity, head - 1, head);
  const { pointers } = growth;
  if (
    pointers !== undefined &&
    pointers.count < MAX_NUMBERS_OF_ROW &&
    pointers.seq + 1 === seq &&
    pointers.conversation === conversation &&
    pointers.partition === logPartition
  ) {
    pointers.useq = head;
    pointers.seq = seq;
    pointers.count += 1;
    return;
  }
  endPointers(turn, growth);
  growth.pointers = { partition: logPartition, conversation, useq: head, seq, count: 1 };
  turn.bytes += pointersBytes(logPartition, conversation);
};
