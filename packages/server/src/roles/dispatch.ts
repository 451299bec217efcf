/** From a request to its answer, whatever it came over: check, prepare, bring to its owner or read (gateway and api share it). */
import { DuologError, ERRORS, RETRY, randomId } from '@duolog/protocol';
import type { ErrorCode, MethodName, OutboxId, WireError } from '@duolog/protocol';
import { METHODS, checkFields } from '@duolog/protocol/schema';
import type { FieldRefusal } from '@duolog/protocol/schema';
import type { Envelope } from '../core/commands.ts';
import { contentHash } from '../core/hash.ts';
import type { Caller, Methods, Numbered, Prepared } from '../methods/handler.ts';
import type { Log } from '../ports/log.ts';
import type { Edge } from '../pump/edge.ts';
import type { Failure, Outcome } from '../pump/messages.ts';

/** A request whose caller is known; `params` are not checked yet. */
export interface Call {
  readonly method: MethodName;
  readonly params: unknown;
  /** Undefined only for methods that anybody may call. */
  readonly caller: Caller | undefined;
  readonly outbox?: OutboxId | undefined;
  readonly n?: number | undefined;
}

/** Where an answer goes; `id` is handed back as it was given. Exactly one of the two is called, once. */
export interface Answers {
  answered(id: number, resultJson: string): void;
  refused(id: number, error: WireError): void;
}

/** Brings a call to its end. The promise, if there is one, resolves when a command is on its way to its owner. */
export type Dispatch = (call: Call, answers: Answers, id: number) => Promise<void> | undefined;

type Finish<C> = (result: string, params: object, context: C, prepared: Prepared) => string | Promise<string>;

/** The handlers of a table with their types taken off: which params go with which handler is known by name only. */
type AnyHandler<C> =
  | {
      readonly kind: 'command';
      prepare(
        params: object,
        caller: Caller | undefined,
        context: C,
        numbered: Numbered | undefined,
      ): Prepared | Promise<Prepared>;
      readonly finish?: Finish<C>;
    }
  | { readonly kind: 'query'; answer(params: object, caller: Caller | undefined, context: C): Promise<string> };

export const wireError = (code: ErrorCode, detail: string, facts: Failure['facts'] = {}): WireError => ({
  code,
  retry: RETRY[code],
  detail,
  ...facts,
});

/** Params that do not fit the method's table. */
export const malformed = ({ detail, ...facts }: FieldRefusal): WireError => wireError('invalid', detail, facts);

/** What was thrown, as it travels. Anything but a DuologError is a fault of ours: it is logged under an incident that the caller is told. */
export const wireErrorOf = (thrown: unknown, log: Log, what: string): WireError => {
  if (thrown instanceof DuologError && thrown.code !== 'internal') return thrown.toWire();
  const incident = thrown instanceof DuologError ? (thrown.facts.incident ?? randomId(10)) : randomId(10);
  log.error('a request failed', { what, incident }, thrown);
  return wireError('internal', ERRORS.internal.text, { incident });
};

const envelopeOf = (call: Call, prepared: Prepared): Envelope => {
  const { entity, user, command, content } = prepared;
  const { method, caller, outbox, n } = call;
  if (outbox === undefined || n === undefined)
    return caller === undefined
      ? { entity, user, hash: '', command }
      : { entity, user, device: caller.device, hash: '', command };
  const hash = contentHash(method, content);
  return caller === undefined
    ? { entity, user, outbox, n, hash, command }
    : { entity, user, device: caller.device, outbox, n, hash, command };
};

export const createDispatch = <C>(options: {
  readonly edge: Edge;
  readonly methods: Methods<C>;
  readonly context: C;
  readonly log: Log;
}): Dispatch => {
  const { edge, context, log } = options;
  const methods = options.methods as unknown as { readonly [M in MethodName]: AnyHandler<C> };

  const refuse = (answers: Answers, id: number, { code, detail, facts }: Failure): void =>
    answers.refused(id, wireError(code, detail, facts));

  /** Holds on to no more than it takes: tens of thousands of requests may wait for their outcome. */
  const passOn =
    (answers: Answers, id: number) =>
    (outcome: Outcome): void =>
      outcome.ok ? answers.answered(id, outcome.result) : refuse(answers, id, outcome.failure);

  const submit = (call: Call, params: object, prepared: Prepared, answers: Answers, id: number): void => {
    const { finish } = methods[call.method] as Extract<AnyHandler<C>, { kind: 'command' }>;
    const envelope = envelopeOf(call, prepared);
    if (finish === undefined) edge.submit(envelope, passOn(answers, id));
    else edge.submit(envelope, finishing(finish, call, params, prepared, answers, id));
  };

  const finishing =
    (finish: Finish<C>, call: Call, params: object, prepared: Prepared, answers: Answers, id: number) =>
    (outcome: Outcome): void =>
      outcome.ok
        ? settle(call, () => finish(outcome.result, params, context, prepared), answers, id)
        : refuse(answers, id, outcome.failure);

  /** Answers with what is made, at once if it is there at once: a connection may end with this very turn. */
  const settle = (call: Call, make: () => string | Promise<string>, answers: Answers, id: number): void => {
    let made: string | Promise<string>;
    try {
      made = make();
    } catch (thrown) {
      return answers.refused(id, wireErrorOf(thrown, log, call.method));
    }
    if (typeof made === 'string') answers.answered(id, made);
    else void settleLater(call, made, answers, id);
  };

  const settleLater = async (call: Call, making: Promise<string>, answers: Answers, id: number): Promise<void> => {
    let made: string;
    try {
      made = await making;
    } catch (thrown) {
      return answers.refused(id, wireErrorOf(thrown, log, call.method));
    }
    answers.answered(id, made);
  };

  const submitLater = async (
    call: Call,
    params: object,
    preparing: Promise<Prepared>,
    answers: Answers,
    id: number,
  ): Promise<void> => {
    let prepared: Prepared;
    try {
      prepared = await preparing;
    } catch (thrown) {
      return answers.refused(id, wireErrorOf(thrown, log, call.method));
    }
    submit(call, params, prepared, answers, id);
  };

  return (call, answers, id) => {
    const { method, caller } = call;
    const checked = checkFields(METHODS[method].params, call.params);
    if (!checked.ok) {
      answers.refused(id, malformed(checked.refusal));
      return undefined;
    }
    if (caller === undefined && METHODS[method].auth === 'device') {
      answers.refused(id, wireError('unauthenticated', ERRORS.unauthenticated.text));
      return undefined;
    }
    const params: object = checked.value;
    const handler = methods[method];
    if (handler.kind === 'query') {
      settle(call, () => handler.answer(params, caller, context), answers, id);
      return undefined;
    }
    const numbered = call.outbox === undefined || call.n === undefined ? undefined : { outbox: call.outbox, n: call.n };
    let prepared: Prepared | Promise<Prepared>;
    try {
      prepared = handler.prepare(params, caller, context, numbered);
    } catch (thrown) {
      answers.refused(id, wireErrorOf(thrown, log, method));
      return undefined;
    }
    if (prepared instanceof Promise) return submitLater(call, params, prepared, answers, id);
    submit(call, params, prepared, answers, id);
    return undefined;
  };
};
