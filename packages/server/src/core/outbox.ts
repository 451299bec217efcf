/** COM10: once and in order, however often it is sent. */
import { LIMITS } from '@duolog/protocol';
import type { ErrorCode, ErrorFacts } from '@duolog/protocol';

/** Why a command was refused; the same for every repeat of it. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly facts?: ErrorFacts;
}

/** The one answer a command gets: its result as JSON text, or why it was refused. */
export type Answer = { readonly result: string } | { readonly refusal: Refusal };

/** A command that was answered: its number, the hash of its content, its answer. */
export interface Answered {
  readonly n: number;
  readonly hash: string;
  readonly answer: Answer;
}

/**
 * What an entity remembers of one outbox: the last answers, oldest first, with dense n. A refusal is an answer like any
 * other: were its n free again, a late copy of the refused command could be executed after all.
 */
export type Outbox = readonly Answered[];

export type Admission =
  | { readonly kind: 'new' }
  | { readonly kind: 'repeat'; readonly answer: Answer }
  | { readonly kind: 'conflict' }
  | { readonly kind: 'stale' }
  | { readonly kind: 'gap'; readonly expected: number };

/** What a command numbered n is to this outbox. */
export const admit = (outbox: Outbox, n: number, hash: string): Admission => {
  const last = outbox.at(-1)?.n ?? 0;
  if (n === last + 1) return { kind: 'new' };
  if (n > last) return { kind: 'gap', expected: last + 1 };
  const known = outbox.find((answered) => answered.n === n);
  if (known === undefined) return { kind: 'stale' };
  return known.hash === hash ? { kind: 'repeat', answer: known.answer } : { kind: 'conflict' };
};

/** The outbox after a command was answered: the last {@link LIMITS.outboxWindow} answers. */
export const remember = (outbox: Outbox, answered: Answered): Outbox =>
  outbox.length < LIMITS.outboxWindow
    ? [...outbox, answered]
    : [...outbox.slice(outbox.length - LIMITS.outboxWindow + 1), answered];

/**
 * Numbers of a log within which an outbox needs no new row: a message names the command it was, so later answers are read
 * from the log. After a start, what is remembered of an outbox costs one row and at most so many messages.
 */
export const OUTBOX_STRIDE = 64;

/** A row of an outbox: the last answers, and the head of its entity's log when it was written. */
export interface OutboxRow {
  readonly answers: Outbox;
  readonly head: number;
}

/** Whether a message at this seq is found from the outbox's last row; `rowHead` undefined: it has no row yet. */
export const isInReach = (rowHead: number | undefined, seq: number): boolean =>
  rowHead !== undefined && seq - rowHead <= OUTBOX_STRIDE;

/** An outbox row: `2<head> [[n,hash,result],[n,hash,null,refusal],…]`. */
export const encodeOutbox = ({ answers, head }: OutboxRow): string => {
  let items = '';
  for (const { n, hash, answer } of answers) {
    const end = 'result' in answer ? answer.result : `null,${JSON.stringify(answer.refusal)}`;
    items += `${items === '' ? '' : ','}[${n},"${hash}",${end}]`;
  }
  return `2${head} [${items}]`;
};

export const decodeOutbox = (value: string): OutboxRow => {
  const space = value.indexOf(' ');
  if (value[0] !== '2' || space < 0) throw new Error('outbox row of unknown format');
  const items = JSON.parse(value.slice(space + 1)) as [number, string, unknown, Refusal?][];
  const answers = items.map(([n, hash, result, refusal]) => ({
    n,
    hash,
    answer: refusal === undefined ? { result: JSON.stringify(result) } : { refusal },
  }));
  return { answers, head: Number(value.slice(1, space)) };
};
