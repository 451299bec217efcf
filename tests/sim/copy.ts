/** What devices keep of what they are told, and a fresh fetch is compared with. */
import type { Entry, Message } from '@duolog/protocol';
import { changeHash, hashOf } from '../torture/hash.ts';
import type { Row } from '../torture/history.ts';

export const messageHash = (message: Message): string =>
  message.change === undefined
    ? hashOf(message.text ?? '')
    : changeHash(message.change.action, message.change.users ?? [], message.change.name);

/** What an entry that is no message makes of a user's conversations. */
export const foldEntry = (rows: Map<string, Row>, entry: Entry): void => {
  if (entry.kind === 'membership') {
    const { conversation, state, joinSeq, visibleFrom, leaveSeq, name } = entry;
    const before = rows.get(conversation);
    const readSeq = Math.max(before?.readSeq ?? 0, joinSeq);
    const lastSeq = leaveSeq ?? Math.max(before?.lastSeq ?? 0, joinSeq);
    rows.set(conversation, {
      conversation,
      joinSeq,
      visibleFrom,
      readSeq,
      lastSeq,
      ...(leaveSeq === undefined ? {} : { leaveSeq }),
      // A member's copy follows the messages that tell of names; only after leaving it stays what the entry says.
      ...(state === 'joined' || name === undefined ? {} : { name }),
    });
  } else if (entry.kind === 'read') {
    const row = rows.get(entry.conversation);
    if (row !== undefined) rows.set(entry.conversation, { ...row, readSeq: Math.max(row.readSeq, entry.seq) });
  }
};
