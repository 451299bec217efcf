/** COM10: once and in order, however often it is sent. */
import { LIMITS } from '@duolog/protocol';

/** A command that was executed: its number, the hash of its content, its result as JSON text. */
export interface Answered {
  readonly n: number;
  readonly hash: string;
  readonly result: string;
}

/** What an entity remembers of one outbox: the last answers, oldest first, with dense n. */
export type Outbox = readonly Answered[];

export type Admission =
  | { readonly kind: 'new' }
  | { readonly kind: 'repeat'; readonly result: string }
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
  return known.hash === hash ? { kind: 'repeat', result: known.result } : { kind: 'conflict' };
};

/** The outbox after a command was executed: the last {@link LIMITS.outboxWindow} answers. */
export const answer = (outbox: Outbox, answered: Answered): Outbox =>
  outbox.length < LIMITS.outboxWindow ? [...outbox, answered] : [...outbox.slice(outbox.length - LIMITS.outboxWindow + 1), answered];

/** An outbox row: `1[[n,hash,result],…]`. */
export const encodeOutbox = (outbox: Outbox): string => {
  let items = '';
  for (const { n, hash, result } of outbox) items += `${items === '' ? '' : ','}[${n},"${hash}",${result}]`;
  return `1[${items}]`;
};

export const decodeOutbox = (value: string): Outbox => {
  if (value[0] !== '1') throw new Error('outbox row of unknown format');
  const items = JSON.parse(value.slice(1)) as [number, string, unknown][];
  return items.map(([n, hash, result]) => ({ n, hash, result: JSON.stringify(result) }));
};
