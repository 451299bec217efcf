/** This device's copy: what the entries of the user's log have made so far. In memory, with every change put to the cache. */
import { LIMITS, parseConversationId } from '@duolog/protocol';
import type { Conversation, Entry, Message } from '@duolog/protocol';
import type { Emitter } from './emitter.ts';
import type { ClientEvents } from './events.ts';
import { afterPrefix } from './local.ts';
import type { Local } from './local.ts';
import { fromSeq, rangeAt, withRange } from './ranges.ts';
import { COPIED, KEYS, viewOf } from './records.ts';
import type { ConversationView, Row } from './records.ts';

type EntryOf<K extends Entry['kind']> = Extract<Entry, { readonly kind: K }>;
/** An entry as it is applied: one's own message comes with its text. */
export type Applicable = Exclude<Entry, { readonly kind: 'sent' }>;

export interface ReplicaEvents {
  /** Messages between these seqs did not come and have to be fetched (SYN12). */
  hole(conversation: string, first: number, last: number): void;
  /** Nothing is known of a conversation but that it is there. */
  stub(conversation: string): void;
  /** One's own message moved the read position. */
  read(conversation: string): void;
}

/** A text as it is kept in the list: at most as long as a preview (SYN8). */
const shortened = (message: Message): Message => {
  const { text = '' } = message;
  if (text.length <= LIMITS.previewLength) return message;
  const points = [...text];
  if (points.length <= LIMITS.previewLength) return message;
  return { ...message, text: points.slice(0, LIMITS.previewLength).join(''), length: points.length };
};

const byNewest = (a: ConversationView, b: ConversationView): number =>
  (b.lastMessage?.at ?? 0) - (a.lastMessage?.at ?? 0) || (a.conversation < b.conversation ? -1 : 1);

export class Replica {
  readonly #local: Local;
  readonly #emitter: Emitter<ClientEvents>;
  readonly #events: ReplicaEvents;
  readonly #keptMessages: number;
  readonly #rows = new Map<string, Row>();
  #list: readonly ConversationView[] | undefined;
  /** Whose copy it is. */
  user = '';

  constructor(local: Local, emitter: Emitter<ClientEvents>, keptMessages: number, events: ReplicaEvents) {
    this.#local = local;
    this.#emitter = emitter;
    this.#keptMessages = keptMessages;
    this.#events = events;
  }

  async load(): Promise<void> {
    for (const [key, value] of await this.#local.list(KEYS.conversations, afterPrefix(KEYS.conversations))) {
      this.#rows.set(key.slice(KEYS.conversations.length), value as Row);
    }
  }

  row(conversation: string): Row | undefined {
    return this.#rows.get(conversation);
  }

  get rows(): ReadonlyMap<string, Row> {
    return this.#rows;
  }

