/** A device's rows of conversations, as its entries make them. */
import type { WireConversation, WireEntry } from './wire.ts';

export type Rows = Map<string, WireConversation>;

const takeMembership = (rows: Rows, entry: WireEntry): void => {
  const { conversation = '', joinSeq = 0, visibleFrom = 1, leaveSeq, name } = entry;
  const old = rows.get(conversation);
  const readSeq = Math.max(old?.readSeq ?? 0, joinSeq);
  const row = { conversation, joinSeq, visibleFrom, readSeq, lastSeq: old?.lastSeq ?? 0 };
  rows.set(conversation, leaveSeq === undefined ? row : { ...row, leaveSeq, ...(name === undefined ? {} : { name }) });
};

/** Takes an applied entry into the rows. */
export const takeIntoRows = (rows: Rows, entry: WireEntry): void => {
  if (entry.kind === 'membership') return takeMembership(rows, entry);
  const row = rows.get(entry.message?.conversation ?? entry.conversation ?? '');
  const seq = entry.message?.seq ?? entry.seq;
  if (row === undefined || seq === undefined) return undefined;
  if (entry.kind === 'read') rows.set(row.conversation, { ...row, readSeq: seq });
  else if (entry.kind === 'message' || entry.kind === 'sent') rows.set(row.conversation, { ...row, lastSeq: seq });
  return undefined;
};
