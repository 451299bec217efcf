/** Rules 5, 6 and 11: order in time, order of the outbox, repeats. */
import { risingMax, type Point, type Attempt, type Command } from '../evidence.ts';
import { obtain } from '../obtain.ts';
import {
  answerOf,
  isRefused,
  firstAskedAtUs,
  firstOk,
  isInDoubt,
  isLogged,
  mayBeUndone,
  placesOf,
  say,
  type Case,
  type Rule,
} from './judge.ts';

/** Where a command ended up: by its acknowledgement, else by the final log. */
const seqOf = (command: Command, { finals }: Case): number | undefined =>
  firstOk(command)?.seq ?? placesOf(finals, command)[0]?.seq;

/** 5: if a was answered ok before b was asked in the same conversation, then seq(a) < seq(b). */
export const orderInTime: Rule = (given) => {
  const byConversation = new Map<string, Command[]>();
  for (const command of given.evidence.commands.values()) {
    if (isLogged(command) && command.conversation !== undefined)
      obtain(byConversation, command.conversation, () => []).push(command);
  }
  for (const [conversation, commands] of byConversation) {
    const answers: Point[] = [];
    for (const command of commands) {
      const ok = firstOk(command);
      if (ok?.seq !== undefined && !mayBeUndone(given.evidence, ok.answeredAtUs))
        answers.push({ atUs: ok.answeredAtUs, value: ok.seq });
    }
    const highestBefore = risingMax(answers);
    for (const command of commands) {
      const seq = seqOf(command, given);
      if (seq === undefined || seq === 0) continue;
      const before = highestBefore(firstAskedAtUs(command) - 1);
      given.findings.checked(5);
      if (seq <= before)
        given.findings.found(
          5,
          `${say(command)} got ${seq}, though ${before} of ${conversation} was answered before it was asked`,
        );
    }
  }
};

/** Commands of one outbox for one entity, by their attempts. */
const byOutbox = (commands: Iterable<Command>): Map<string, Attempt[]> => {
  const outboxes = new Map<string, Attempt[]>();
  for (const command of commands) {
    for (const attempt of command.attempts) {
      if (attempt.outbox === undefined || attempt.n === undefined) continue;
      obtain(outboxes, `${command.user} ${attempt.outbox} ${command.entity}`, () => []).push(attempt);
    }
  }
  return outboxes;
};

/** The n under which a command took effect; undefined if its attempts leave that open. */
const effectiveN = (command: Command): number | undefined => {
  const ok = firstOk(command);
  if (ok !== undefined) return ok.n;
  const numbers = new Set(command.attempts.map((attempt) => attempt.n));
  return numbers.size === 1 ? [...numbers][0] : undefined;
};

const tookEffect = (command: Command, given: Case): 'yes' | 'maybe' | 'no' => {
  if (command.method === 'send' && placesOf(given.finals, command).length > 0) return 'yes';
  const ok = firstOk(command);
  if (ok !== undefined) return mayBeUndone(given.evidence, ok.answeredAtUs) && isLogged(command) ? 'maybe' : 'yes';
  return isInDoubt(command) && command.method !== 'send' ? 'maybe' : 'no';
};

interface Stored {
  readonly n: number;
  readonly seq: number;
  readonly command: Command;
}

const checkStoredOrder = (stored: readonly Stored[], { findings }: Case): void => {
  const byNumber = stored.toSorted((a, b) => a.n - b.n);
  for (const [index, { n, seq, command }] of byNumber.entries()) {
    const before = byNumber[index - 1];
    findings.checked(6);
    if (before === undefined || seq > before.seq) continue;
    findings.found(
      6,
      `${say(command)} is ${n} of its outbox and stands at ${seq}, before ${before.seq} of its ${before.n}`,
    );
  }
};

