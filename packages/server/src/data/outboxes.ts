/** What is stored of outboxes: a row each, and behind it what messages of the log say of themselves (COM10). */
import { DuologError } from '@duolog/protocol';
import type { OutboxId, UserId } from '@duolog/protocol';
import { OUTBOX_STRIDE, decodeOutbox, remember } from '../core/outbox.ts';
import type { Answered, OutboxRow } from '../core/outbox.ts';
import { decodeMessage, decodeOrigin, holdsMessages, outboxKey } from '../core/rows.ts';
import type { Store } from '../ports/store.ts';
import { readRun } from './log-run.ts';

/** The answer that a message row tells, if it was a command of this outbox of this user. */
const answerIn = (value: string, user: UserId, outbox: OutboxId): Answered | undefined => {
  const origin = decodeOrigin(value);
  if (origin?.outbox !== outbox) return undefined;
  const { sender, seq, at } = JSON.parse(decodeMessage(value)) as { sender: UserId; seq: number; at: number };
  return sender === user ? { n: origin.n, hash: origin.hash, answer: { result: sentResult(seq, at) } } : undefined;
};

/** The result of a command that was a message, as its answer says it. */
const sentResult = (seq: number, at: number): string => JSON.stringify({ seq, at });

/** The row of one outbox of an entity; undefined: it has none. */
export const readOutboxRow = async (
  store: Store,
  entity: string,
  user: UserId,
  outbox: OutboxId,
): Promise<OutboxRow | undefined> => {
  const value = await store.get(entity, outboxKey(user, outbox));
  return value === undefined ? undefined : decodeOutbox(value);
};

/**
 * The row of one outbox with all answers given since, which messages tell. Rejects with `internal` if what is stored does
 * not fit together.
 */
export const readOutbox = async (
  store: Store,
  entity: string,
  user: UserId,
  outbox: OutboxId,
): Promise<OutboxRow | undefined> => {
  const row = await readOutboxRow(store, entity, user, outbox);
  if (row === undefined || !holdsMessages(entity)) return row;
  let { answers } = row;
  const damaged = (what: string): DuologError => new DuologError('internal', `The store is damaged: ${what}.`);
  for (const message of await readRun(store, entity, row.head, OUTBOX_STRIDE, damaged)) {
    const answered = answerIn(message, user, outbox);
    if (answered === undefined) continue;
    const last = answers.at(-1)?.n ?? 0;
    if (answered.n !== last + 1)
      throw damaged(`outbox ${outbox} of ${user} in ${entity} goes from n = ${last} to ${answered.n}`);
    answers = remember(answers, answered);
  }
  return { answers, head: row.head };
};
