/** Rule 8: every member's user log holds every message of the membership. */
import { viewKey, type Evidence } from '../evidence.ts';
import type { FinalConversation } from '../final-log.ts';
import type { UserLog } from '../user-log.ts';
import type { Case, Rule } from './judge.ts';

/** Seqs of message entries by conversation, in the order of useq. */
const messageSeqs = (log: UserLog): ReadonlyMap<string, readonly number[]> => {
  const seqs = new Map<string, number[]>();
  for (const [useq, kind] of log.kinds.entries()) {
    const conversation = log.conversations[useq];
    const seq = log.seqs[useq];
    if (kind !== 'message' || conversation === undefined || seq === undefined) continue;
    const list = seqs.get(conversation);
    if (list === undefined) seqs.set(conversation, [seq]);
    else list.push(seq);
  }
  return seqs;
};

const expectedSeqs = (conversation: FinalConversation, user: string): readonly number[] => {
  const seqs: number[] = [];
  for (const { joinSeq, leaveSeq } of conversation.members.get(user) ?? []) {
    for (let seq = joinSeq + 1; seq <= Math.min(leaveSeq, conversation.lastSeq); seq++) seqs.push(seq);
  }
  return seqs;
};

/** How far the user log was replayed from its start, by user; undefined: no device did so to the end. */
const replayed = (evidence: Evidence): ReadonlyMap<string, { readonly cursor: number; readonly epoch: string }> => {
  const cursors = new Map<string, { readonly cursor: number; readonly epoch: string }>();
  for (const { source, user, cursor, epoch } of evidence.rests)
    if (source === 'replay') cursors.set(user, { cursor, epoch });
  return cursors;
};

/** 8: at rest, each member's entries hold every seq of the membership interval once, in order. */
export const entriesAreWhole: Rule = ({ evidence, finals, findings }: Case) => {
  for (const [user, { cursor, epoch }] of replayed(evidence)) {
    const log = evidence.userLogs.get(viewKey(epoch, user));
    let known = 0;
    while (known < cursor && log?.kinds[known + 1] !== undefined) known++;
    if (known < cursor)
      findings.found(8, `the replay of ${user} claims ${cursor} entries and shows none at ${known + 1}`);
    const seqs = log === undefined ? new Map<string, readonly number[]>() : messageSeqs(log);
    for (const conversation of finals.conversations.values()) {
      if (!conversation.members.has(user)) continue;
      findings.checked(8);
      const expected = expectedSeqs(conversation, user);
      const got = seqs.get(conversation.conversation) ?? [];
      const at = expected.findIndex((seq, index) => got[index] !== seq);
      if (at >= 0)
        findings.found(
          8,
          `${conversation.conversation}: the entries of ${user} have ${got[at] ?? 'nothing'} where ${expected[at]} belongs`,
        );
      else if (got.length > expected.length)
        findings.found(
          8,
          `${conversation.conversation}: ${user} has an entry for ${got[expected.length]}, outside the membership`,
        );
    }
  }
};
