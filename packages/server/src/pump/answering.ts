/** Answers of commands: what is remembered of each outbox, and how it is said (COM10). */
import { DuologError } from '@duolog/protocol';
import type { Envelope } from '../core/commands.ts';
import type { Decision } from '../core/decision.ts';
import { admit } from '../core/outbox.ts';
import type { Admission, Answer } from '../core/outbox.ts';
import { outboxKey } from '../core/rows.ts';
import type { Entities, Entity } from './entities.ts';
import { failed } from './messages.ts';
import type { Outcome } from './messages.ts';

/** A fault of ours: what deciding takes is loaded first. */
export const notLoaded = (key: string): DuologError =>
  new DuologError('internal', `${key} was not loaded before it was needed`);

export const answerOf = (decision: Decision<unknown>): Answer => {
  if (decision.ok) return { result: JSON.stringify(decision.result) };
  const { code, detail, facts } = decision;
  return { refusal: facts === undefined ? { code, detail } : { code, detail, facts } };
};

export const outcomeOf = (answer: Answer): Outcome =>
  'result' in answer ? { ok: true, result: answer.result } : { ok: false, failure: answer.refusal };

/** The answer to a command that is not the next of its outbox (COM10). */
export const answerTo = (admission: Exclude<Admission, { kind: 'new' }>): Outcome => {
  switch (admission.kind) {
    case 'repeat':
      return outcomeOf(admission.answer);
    case 'conflict':
      return failed('conflict', 'This (outbox, n) was used for another command.');
    case 'stale':
      return failed('stale', 'This n is older than the answers remembered; it was not executed now.');
    case 'gap':
      return failed('gap', `The command before is missing; n = ${admission.expected} is expected.`, {
        expected: admission.expected,
      });
    default: {
      const never: never = admission;
      return never;
    }
  }
};

/** What the entity remembers of a command's outbox; undefined: the command has none. */
export const outboxOf = (entity: Entity, envelope: Envelope) => {
  const { user, outbox, n, hash } = envelope;
  if (outbox === undefined || n === undefined) return undefined;
  const remembered = entity.outboxes.get(user)?.get(outbox);
  if (remembered === undefined) throw notLoaded(`${entity.key} ${outboxKey(user, outbox)}`);
  return { n, remembered, admission: admit(remembered.answers, n, hash) };
};

/** The answer a command had before, without deciding anything; undefined if it had none. */
export const recall = (entities: Entities, envelope: Envelope): Outcome | undefined => {
  const admission = outboxOf(entities.get(envelope.entity), envelope)?.admission;
  return admission === undefined || admission.kind === 'new' || admission.kind === 'gap'
    ? undefined
    : answerTo(admission);
};
