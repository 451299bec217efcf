/** The final logs, put together from what a fresh device of each user read, and the memberships that follow from them. */
import type { Item } from '../history.ts';
import { viewKey, type Command, type Evidence } from './evidence.ts';
import { obtain } from './obtain.ts';
import { newSeqSet, type LogView, type SeqSet } from './log-view.ts';

/** A time of membership: messages in (joinSeq, leaveSeq] are received, those from `visibleFrom` on may be read. */
export interface Interval {
  readonly joinSeq: number;
  readonly visibleFrom: number;
  leaveSeq: number;
}

export interface FinalConversation {
  readonly conversation: string;
  readonly epoch: string;
  /** The newest seq that anybody was told of. */
  readonly lastSeq: number;
  /** By seq. */
  readonly items: (Item | undefined)[];
  /** By user: what they read, and up to where they were told to. */
  readonly readers: Map<string, { readonly seqs: SeqSet; lastSeq: number; twice: number | undefined }>;
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
    const gone = action === 'left' && item.sender !== undefined ? [item.sender] : action === 'removed' ? users : [];
    for (const user of gone) {
      const open = members.get(user)?.at(-1);
      if (open?.leaveSeq === Number.POSITIVE_INFINITY) open.leaveSeq = item.seq;
    }
  }
  return members;
};

/** Puts the final logs together. Where two users' differ, the first one counts here; rule 4 reports it. */
export const buildFinalLog = (evidence: Evidence): FinalLog => {
  const drafts = new Map<
    string,
    { epoch: string; lastSeq: number; items: (Item | undefined)[]; readers: FinalConversation['readers'] }
  >();
  for (const final of evidence.finals) {
    const draft = obtain(drafts, final.conversation, () => ({
      epoch: final.epoch,
      lastSeq: 0,
      items: [],
      readers: new Map(),
    }));
    const reader = obtain(draft.readers, final.user, () => ({ seqs: newSeqSet(), lastSeq: 0, twice: undefined }));
    draft.lastSeq = Math.max(draft.lastSeq, final.lastSeq);
    reader.lastSeq = Math.max(reader.lastSeq, final.lastSeq);
    for (const item of final.items) {
      draft.items[item.seq] ??= item;
      if (reader.seqs.has(item.seq)) reader.twice ??= item.seq;
      reader.seqs.add(item.seq);
    }
  }
  const commandsOf = new Map<string, Command[]>();
  for (const command of evidence.commands.values()) {
    if (command.method === 'create' && command.conversation !== undefined)
      obtain(commandsOf, command.conversation, () => []).push(command);
  }
  const conversations = new Map<string, FinalConversation>();
  const places = new Map<string, Place[]>();
  for (const [conversation, draft] of drafts) {
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
  return { conversations, places, epoch: evidence.finals[0]?.epoch };
};

/** The hash a message was sent with, even if it was edited since; undefined if nobody saw it before. */
export const sentHash = (item: Item, view: LogView | undefined): string | undefined =>
  (item.revision ?? 0) === 0 ? item.hash : view?.hashes[item.seq];

/** Whether a user may have seen this seq. */
export const mayRead = (intervals: readonly Interval[] | undefined, seq: number): boolean =>
  intervals?.some((interval) => seq >= interval.visibleFrom && seq <= interval.leaveSeq) ?? false;
