/** What one may read of a conversation. The conversation itself decides (COM6): its roster, and who was in it before. */
import type { ConversationId, ConversationKind, UserId } from '@duolog/protocol';
import { KEYS, conversationKey, decodeJson, decodeRosterFor, formerKey } from '../core/rows.ts';
import type { FormerMember } from '../core/rows.ts';
import type { RowRef } from '../ports/store.ts';

/** Numbers one may read, both ends included. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Access {
  readonly state: 'joined' | 'left';
  /** Of the newest membership. */
  readonly visibleFrom: number;
  /** With `joined`. */
  readonly joinSeq?: number;
  /** With `left`. */
  readonly leaveSeq?: number;
  /** All that one may read, ascending, apart from each other; a member's last one has no end. */
  readonly spans: readonly Span[];
  readonly kind: ConversationKind;
  /** Its name now. */
  readonly name: string | undefined;
  /** The row of its roster. */
  readonly rosterValue: string;
}

/** The rows that {@link accessOf} needs, all of one Store partition. */
export const accessRows = (conversation: ConversationId, user: UserId): readonly [RowRef, RowRef] => {
  const partition = conversationKey(conversation);
  return [
    { partition, key: KEYS.roster },
    { partition, key: formerKey(user) },
  ];
};

/** Ascending, with those that touch joined: a new member of a group that shows its past may read what lies before. */
const joinedSpans = (spans: readonly Span[]): readonly Span[] => {
  const apart: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.from - b.from)) {
    const last = apart.at(-1);
    if (last !== undefined && span.from <= last.to + 1)
      apart[apart.length - 1] = { from: last.from, to: Math.max(last.to, span.to) };
    else apart.push(span);
  }
  return apart;
};

/**
 * What the user may read by these rows; undefined for who never was a member. True of all numbers up to any head that
 * was read *before* the rows: what ended a membership later has a higher number.
 */
export const accessOf = (
  user: UserId,
  rosterValue: string | undefined,
  formerValue: string | undefined,
): Access | undefined => {
  if (rosterValue === undefined) return undefined;
  const { kind, name, member } = decodeRosterFor(rosterValue, user);
  const former = formerValue === undefined ? [] : decodeJson<readonly FormerMember[]>(formerValue);
  const spans = former.map(({ visibleFrom, leaveSeq }) => ({ from: visibleFrom, to: leaveSeq }));
  if (member !== undefined) {
    const { visibleFrom, joinSeq } = member;
    return {
      state: 'joined',
      visibleFrom,
      joinSeq,
      spans: joinedSpans([...spans, { from: visibleFrom, to: Infinity }]),
      kind,
      name,
      rosterValue,
    };
  }
  const last = former.at(-1);
  if (last === undefined) return undefined;
  const { visibleFrom, leaveSeq } = last;
  return { state: 'left', visibleFrom, leaveSeq, spans: joinedSpans(spans), kind, name, rosterValue };
};

/** The spans as far as the log goes. */
export const spansUpTo = (spans: readonly Span[], head: number): readonly Span[] =>
  spans.filter(({ from }) => from <= head).map(({ from, to }) => ({ from, to: Math.min(to, head) }));

/** The newest number one may read, 0 if there is none. */
export const lastReadable = (access: Access, head: number): number => spansUpTo(access.spans, head).at(-1)?.to ?? 0;
