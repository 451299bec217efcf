/** Rule 10: who may see what. */
import { viewKey, type Command } from '../evidence.ts';
import { obtain } from '../obtain.ts';
import { mayRead, type FinalConversation } from '../final-log.ts';
import { firstAskedAtUs, firstOk, placesOf, settledAtUs, say, type Case, type Rule } from './judge.ts';

const checkSeen = (conversation: FinalConversation, { evidence, findings }: Case): void => {
  const view = evidence.views.get(viewKey(conversation.epoch, conversation.conversation));
  for (const [user, seqs] of view?.seenBy ?? []) {
    const intervals = conversation.members.get(user);
    for (const seq of seqs.values()) {
      findings.checked(10);
      if (!mayRead(intervals, seq)) {
        findings.found(
          10,
          `${conversation.conversation}: ${user} sees ${seq}, who may read ${(intervals ?? []).map((i) => `${i.visibleFrom} … ${i.leaveSeq}`).join(', ') || 'nothing'}`,
        );
      }
    }
  }
};

/** A time from which on nothing of `from` may be stored in (or reach anybody of) the conversation. */
interface Barrier {
  readonly by: Command;
  readonly atUs: number;
  /** When somebody began to lift it; Infinity: never. */
  readonly untilUs: number;
}

/** Removals end when somebody asks to add the person again, blocks when the blocker asks to unblock. */
const barriers = (commands: Iterable<Command>): Map<string, Barrier[]> => {
  const raised = new Map<string, { readonly by: Command; readonly atUs: number }[]>();
  const lifted = new Map<string, Command[]>();
  for (const command of commands) {
    const { method, conversation, user } = command;
    if (conversation === undefined) continue;
    const people = method === 'leave' ? [user] : command.people;
    for (const person of people) {
      const key = `${conversation} ${person}`;
      if (method === 'add' || method === 'unblock' || method === 'create') obtain(lifted, key, () => []).push(command);
      const ok = firstOk(command);
      // A removal of nobody (seq 0) changed nothing, but the person was out already.
      if ((method === 'remove' || method === 'leave' || method === 'block') && ok !== undefined) {
        obtain(raised, key, () => []).push({ by: command, atUs: ok.answeredAtUs });
      }
    }
  }
  const all = new Map<string, Barrier[]>();
  for (const [key, list] of raised) {
    // One that was under way while the barrier was asked for may have been carried out after it.
    const untilUs = (by: Command): number =>
      Math.min(
        Number.POSITIVE_INFINITY,
        ...(lifted.get(key) ?? [])
          .filter((lift) => settledAtUs(lift) > firstAskedAtUs(by))
          .map((lift) => firstAskedAtUs(lift)),
      );
    all.set(
      key,
      list.map(({ by, atUs }) => ({ by, atUs, untilUs: untilUs(by) })),
    );
  }
  return all;
};

/** The barrier that stood all the time in which this command can have been carried out. */
const standing = (list: readonly Barrier[] | undefined, command: Command): Barrier | undefined => {
  const fromUs = firstAskedAtUs(command);
  const untilUs =
    firstOk(command)?.answeredAtUs ?? Math.max(...command.attempts.map((attempt) => attempt.answeredAtUs));
  return list?.find(
    (barrier) => barrier.atUs < fromUs && (untilUs < barrier.untilUs || barrier.untilUs === Number.POSITIVE_INFINITY),
  );
};

const checkSenders = (
  sends: Iterable<Command>,
  all: ReadonlyMap<string, readonly Barrier[]>,
  { finals, findings }: Case,
): void => {
  for (const command of sends) {
    const barrier = standing(all.get(`${command.conversation} ${command.user}`), command);
    if (barrier === undefined) continue;
    findings.checked(10);
    if (placesOf(finals, command).length > 0 || firstOk(command) !== undefined) {
      findings.found(10, `${say(command)} is stored, though ${say(barrier.by)} was answered before it was asked`);
    }
  }
};

/** What was sent to a conversation after somebody had been removed from it for good does not reach that person. */
const checkReceiver = (
  person: string,
  conversation: FinalConversation,
  sends: Iterable<Command>,
  list: readonly Barrier[],
  { evidence, finals, findings }: Case,
): void => {
  const seen = evidence.views.get(viewKey(conversation.epoch, conversation.conversation))?.seenBy.get(person);
  const removals = list.filter(
    (barrier) => barrier.by.method !== 'block' && barrier.untilUs === Number.POSITIVE_INFINITY,
  );
  if (seen === undefined || removals.length === 0) return;
  for (const command of sends) {
    const barrier = standing(removals, command);
    if (barrier === undefined) continue;
    findings.checked(10);
    const place = placesOf(finals, command)[0];
    if (place !== undefined && seen.has(place.seq)) {
      findings.found(
        10,
        `${say(command)} reaches ${person}, though ${say(barrier.by)} was answered before it was asked`,
      );
    }
  }
};

/** 10: nobody sees a seq outside their memberships; no send asked after a removal or block was answered reaches whom it protects. */
export const visibilityHolds: Rule = (given) => {
  const { evidence, finals } = given;
  for (const conversation of finals.conversations.values()) checkSeen(conversation, given);
  // A restore undoes removals and blocks too: then only what is in the final log tells who was a member.
  if (evidence.restored.length > 0) return;
  const all = barriers(evidence.commands.values());
  const sends = new Map<string, Command[]>();
  for (const command of evidence.commands.values()) {
    if (command.method === 'send' && command.conversation !== undefined)
      obtain(sends, command.conversation, () => []).push(command);
  }
  for (const list of sends.values()) checkSenders(list, all, given);
  for (const [key, list] of all) {
    const [id = '', person = ''] = key.split(' ');
    const conversation = finals.conversations.get(id);
    if (conversation !== undefined) checkReceiver(person, conversation, sends.get(id) ?? [], list, given);
  }
};
