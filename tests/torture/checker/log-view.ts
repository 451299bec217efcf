/** What anybody saw of one conversation log in one epoch (rules 4 and 10). */
import type { Change, Item } from '../history.ts';
import { obtain } from './obtain.ts';

export interface LogView {
  /** By seq: the hash as it was sent, the sender, when anybody saw it first. */
  readonly hashes: (string | undefined)[];
  readonly senders: (string | undefined)[];
  readonly changes: (Change | undefined)[];
  readonly firstSeenAtUs: (number | undefined)[];
  /** Hash by seq and revision, of messages that were edited; undefined: recalled. */
  readonly revisions: Map<number, Map<number, string | undefined>>;
  /** The newest revision a device read or was told, and when, by way, device and seq. */
  readonly newest: Map<string, { readonly revision: number; readonly atUs: number }>;
  /** By user: a mark for each seq seen. */
  readonly seenBy: Map<string, SeqSet>;
}

export const newLogView = (): LogView => ({
  hashes: [],
  senders: [],
  changes: [],
  firstSeenAtUs: [],
  revisions: new Map(),
  newest: new Map(),
  seenBy: new Map(),
});

/** A set of seqs, one byte each. */
export interface SeqSet {
  readonly add: (seq: number) => void;
  readonly has: (seq: number) => boolean;
  readonly values: () => Generator<number>;
}

export const newSeqSet = (): SeqSet => {
  let marks = new Uint8Array(64);
  return {
    add: (seq) => {
      if (seq >= marks.length) {
        const larger = new Uint8Array(Math.max(seq + 1, marks.length * 2));
        larger.set(marks);
        marks = larger;
      }
      marks[seq] = 1;
    },
    has: (seq) => marks[seq] === 1,
    values: function* () {
      for (let seq = 0; seq < marks.length; seq++) if (marks[seq] === 1) yield seq;
    },
  };
};

/** Who saw a message, and when. */
export interface Sight {
  readonly user: string;
  readonly device: string;
  /** Of an entry: the same as `atUs`. */
  readonly askedAtUs: number;
  readonly atUs: number;
  /** read: as it is now; told: by an entry that made it so, perhaps long ago; passing: beside something else, now or then. */
  readonly way: 'read' | 'told' | 'passing';
}

/** Revisions told only advance, and what is read is not older than what was read or told before. */
const checkAdvance = (view: LogView, seq: number, revision: number, sight: Sight): string | undefined => {
  if (sight.way === 'passing') return undefined;
  for (const way of sight.way === 'read' ? ['read', 'told'] : ['told']) {
    const newest = view.newest.get(`${way} ${sight.device} ${seq}`);
    if (newest !== undefined && revision < newest.revision && (sight.way === 'told' || sight.askedAtUs > newest.atUs)) {
      return `${sight.device} sees revision ${revision} of ${seq} after revision ${newest.revision}`;
    }
  }
  const key = `${sight.way} ${sight.device} ${seq}`;
  if (revision > (view.newest.get(key)?.revision ?? 0)) view.newest.set(key, { revision, atUs: sight.atUs });
  return undefined;
};

const seeRevision = (view: LogView, item: Item, sight: Sight): string | undefined => {
  const revision = item.revision ?? 0;
  const fallen = checkAdvance(view, item.seq, revision, sight);
  if (fallen !== undefined || revision === 0) return fallen;
  const known = obtain(view.revisions, item.seq, () => new Map<number, string | undefined>());
  if (!known.has(revision)) known.set(revision, item.hash);
  else if (known.get(revision) !== item.hash)
    return `revision ${revision} of ${item.seq} is ${item.hash} to ${sight.device} and ${known.get(revision)} to another`;
  return undefined;
};

/** Takes a sight of a message down. Returns, in words, how it disagrees with others (rule 4), if it does. */
export const see = (view: LogView, item: Item, sight: Sight): string | undefined => {
  const { seq } = item;
  const first = view.firstSeenAtUs[seq];
  if (first === undefined || sight.atUs < first) view.firstSeenAtUs[seq] = sight.atUs;
  obtain(view.seenBy, sight.user, newSeqSet).add(seq);
  if (item.change !== undefined) view.changes[seq] = item.change;
  if (item.sender !== undefined) {
    const sender = (view.senders[seq] ??= item.sender);
    if (sender !== item.sender) return `${seq} is from ${item.sender} to ${sight.device} and from ${sender} to another`;
  }
  if ((item.revision ?? 0) === 0 && item.hash !== undefined) {
    const hash = (view.hashes[seq] ??= item.hash);
    if (hash !== item.hash) return `${seq} is ${item.hash} to ${sight.device} and ${hash} to another`;
  }
  return seeRevision(view, item, sight);
};
