/** What a device has missed: entries after its cursor with the messages they point to (SYN3). */
import { entryItem, messageFields } from '@duolog/protocol';
import type { UserId } from '@duolog/protocol';
import { conversationKey, decodeEntry, decodeMessage, logRow, userKey } from '../core/rows.ts';
import type { RowRef, Store } from '../ports/store.ts';
import { readLogHead } from './log-head.ts';
import { readRun } from './log-run.ts';
import type { Damaged } from './log-run.ts';
import { countWithin } from './page.ts';

/** The cursor a device has: of which epoch, and the last number it applied. No epoch: it has none yet. */
export interface Cursor {
  readonly epoch: string | undefined;
  readonly useq: number;
}

/** `run`: a contiguous run after the cursor as it travels, joined by commas. `reset`: there is none; start anew at the head. */
export type SyncPage =
  | {
      readonly state: 'run';
      readonly head: number;
      readonly entries: string;
      readonly count: number;
      readonly more: boolean;
    }
  | { readonly state: 'reset'; readonly head: number };

/** Entries as they travel, from their rows, as many as make a page; `first` is the number of the first. */
const spliced = async (
  store: Store,
  values: readonly string[],
  first: number,
  damaged: Damaged,
): Promise<{ readonly entries: string; readonly count: number }> => {
  const pointed: RowRef[] = [];
  const rows = values.map((value) => {
    const row = decodeEntry(value);
    if (row.kind === 'pointer') pointed.push(logRow(conversationKey(row.conversation), row.seq));
    return row;
  });
  const messages = pointed.length === 0 ? [] : await store.getMany(pointed);
  let taken = 0;
  const items = rows.map((row, i) => {
    let fields = row.kind === 'fields' ? row.fields : '';
    if (row.kind === 'pointer') {
      const message = messages[taken++];
      // SYN1: a pointer is proof.
      if (message === undefined)
        throw damaged(`an entry points to ${row.conversation} number ${row.seq}, which is missing`);
      fields = messageFields(decodeMessage(message));
    }
    return entryItem(first + i, fields);
  });
  const count = countWithin(items);
  return { entries: items.slice(0, count).join(','), count };
};

/** A page of at most `limit` entries (at most 1,000) after the cursor. `epoch` is the store's. */
export const readSync = async (
  store: Store,
  epoch: string,
  user: UserId,
  cursor: Cursor,
  limit: number,
  damaged: Damaged,
): Promise<SyncPage> => {
  const entity = userKey(user);
  const known = cursor.epoch === epoch || (cursor.epoch === undefined && cursor.useq === 0);
  if (!known) return { state: 'reset', head: (await readLogHead(store, entity)).head };
  let [{ head }, values] = await Promise.all([
    readLogHead(store, entity),
    readRun(store, entity, cursor.useq, limit, damaged),
  ]);
  // Empty below the head: grown between the two reads, or expired.
  if (values.length === 0 && head > cursor.useq) values = await readRun(store, entity, cursor.useq, limit, damaged);
  if (values.length === 0 && head !== cursor.useq) return { state: 'reset', head };
  const last = cursor.useq + values.length;
  head = Math.max(head, last);
  const { entries, count } = await spliced(store, values, cursor.useq + 1, damaged);
  return { state: 'run', head, entries, count, more: cursor.useq + count < head };
};

/** The page as the result of `sync`. */
export const syncResult = (epoch: string, page: SyncPage): string => {
  const entries = page.state === 'run' ? page.entries : '';
  const more = page.state === 'run' && page.more;
  return `{"epoch":"${epoch}","head":${page.head},"state":"${page.state}","entries":[${entries}],"more":${more}}`;
};