  /** Newest first; the same array as long as nothing changed. */
  get conversations(): readonly ConversationView[] {
    return (this.#list ??= [...this.#rows.values()].map((row) => row.view).toSorted(byNewest));
  }

  apply(entry: Applicable): void {
    switch (entry.kind) {
      case 'message':
        return this.#message(entry.message);
      case 'membership':
        return this.#membership(entry);
      case 'read':
        return this.told(entry.conversation, entry.seq);
      case 'profile': {
        const account = { user: this.user, handle: entry.handle, name: entry.name };
        this.#local.put(KEYS.account, account);
        return this.#emitter.emit('account', account);
      }
      case 'device':
        return this.#emitter.emit('devices', { change: entry.change, device: entry.device });
      default: {
        // A kind of a later version: it has advanced the cursor, that is all (SYN10).
        const { kind, useq } = entry as { kind: string; useq: number };
        this.#emitter.emit('alarm', { kind: 'skipped', entryKind: kind, useq });
      }
    }
  }

  /** Everything but outbox and drafts is dropped; these conversations are what there is (SYN3). */
  reset(conversations: readonly Conversation[], sameEpoch: boolean): void {
    const before = new Map(this.#rows);
    for (const prefix of COPIED) this.#local.drop(prefix);
    this.#rows.clear();
    this.#list = undefined;
    for (const conversation of conversations) {
      // Within an epoch positions only grow; one that was not reported yet stays.
      const readSeq = Math.max(
        conversation.readSeq,
        (sameEpoch && before.get(conversation.conversation)?.view.readSeq) || 0,
      );
      this.#set({ view: viewOf({ ...conversation, readSeq }), toldSeq: conversation.readSeq, ranges: [] });
    }
    this.#emitter.emit('reset', undefined);
  }

  /** Messages that were fetched. What one may not read (between two memberships) is missing in them. */
  fetched(conversation: string, messages: readonly Message[]): void {
    const row = this.#rows.get(conversation);
    if (row === undefined || messages.length === 0) return;
    let { ranges } = row;
    for (const message of messages) {
      this.#local.put(KEYS.message(conversation, message.seq), message);
      ranges = withRange(ranges, [message.seq, message.seq]);
    }
    this.#set({ ...row, ranges });
  }

  /** A message whose whole text was fetched. */
  replaced(message: Message): void {
    const row = this.#rows.get(message.conversation);
    if (row !== undefined && rangeAt(row.ranges, message.seq) !== undefined) {
      this.#local.put(KEYS.message(message.conversation, message.seq), message);
    }
    this.#emitter.emit('replaced', message);
  }

  /** A conversation as the server has it now. */
  learnt(conversation: Conversation): void {
    const row = this.#rows.get(conversation.conversation);
    if (row === undefined) return;
    const { lastSeq, lastMessage } = row.view;
    const ours = lastMessage === undefined ? {} : { lastMessage };
    const readSeq = Math.max(conversation.readSeq, row.view.readSeq);
    this.#set({ ...row, toldSeq: conversation.readSeq, view: viewOf({ ...conversation, ...ours, lastSeq, readSeq }) });
  }

  /** The person has read up to `seq`. Returns whether that is news. */
  read(conversation: string, seq: number): boolean {
    const row = this.#rows.get(conversation);
    if (row === undefined) return false;
    const readSeq = Math.min(seq, row.view.lastSeq);
    if (readSeq <= row.view.readSeq) return false;
    this.#set({ ...row, view: viewOf({ ...row.view, readSeq }) });
    return true;
  }

  /** The server knows this read position. */
  told(conversation: string, seq: number): void {
    const row = this.#rows.get(conversation);
    if (row === undefined) return;
    const readSeq = Math.max(seq, row.view.readSeq);
    this.#set({ ...row, toldSeq: Math.max(seq, row.toldSeq), view: viewOf({ ...row.view, readSeq }) });
  }

  #set(row: Row): void {
    const { conversation } = row.view;
    this.#rows.set(conversation, row);
    this.#list = undefined;
    this.#local.put(KEYS.conversation(conversation), row);
    this.#emitter.emit('conversation', row.view);
  }

  #message(message: Message): void {
    const { conversation, seq, change } = message;
    let row = this.#rows.get(conversation);
    if (row === undefined) {
      row = this.#joined(conversation, { joinSeq: seq - 1, visibleFrom: seq });
      this.#events.stub(conversation);
    }
    const { view } = row;
    const expected = Math.max(view.lastSeq, view.joinSeq) + 1;
    this.#local.put(KEYS.message(conversation, seq), message);
    const ranges = withRange(row.ranges, [seq, seq]);
    if (seq < expected) {
      // After a reset the rows may be newer than the entries that follow: the message is known to be there already.
      this.#set({ ...row, ranges });
    } else {
      const own = message.sender === this.user;
      const name = change?.name === undefined ? {} : { name: change.name };
      const lastMessage = shortened(message);
      const readSeq = own ? seq : view.readSeq;
      this.#set(
        this.#trimmed({ ...row, ranges, view: viewOf({ ...view, ...name, lastSeq: seq, lastMessage, readSeq }) }),
      );
      if (own) this.#events.read(conversation);
    }
    if (seq > expected) this.#events.hole(conversation, expected, seq - 1);
    this.#emitter.emit('message', message);
  }

  /** Keeps the newest messages of a conversation; older ones can be fetched again. */
  #trimmed(row: Row): Row {
    const { conversation, lastSeq } = row.view;
    const first = row.ranges[0]?.[0] ?? lastSeq;
    if (lastSeq - first < 2 * this.#keptMessages) return row;
    const from = lastSeq - this.#keptMessages + 1;
    this.#local.dropRange(KEYS.messages(conversation), KEYS.message(conversation, from));
    return { ...row, ranges: fromSeq(row.ranges, from) };
  }

  #joined(
    conversation: string,
    { joinSeq, visibleFrom, name }: Pick<EntryOf<'membership'>, 'joinSeq' | 'visibleFrom' | 'name'>,
  ): Row {
    const before = this.#rows.get(conversation);
    const { leaveSeq: _left, ...known } = before?.view ?? { lastSeq: 0, readSeq: 0 };
    const view = viewOf({
      ...known,
      conversation,
      kind: parseConversationId(conversation)?.kind ?? 'group',
      state: 'joined',
      joinSeq,
      visibleFrom,
      readSeq: Math.max(known.readSeq, joinSeq),
      ...(name === undefined ? {} : { name }),
    });
    const row = { view, toldSeq: view.readSeq, ranges: before?.ranges ?? [] };
    this.#set(row);
    return row;
  }

  #membership(entry: EntryOf<'membership'>): void {
    if (entry.state === 'joined') {
      this.#joined(entry.conversation, entry);
      return;
    }
    const row = this.#rows.get(entry.conversation) ?? this.#joined(entry.conversation, entry);
    const { kind: _kind, type: _type, useq: _useq, ...left } = entry;
    this.#set({ ...row, view: viewOf({ ...row.view, ...left }) });
  }
}
