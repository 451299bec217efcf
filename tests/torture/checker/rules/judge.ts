/** What every rule is given, and small questions several of them ask. */
import type { Attempt, Command, Evidence } from '../evidence.ts';
import type { FinalLog, Place } from '../final-log.ts';
import type { Findings } from '../verdict.ts';

export interface Case {
  readonly evidence: Evidence;
  readonly finals: FinalLog;
  readonly findings: Findings;
}

export type Rule = (given: Case) => void;

/** Methods that take a seq in a conversation log. */
const LOGGED = new Set(['send', 'create', 'add', 'remove', 'leave', 'rename']);
export const isLogged = (command: Command): boolean => LOGGED.has(command.method);

/** The first acknowledgement. */
export const firstOk = (command: Command): Attempt | undefined => {
  let first: Attempt | undefined;
  for (const attempt of command.attempts) {
    if (attempt.result === 'ok' && (first === undefined || attempt.answeredAtUs < first.answeredAtUs)) first = attempt;
  }
  return first;
};

export const firstAskedAtUs = (command: Command): number => command.attempts[0]?.askedAtUs ?? Number.POSITIVE_INFINITY;

/** The time from which on the command had its end: an acknowledgement or an error that settles it. Infinity: none. */
export const settledAtUs = (command: Command): number =>
  Math.min(...command.attempts.map((attempt) => (attempt.settles ? attempt.answeredAtUs : Number.POSITIVE_INFINITY)));

/** Whether some attempt may have been carried out without an acknowledgement. */
export const isInDoubt = (command: Command): boolean =>
  command.attempts.some(
    (attempt) => attempt.result === 'unknown' || attempt.result === 'open' || attempt.code === 'stale',
  );

/** Whether this attempt was told the refusal that is the command's answer for good. */
export const isRefused = (attempt: Attempt): boolean =>
  attempt.result === 'error' &&
  attempt.settles &&
  attempt.code !== 'stale' &&
  // Told of a number that is taken; to a creation also that somebody else's is there.
  (attempt.code !== 'conflict' || attempt.command.method === 'create');

/** The answer an attempt got, as every repeat has to get it. */
export const answerOf = (attempt: Attempt): string =>
  attempt.result === 'ok' ? `ok ${attempt.seq ?? ''}` : (attempt.code ?? 'error');

/** Where a send stands in the final logs. */
export const placesOf = (finals: FinalLog, command: Command): readonly Place[] =>
  command.method === 'send' && command.hash !== undefined ? (finals.places.get(command.hash) ?? []) : [];

/** Whether a restore may have undone what was answered at this time. */
export const mayBeUndone = (evidence: Evidence, atUs: number): boolean =>
  evidence.restored.some((restore) => atUs >= restore.backupAtUs && atUs <= restore.atUs);

export const say = (command: Command): string =>
  `${command.method} ${command.id} of ${command.user} in ${command.conversation ?? command.entity}`;
