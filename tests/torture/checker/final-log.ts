/** The final logs, put together from what a fresh device of each user read, and the memberships that follow from them. */
import type { Item } from '../history.ts';
import { viewKey, type Command, type Evidence, type FinalDraft } from './evidence.ts';
import { obtain } from './obtain.ts';
import type { LogView } from './log-view.ts';

/** A time of membership: messages in (joinSeq, leaveSeq] are received, those from `visibleFrom` on may be read. */
export interface Interval {
  readonly joinSeq: number;
  readonly visibleFrom: number;
  leaveSeq: number;
}

export interface FinalConversation extends FinalDraft {
  readonly conversation: string;
  /** By user, in order of time. */
  readonly members: ReadonlyMap<string, readonly Interval[]>;
  readonly view: LogView | undefined;
}

/** Where a message of the final logs stands. */
export interface Place {
  readonly conversation: string;
  readonly seq: number;
}

export interface FinalLog {
  readonly conversations: ReadonlyMap<string, FinalConversation>;
  /** Where a hash stands; more than one place if it was doubled. Texts by the hash they were sent with. */
  readonly places: ReadonlyMap<string, readonly Place[]>;
  readonly epoch: string | undefined;
}

const initialMembers = (commands: readonly Command[]): ReadonlySet<string> => {
  const members = new Set<string>();
  for (const command of commands) {
    if (command.method !== 'create') continue;
    members.add(command.user);
    for (const person of command.people) members.add(person);
  }
  return members;
};

/** Who was a member when: from the command that created the conversation and the changes in its log. */
const memberships = (commands: readonly Command[], items: readonly (Item | undefined)[]): Map<string, Interval[]> => {
  const members = new Map<string, Interval[]>();
  const join = (user: string, joinSeq: number, visibleFrom: number): void => {
    const intervals = obtain(members, user, () => []);
    if (intervals.at(-1)?.leaveSeq !== Number.POSITIVE_INFINITY)
      intervals.push({ joinSeq, visibleFrom, leaveSeq: Number.POSITIVE_INFINITY });
  };
  for (const user of initialMembers(commands)) join(user, 0, 1);
  for (const item of items) {
    if (item?.change === undefined) continue;
    const { action, users, visibleFrom = item.seq } = item.change;
    if (action === 'added') for (const user of users) join(user, item.seq - 1, visibleFrom);
    for (const user of action === 'left' || action === 'removed' ? users : []) {
      const open = members.get(user)?.at(-1);
      if (open?.leaveSeq === Number.POSITIVE_INFINITY) open.leaveSeq = item.seq;
    }
  }
  return members;
};

/** Puts the final logs together. */
export const buildFinalLog = (evidence: Evidence): FinalLog => {
  const commandsOf = new Map<string, Command[]>();
  for (const command of evidence.commands.values()) {
    if (command.method === 'create' && command.conversation !== undefined)
      obtain(commandsOf, command.conversation, () => []).push(command);
  }
  const conversations = new Map<string, FinalConversation>();
  const places = new Map<string, Place[]>();
  for (const [conversation, draft] of evidence.finals) {
    const view = evidence.views.get(viewKey(draft.epoch, conversation));
    const members = memberships(commandsOf.get(conversation) ?? [], draft.items);
    conversations.set(conversation, { conversation, ...draft, members, view });
    for (const item of draft.items) {
      const hash = item === undefined ? undefined : sentHash(item, view);
      if (item !== undefined && hash !== undefined && item.change === undefined) {
        obtain(places, hash, () => []).push({ conversation, seq: item.seq });
      }
    }
  }
  return { conversations, places, epoch: [...evidence.finals.values()][0]?.epoch };
};

/** The hash a message was sent with, even if it was edited since; undefined if nobody saw it before. */
const sentHash = (item: Item, view: LogView | undefined): string | undefined =>
  (item.revision ?? 0) === 0 ? item.hash : view?.hashes[item.seq];

/** Whether a user may have seen this seq. */
export const mayRead = (intervals: readonly Interval[] | undefined, seq: number): boolean =>
  intervals?.some((interval) => seq >= interval.visibleFrom && seq <= interval.leaveSeq) ?? false;
