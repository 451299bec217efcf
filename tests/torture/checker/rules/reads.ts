/** Rules 4 (edits), 9 and 13: what reads show, and in which epoch. */
import { lastAtOrBefore, risingMax, type HeadSeen, type Point, type Read } from '../evidence.ts';
import { obtain } from '../obtain.ts';
import type { FinalConversation, Interval } from '../final-log.ts';
import type { UserLog } from '../user-log.ts';
import { firstOk, isLogged, say, type Case, type Rule } from './judge.ts';

/** 4: an acknowledged edit or recall is in the final log, unless a newer revision is. The agreement itself is checked while collecting. */
export const editsStay: Rule = ({ evidence, finals, findings }) => {
  for (const command of evidence.commands.values()) {
    if ((command.method !== 'edit' && command.method !== 'recall') || command.conversation === undefined) continue;
    const ok = firstOk(command);
    const item =
      command.targetSeq === undefined
        ? undefined
        : finals.conversations.get(command.conversation)?.items[command.targetSeq];
    if (ok?.revision === undefined || item === undefined || evidence.restored.length > 0) continue;
    findings.checked(4);
    const revision = item.revision ?? 0;
    const wanted = command.method === 'edit' ? command.hash : undefined;
    if (revision < ok.revision || (revision === ok.revision && item.hash !== wanted)) {
      findings.found(
        4,
        `${say(command)} made revision ${ok.revision} of ${command.targetSeq}, which ends as revision ${revision} ${item.hash ?? 'recalled'}`,
      );
    }
  }
};

/** The least head a member must be shown once the conversation is known to reach `known`. */
const leastHead = (intervals: readonly Interval[], known: number): number => {
  let least = 0;
  for (const { joinSeq, leaveSeq } of intervals)
    if (known > joinSeq) least = Math.max(least, Math.min(known, leaveSeq));
  return least;
};

type Known = (atUs: number) => number;

const knownHeads = ({ evidence }: Case, epoch: string): ReadonlyMap<string, Known> => {
  const points = new Map<string, Point[]>();
  for (const command of evidence.commands.values()) {
    if (!isLogged(command) || command.conversation === undefined) continue;
    for (const attempt of command.attempts) {
      if (attempt.result !== 'ok' || attempt.seq === undefined || (attempt.epoch ?? epoch) !== epoch) continue;
      obtain(points, command.conversation, () => []).push({ atUs: attempt.answeredAtUs, value: attempt.seq });
    }
  }
  for (const read of evidence.reads) {
    if (read.epoch === epoch) obtain(points, read.conversation, () => []).push({ atUs: read.atUs, value: read.head });
  }
  return new Map([...points].map(([conversation, list]) => [conversation, risingMax(list)]));
};

const checkRead = (read: Read, conversation: FinalConversation, known: number, { findings }: Case): void => {
  const least = leastHead(conversation.members.get(read.user) ?? [], known);
  findings.checked(9);
  if (read.head < least)
    findings.found(
      9,
      `${read.conversation}: ${read.user} is shown head ${read.head}, though ${least} was known before the read was asked`,
    );
};

/** What each device had learnt of a user log at a time, by being told its head or by applying an entry. */
const learnt = (seen: readonly HeadSeen[], log: UserLog | undefined): ReadonlyMap<string, Known> => {
  const told = new Map<string, Point[]>();
  for (const { device, atUs, head } of seen) obtain(told, device, () => []).push({ atUs, value: head });
  const known = new Map<string, Known>();
  for (const device of new Set([...told.keys(), ...(log?.applied.keys() ?? [])])) {
    const byTelling = risingMax(told.get(device) ?? []);
    const applied = log?.applied.get(device);
    known.set(device, (atUs) => Math.max(byTelling(atUs), applied?.useq[lastAtOrBefore(applied.atUs, atUs)] ?? 0));
  }
  return known;
};

/** Heads of one user log: never below what was known before the question. A beat is measured against its own device only. */
const checkUserHeads = (key: string, seen: readonly HeadSeen[], { evidence, findings }: Case): void => {
  const known = learnt(seen, evidence.userLogs.get(key));
  for (const { device, via, askedAtUs, head } of seen) {
    findings.checked(9);
    let before = 0;
    for (const [other, knows] of known)
      if (via !== 'beat' || other === device) before = Math.max(before, knows(askedAtUs - 1));
    if (head < before) {
      findings.found(
        9,
        `user log ${key}: ${device} is shown head ${head} (${via}), though ${before} was known before it asked`,
      );
    }
  }
};

/** 9: a read asked after ok(a) shows a head ≥ seq(a); heads never fall within an epoch. */
export const readsAreFresh: Rule = (given) => {
  const { evidence, finals } = given;
  for (const [key, seen] of evidence.heads) checkUserHeads(key, seen, given);
  if (finals.epoch === undefined) return;
  // Memberships are known of the last epoch only: they follow from the final log.
  const known = knownHeads(given, finals.epoch);
  for (const read of evidence.reads) {
    const conversation = finals.conversations.get(read.conversation);
    if (read.epoch === finals.epoch && conversation !== undefined) {
      checkRead(read, conversation, known.get(read.conversation)?.(read.askedAtUs - 1) ?? 0, given);
    }
  }
};

/** 13: the epoch changes only at a recorded restore. That no device goes back is checked while collecting. */
export const epochsChangeByRestore: Rule = ({ evidence, findings }) => {
  const epochs = [...evidence.epochs].toSorted(([, a], [, b]) => a.firstAtUs - b.firstAtUs);
  for (const [epoch, { firstAtUs, firstDevice }] of epochs.slice(1)) {
    const restored = evidence.restored.find((restore) => restore.epoch === epoch);
    if (restored === undefined) findings.found(13, `${firstDevice} sees epoch ${epoch}, which no restore made`);
    else if (firstAtUs < restored.atUs) findings.found(13, `${firstDevice} sees epoch ${epoch} before it was made`);
  }
};
