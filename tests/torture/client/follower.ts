/** How a device follows its user's log: cursor, live entries, pulls, resets. Takes down what it applies and learns. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Recorder } from '../record.ts';
import { takeIntoRows, type Rows } from './rows.ts';
import { itemOf, type Call, type WireConversation, type WireEntry } from './wire.ts';

export interface FollowerOptions {
  readonly user: string;
  readonly device: string;
  readonly recorder: Recorder;
  readonly clock: () => number;
  /** Over the connection that stands now. */
  readonly call: Call;
  /** Which connection that is; `undefined`: none. What was begun over another one is not gone on with. */
  readonly connection: () => number | undefined;
  /** The hash of an own text: it does not come back. */
  readonly ownHash: (outbox: string, conversation: string, n: number) => string | undefined;
}

export interface Follower {
  readonly rows: Rows;
  readonly epoch: () => string | undefined;
  readonly cursor: () => number;
  /** The newest number heard of. */
  readonly highest: () => number;
  readonly takeEntry: (entry: WireEntry) => void;
  readonly takeHead: (head: number, via: 'beat' | 'hello' | 'event', askedAtUs: number) => void;
  /** Reads until nothing newer is known; `lost`: as a device whose cursor nobody knows. */
  readonly pull: (lost?: boolean) => Promise<void>;
}

interface SyncPage {
  readonly epoch: string;
  readonly head: number;
  readonly state: string;
  readonly entries: readonly WireEntry[];
  readonly more: boolean;
}

/** After one `sync`: nothing is left, there is more, or the same has to be asked again. */
type Next = 'done' | 'more' | 'again';

/** What of an entry goes into the history. */
const factsOf = (entry: WireEntry, user: string, ownHash: FollowerOptions['ownHash']) => {
  const { kind, message, conversation, seq, joinSeq, outbox = '', n = 0 } = entry;
  if (message !== undefined) {
    const { hash, sender } = itemOf(message);
    return { kind: 'message', conversation: message.conversation, seq: message.seq, hash, sender };
  }
  const hash = ownHash(outbox, conversation ?? '', n);
  if (kind === 'sent') return { kind: 'message', conversation, seq, hash, sender: user };
  return { kind, conversation, seq: kind === 'membership' ? joinSeq : seq };
};

/** Without the fields that are not told. */
const told = <T extends object>(facts: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };

/** All conversations as the server lists them; undefined if the connection breaks. */
const listConversations = async (call: Call): Promise<readonly WireConversation[] | undefined> => {
  const found: WireConversation[] = [];
  for (let after: string | undefined, more = true; more;) {
    const outcome = await call('conversation.list', { limit: 50, ...(after === undefined ? {} : { after }) });
    if (outcome.kind !== 'ok') return undefined;
    const page = outcome.result as { readonly conversations: readonly WireConversation[]; readonly more: boolean };
    found.push(...page.conversations);
    after = page.conversations.at(-1)?.conversation;
    ({ more } = page);
  }
  return found;
};

export const createFollower = (options: FollowerOptions): Follower => {
  const { user, device, recorder, clock, call } = options;
  const by = { user, device };
  const rows: Rows = new Map();
  let epoch: string | undefined;
  let cursor = 0;
  let highest = 0;
  let pulling: Promise<void> | undefined;

  const apply = (entry: WireEntry): void => {
    if (epoch === undefined) return;
    recorder.record({ type: 'entry', ...by, epoch, useq: entry.useq, ...told(factsOf(entry, user, options.ownHash)) });
    cursor = entry.useq;
    takeIntoRows(rows, entry);
  };

  const takeReset = async (page: SyncPage): Promise<Next> => {
    epoch = page.epoch;
    cursor = page.head;
    highest = page.head;
    recorder.record({ type: 'reset', ...by, epoch, head: cursor });
    const found = await listConversations(call);
    rows.clear();
    // A row may be newer than the cursor; the entries up to it say the same again.
    for (const row of found ?? []) rows.set(row.conversation, row);
    return found === undefined ? 'done' : 'more';
  };

  const takePage = async (page: SyncPage, askedAtUs: number): Promise<Next> => {
    recorder.record({ type: 'head', ...by, askedAtUs, epoch: page.epoch, via: 'sync', head: page.head });
    if (page.state === 'reset') return takeReset(page);
    highest = Math.max(highest, page.head);
    if (epoch === undefined) {
      ({ epoch } = page);
      recorder.record({ type: 'resumed', ...by, epoch, cursor });
    }
    for (const entry of page.entries) if (entry.useq === cursor + 1) apply(entry);
    if (page.more) return 'more';
    // More was heard of than this answer has: it is on its way.
    if (cursor < highest && page.entries.length === 0) await sleep(20);
    return cursor < highest ? 'more' : 'done';
  };

  const syncOnce = async (as: string | undefined): Promise<Next> => {
    const askedAtUs = clock();
    const outcome = await call('sync', { cursor, limit: 100, ...(as === undefined ? {} : { epoch: as }) });
    if (outcome.kind === 'ok') return takePage(outcome.result as unknown as SyncPage, askedAtUs);
    if (outcome.kind === 'unknown' || outcome.error.retry === 'never') return 'done';
    await sleep(Math.min(outcome.error.retryAfterMs ?? 50, 500));
    return 'again';
  };

  const pullAll = async (lost: boolean): Promise<void> => {
    const mine = options.connection();
    const stands = (): boolean => mine !== undefined && mine === options.connection();
    let next: Next = lost ? 'again' : 'more';
    while (next !== 'done' && stands()) next = await syncOnce(lost && next === 'again' ? 'lost' : epoch);
  };

  const pull = (lost = false): Promise<void> => {
    pulling ??= pullAll(lost).finally(() => {
      pulling = undefined;
    });
    return pulling;
  };

  return {
    rows,
    epoch: () => epoch,
    cursor: () => cursor,
    highest: () => highest,
    pull,
    takeEntry: (entry) => {
      highest = Math.max(highest, entry.useq);
      // While pages are read, what comes live is in them or behind them.
      if (pulling !== undefined || epoch === undefined) return;
      if (entry.useq === cursor + 1) apply(entry);
      else if (entry.useq > cursor + 1) void pull();
    },
    takeHead: (head, via, askedAtUs) => {
      if (epoch === undefined) return;
      if (via !== 'event') recorder.record({ type: 'head', ...by, askedAtUs, epoch, via, head });
      highest = Math.max(highest, head);
      if (head > cursor && via !== 'hello') void pull();
    },
  };
};
