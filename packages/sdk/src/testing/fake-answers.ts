/** What the fake server answers: queries, and commands once each (COM10). */
import { DuologError, LIMITS, directId, selfId } from '@duolog/protocol';
import type { CommandName, Request, WireError } from '@duolog/protocol';
import { COMMANDS } from './fake-commands.ts';
import type { Call } from './fake-commands.ts';
import { QUERIES } from './fake-queries.ts';

export type Answer = { readonly result: object } | { readonly error: WireError };

const isCommand = (method: string): method is CommandName => Object.hasOwn(COMMANDS, method);

/** The entity that decides about a command. */
const entityOf = (method: CommandName, user: string, params: object): string => {
  const { conversation, user: other, handle } = params as { conversation?: string; user?: string; handle?: string };
  switch (method) {
    case 'conversation.read':
    case 'device.revoke':
    case 'session.logOut':
      return user;
    case 'direct.create':
      return other === user ? selfId(user) : directId(user, other ?? '');
    case 'handle.claim':
    case 'session.logIn':
    case 'account.signUp':
      return `name/${handle}`;
    default:
      return conversation ?? '';
  }
};

/** Throws what refuses the request. */
const query = (call: Call, method: string, params: object): object => {
  if (method === 'watch') return {};
  if (method === 'server.find') {
    const token = call.user?.devices.find((known) => known.device === call.device)?.token;
    return { servers: ['ws://fake.test/v1/connect'], ticket: `ticket-${token}` };
  }
  const queries = QUERIES as { readonly [method: string]: ((call: Call, params: object) => object) | undefined };
  const handler = Object.hasOwn(queries, method) ? queries[method] : undefined;
  if (handler === undefined) throw new DuologError('unknownMethod');
  return handler(call, params);
};

const attempt = (work: () => object): Answer => {
  try {
    return { result: work() };
  } catch (error) {
    if (error instanceof DuologError) return { error: error.toWire() };
    throw error;
  }
};

/** Each (outbox, n) has one answer, and a refusal is one too. */
const command = (call: Call, method: CommandName, params: object): Answer => {
  const execute = (): Answer => attempt(() => COMMANDS[method](call, params as never));
  const { origin, user, world } = call;
  if (origin === undefined) return execute();
  const { outbox, n } = origin;
  const key = `${entityOf(method, user?.user ?? '', params)} ${user?.user ?? ''} ${outbox}`;
  const remembered = world.outboxes.get(key) ?? [];
  const content = JSON.stringify([method, params]);
  const last = remembered.at(-1)?.n ?? 0;
  const refuse = (error: DuologError): Answer => ({ error: error.toWire() });
  if (n > last + 1) return refuse(new DuologError('gap', undefined, { expected: last + 1 }));
  if (n <= last) {
    const known = remembered.find((answered) => answered.n === n);
    if (known === undefined) return refuse(new DuologError('stale'));
    return known.content === content ? (known.answer as Answer) : refuse(new DuologError('conflict'));
  }
  const answer = execute();
  world.outboxes.set(key, [...remembered, { n, content, answer }].slice(-LIMITS.outboxWindow));
  return answer;
};

export const answerTo = (call: Call, { method, params }: Request): Answer =>
  isCommand(method) ? command(call, method, params) : attempt(() => query(call, method, params));
