/** The world at rest: what a fresh device of each user reads, for the judge. It reads the raw rows: nobody is in between. */
import { directId } from '@duolog/protocol';
import type { Entry, Message } from '@duolog/protocol';
import {
  BUCKET_SIZE,
  CONVERSATION_ROWS,
  KEYS,
  bucketKey,
  decodeEntry,
  decodeJson,
  decodeMessage,
  formerKey,
  logRow,
  unfoldRow,
} from '../../packages/server/src/core/rows.ts';
import type { FormerMember, InConversation, Roster } from '../../packages/server/src/core/rows.ts';
import type { MemoryRows } from '../../packages/server/src/engines/store-memory.ts';
import type { HistoryEvent, Item, Row } from '../torture/history.ts';
import { foldEntry, messageHash } from './copy.ts';

/** All values of a log, from 1 to its end. */
const logOf = (rows: MemoryRows, entity: string): readonly string[] => {
  const values: string[] = [];
  for (let bucket = 0; ; bucket++) {
    const found = rows.range(bucketKey(entity, bucket), { limit: BUCKET_SIZE });
    values.push(...found.flatMap(({ value }) => unfoldRow(value)));
    if (values.length < (bucket + 1) * BUCKET_SIZE - 1) return values;
  }
};

/** A message as the judge wants it. */
export const itemOf = (message: Message): Item => {
  const change =
    message.change === undefined
      ? {}
      : { change: { action: message.change.action, users: message.change.users ?? [] } };
  return { seq: message.seq, hash: messageHash(message), sender: message.sender, ...change };
};

const decodeItem = (value: string): Item => itemOf(JSON.parse(decodeMessage(value)) as Message);

/** What a user may read of a conversation, in order: all intervals of membership. */
export const readable = (rows: MemoryRows, user: string, conversation: string): readonly Item[] => {
  const rosterRow = rows.get(`c/${conversation}`, KEYS.roster);
  const member =
    rosterRow === undefined ? undefined : decodeJson<Roster>(rosterRow).members.find((known) => known.user === user);
  const formerRow = rows.get(`c/${conversation}`, formerKey(user));
  const former = formerRow === undefined ? [] : decodeJson<readonly FormerMember[]>(formerRow);
  return logOf(rows, `c/${conversation}`)
    .filter(
      (_, i) =>
        (member !== undefined && i + 1 >= member.visibleFrom) ||
        former.some(({ visibleFrom, leaveSeq }) => i + 1 >= visibleFrom && i + 1 <= leaveSeq),
    )
    .map(decodeItem);
};

/** The rows a fresh device takes at a reset. */
const resetRows = (rows: MemoryRows, user: string): readonly Row[] =>
  rows
    .range(`u/${user}`, { after: CONVERSATION_ROWS, before: `${CONVERSATION_ROWS}~`, limit: 10_000 })
    .map(({ key, value }) => {
      const conversation = key.slice(CONVERSATION_ROWS.length);
      const { joinSeq, visibleFrom, readSeq, leaveSeq, name } = decodeJson<InConversation>(value);
      const lastSeq = leaveSeq ?? Math.max(joinSeq, logOf(rows, `c/${conversation}`).length);
      const left = { ...(leaveSeq === undefined ? {} : { leaveSeq }), ...(name === undefined ? {} : { name }) };
      return { conversation, joinSeq, visibleFrom, readSeq, lastSeq, ...left };
    });

type Untimed = HistoryEvent extends infer E ? (E extends HistoryEvent ? Omit<E, 'atUs'> : never) : never;

/** A device that applies the whole log from its start: what it sees, and the rows it has afterwards. */
const replay = (rows: MemoryRows, user: string, epoch: string, values: readonly string[]): readonly Untimed[] => {
  const replayed = new Map<string, Row>();
  const by = { user, device: `${user}-replay`, epoch } as const;
  const events: Untimed[] = [{ ...by, type: 'resumed', cursor: 0 }];
  for (const [i, value] of values.entries()) {
    const useq = i + 1;
    const row = decodeEntry(value);
    if (row.kind === 'fields') {
      const entry = JSON.parse(`{"type":"entry","useq":${useq},${row.fields}}`) as Entry;
      events.push({ ...by, type: 'entry', useq, kind: entry.kind });
      foldEntry(replayed, entry);
      continue;
    }
    const { conversation, seq } = row;
    const place = logRow(`c/${conversation}`, seq);
    const item = decodeItem(rows.get(place.partition, place.key) ?? '1{}');
    events.push({
      ...by,
      type: 'entry',
      useq,
      kind: 'message',
      conversation,
      seq,
      ...(item.hash === undefined ? {} : { hash: item.hash }),
    });
    const known = replayed.get(conversation);
    if (known !== undefined) replayed.set(conversation, { ...known, lastSeq: Math.max(known.lastSeq, seq) });
  }
  return [...events, { ...by, type: 'rest', source: 'replay', cursor: values.length, rows: [...replayed.values()] }];
};

/** Final logs and rest of every user. */
export const restOf = (
  rows: MemoryRows,
  epoch: string,
  users: readonly string[],
  groups: readonly string[],
): readonly Untimed[] => {
  const events: Untimed[] = [];
  const conversations = [...groups, ...users.flatMap((a, i) => users.slice(i).map((b) => directId(a, b)))];
  for (const user of users) {
    const device = `${user}-fresh`;
    for (const conversation of conversations) {
      const items = readable(rows, user, conversation);
      if (items.length > 0)
        events.push({ type: 'final', user, device, epoch, conversation, lastSeq: items.at(-1)?.seq ?? 0, items });
    }
    const entries = logOf(rows, `u/${user}`);
    events.push({
      type: 'rest',
      user,
      device,
      epoch,
      source: 'reset',
      cursor: entries.length,
      rows: resetRows(rows, user),
    });
    events.push(...replay(rows, user, epoch, entries));
  }
  return events;
};
