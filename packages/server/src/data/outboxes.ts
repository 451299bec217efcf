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

/** The row with all answers given since, which messages tell. Rejects with `internal` if what is stored does not fit together. */
const withAnswersInLog = async (
  store: Store,
  entity: string,
  user: UserId,
  outbox: OutboxId,
  row: OutboxRow,
): Promise<OutboxRow> => {
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

/** Reads of logs that may be under way at once: each holds up to 64 messages, and a turn may ask for hundreds. */
const LOGS_AT_ONCE = 8;

/** Reads an outbox of an entity with all its answers; undefined: it has none. Rejects as the store does, or with `internal` if what is stored does not fit together. */
export type ReadOutbox = (entity: string, user: UserId, outbox: OutboxId) => Promise<OutboxRow | undefined>;

export const createOutboxReader = (store: Store): ReadOutbox => {
  let reading = 0;
  const waiting: (() => void)[] = [];
  return async (entity, user, outbox) => {
    const row = await readOutboxRow(store, entity, user, outbox);
    if (row === undefined || !holdsMessages(entity)) return row;
    if (reading >= LOGS_AT_ONCE) await new Promise<void>((resolve) => void waiting.push(resolve));
    else reading += 1;
    try {
      return await withAnswersInLog(store, entity, user, outbox, row);
    } finally {
      // Who waits takes over the place.
      const next = waiting.shift();
      if (next === undefined) reading -= 1;
      else next();
    }
  };
};
