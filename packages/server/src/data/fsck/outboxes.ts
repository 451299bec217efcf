/** Checks of outboxes: their rows, and what the messages behind these say of the commands they were. */
import type { UserId } from '@duolog/protocol';
import { decodeOutbox, isInReach } from '../../core/outbox.ts';
import type { OutboxRow } from '../../core/outbox.ts';
import { OUTBOX_ROWS, outboxKey } from '../../core/rows.ts';
import type { MessageOrigin } from '../../core/rows.ts';
import type { Findings } from './report.ts';
import { parsed } from './rows.ts';

/** The row of an outbox, or a fault and undefined. Its answers have dense n. */
export const checkOutbox = (found: Findings, entity: string, key: string, value: string): OutboxRow | undefined => {
  found.count('outboxes');
  let row: OutboxRow;
  try {
    row = decodeOutbox(value);
    for (const { answer } of row.answers) if ('result' in answer) JSON.parse(answer.result);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    found.fault(entity, `the outbox row "${key}" cannot be read (${why})`);
    return undefined;
  }
  let last: number | undefined;
  for (const { n } of row.answers) {
    if (!Number.isSafeInteger(n) || n < 1 || (last !== undefined && n !== last + 1))
      found.fault(entity, `the outbox row "${key}" goes from n = ${last ?? 0} to ${n}`);
    last = n;
  }
  if (last === undefined) found.fault(entity, `the outbox row "${key}" is empty`);
  return row;
};

/** What is known of one outbox of a conversation on the way through its log. */
interface Known {
  /** Head of the log when its row was written. */
  readonly head: number;
  /** Seqs that its row names, by n. */
  readonly seqs: ReadonlyMap<number, number>;
  /** The last n of the row, then of the messages behind it. */
  last: number;
  /** The last n met in the log. */
  met: number;
}

/** The outboxes of one conversation: its rows first, then its messages in order. */
export interface ConversationOutboxes {
  /** Takes an outbox row. */
  row(key: string, value: string): void;
  /** Takes a message. */
  message(seq: number, sender: UserId, origin: MessageOrigin | undefined): void;
  /** After the last message: what was answered with a number that the log does not have. */
  end(): void;
}

export const conversationOutboxes = (found: Findings, entity: string): ConversationOutboxes => {
  const outboxes = new Map<string, Known>();
  /** Seqs that rows name, and whose outbox it is. */
  const claimed = new Map<number, UserId>();

  const row = (key: string, value: string): void => {
    const read = checkOutbox(found, entity, key, value);
    if (read === undefined) return;
    const seqs = new Map<number, number>();
    const user = key.slice(OUTBOX_ROWS.length).split('/')[0] ?? '';
    for (const { n, answer } of read.answers) {
      const result = 'result' in answer ? parsed(answer.result) : undefined;
      // A change that changed nothing is answered with number 0: there is no message of it.
      if (result === undefined || !('seq' in result) || typeof result.seq !== 'number' || result.seq < 1) continue;
      seqs.set(n, result.seq);
      claimed.set(result.seq, user);
    }
    outboxes.set(key, { head: read.head, seqs, last: read.answers.at(-1)?.n ?? 0, met: 0 });
  };

  const checkAnswer = (known: Known, key: string, seq: number, n: number): void => {
    const answeredWith = known.seqs.get(n);
    if (n <= known.met) found.fault(entity, `number ${seq} is n = ${n} of "${key}", which was at ${known.met} before`);
    else if (answeredWith !== undefined && answeredWith !== seq)
      found.fault(entity, `number ${seq} is n = ${n} of "${key}", which was answered with number ${answeredWith}`);
    if (seq <= known.head) {
      if (n > known.last) found.fault(entity, `the outbox row "${key}" ends before n = ${n}, which is number ${seq}`);
    } else {
      if (n !== known.last + 1)
        found.fault(entity, `"${key}" goes from n = ${known.last} to ${n}, which is number ${seq}`);
      if (!isInReach(known.head, seq))
        found.fault(entity, `number ${seq} is too far behind the outbox row "${key}" to be found from it`);
      known.last = n;
    }
    known.met = n;
  };

  return {
    row,
    message: (seq, sender, origin) => {
      const claimedBy = claimed.get(seq);
      claimed.delete(seq);
      if (claimedBy !== undefined && claimedBy !== sender)
        found.fault(entity, `number ${seq} is by ${sender}, but an outbox of ${claimedBy} was answered with it`);
      if (origin === undefined) return;
      const key = outboxKey(sender, origin.outbox);
      const known = outboxes.get(key);
      if (known === undefined) found.fault(entity, `number ${seq} is of "${key}", which has no row`);
      else checkAnswer(known, key, seq, origin.n);
    },
    end: () => {
      for (const [seq, user] of claimed)
        found.fault(entity, `an outbox of ${user} was answered with number ${seq}, which is not there`);
    },
  };
};