const checkOutbox = (outbox: string, attempts: readonly Attempt[], given: Case): void => {
  const stored: Stored[] = [];
  /** Numbers that were answered: their command took effect (or may have), or was refused for good. */
  const answered = new Set<number>();
  let highest = 0;
  for (const command of new Set(attempts.map((attempt) => attempt.command))) {
    const effect = tookEffect(command, given);
    for (const attempt of command.attempts) {
      if (attempt.n !== undefined && (effect !== 'no' || isRefused(attempt))) answered.add(attempt.n);
    }
    const n = effectiveN(command);
    if (n === undefined || effect !== 'yes') continue;
    highest = Math.max(highest, n);
    const seq = seqOf(command, given);
    if (isLogged(command) && seq !== undefined && seq !== 0) stored.push({ n, seq, command });
  }
  for (let n = 1; n <= highest; n++) {
    if (!answered.has(n)) given.findings.found(6, `outbox ${outbox}: ${n} is left out, though ${highest} took effect`);
  }
  checkStoredOrder(stored, given);
};

/** 6: per outbox and conversation, order of n = order of seq, without a number left out. */
export const orderOfOutbox: Rule = (given) => {
  for (const [outbox, attempts] of byOutbox(given.evidence.commands.values())) checkOutbox(outbox, attempts, given);
};

/** How many answers of an outbox and entity are remembered (COM10). */
const REMEMBERED = 8;

const expectation = (
  repeat: Attempt,
  first: Attempt,
  newest: { readonly least: number; readonly most: number },
): readonly string[] => {
  const n = first.n ?? 0;
  const expected: string[] = [];
  if (n > newest.least - REMEMBERED) expected.push(repeat.command === first.command ? answerOf(first) : 'conflict');
  if (n <= newest.most - REMEMBERED) expected.push('stale');
  return expected;
};

/** An altered command whose answer is not known: it must not have become a message. */
const checkAltered = (outbox: string, altered: Attempt, { finals, findings }: Case): void => {
  findings.checked(11);
  const places = altered.command.attempts.length === 1 ? placesOf(finals, altered.command) : [];
  if (places.length > 0)
    findings.found(
      11,
      `outbox ${outbox}: ${altered.n} was answered before and its altered repeat stands at ${places[0]?.seq}`,
    );
};

const checkRepeats = (outbox: string, attempts: readonly Attempt[], given: Case): void => {
  const { evidence, findings } = given;
  const first = new Map<number, Attempt>();
  const answers: Point[] = [];
  const asks: Point[] = [];
  for (const attempt of attempts) {
    const n = attempt.n ?? 0;
    asks.push({ atUs: attempt.askedAtUs, value: n });
    if (attempt.result !== 'ok' && !isRefused(attempt)) continue;
    answers.push({ atUs: attempt.answeredAtUs, value: n });
    const known = first.get(n);
    if (known === undefined || attempt.answeredAtUs < known.answeredAtUs) first.set(n, attempt);
  }
  const [answeredBy, askedBy] = [risingMax(answers), risingMax(asks)];
  for (const repeat of attempts) {
    const original = first.get(repeat.n ?? 0);
    if (original === undefined || original.answeredAtUs >= repeat.askedAtUs || original.epoch !== repeat.epoch)
      continue;
    if (mayBeUndone(evidence, original.answeredAtUs)) continue;
    if (repeat.result === 'open' || repeat.result === 'unknown' || (repeat.result === 'error' && !repeat.settles)) {
      if (repeat.command !== original.command) checkAltered(outbox, repeat, given);
      continue;
    }
    findings.checked(11);
    const expected = expectation(repeat, original, {
      least: answeredBy(repeat.askedAtUs),
      most: askedBy(repeat.answeredAtUs),
    });
    const got = answerOf(repeat);
    if (!expected.includes(got))
      findings.found(11, `outbox ${outbox}: ${repeat.n} repeated got ${got} and not ${expected.join(' or ')}`);
  }
};

/** 11: repeats get the first answer (refusals too), `stale` or `conflict`; an altered one never makes a message. */
export const repeatsAreHarmless: Rule = (given) => {
  for (const [outbox, attempts] of byOutbox(given.evidence.commands.values())) checkRepeats(outbox, attempts, given);
};
