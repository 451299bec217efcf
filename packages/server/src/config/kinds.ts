/** What a setting is, and the kinds of values there are. */
import { resolve } from 'node:path';

/** One setting. `parse` gives the value, or says in words what it ought to be. */
export interface Setting<T> {
  readonly env: `DUOLOG_${string}`;
  readonly doc: string;
  /** The default as one would write it; empty: not set. */
  readonly default: string;
  /** What the value is, with unit and bounds, in words. */
  readonly form: string;
  readonly secret?: true;
  parse(text: string): { readonly ok: true; readonly value: T } | { readonly ok: false };
}

type Described = Pick<Setting<unknown>, 'env' | 'doc'>;

export const integer = (
  described: Described,
  standard: number,
  unit: string,
  min: number,
  max: number,
): Setting<number> => ({
  ...described,
  default: String(standard),
  form: `${unit === '' ? 'a whole number' : unit}, ${min} to ${max}`,
  parse: (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? { ok: true, value } : { ok: false };
  },
});

export const choice = <const V extends string>(
  described: Described,
  standard: V,
  ...values: readonly V[]
): Setting<V> => ({
  ...described,
  default: standard,
  form: values.join(' | '),
  parse: (text) => {
    const value = values.find((known) => known === text);
    return value === undefined ? { ok: false } : { ok: true, value };
  },
});

export const list = <const V extends string>(
  described: Described,
  standard: string,
  form: string,
  read: (item: string) => V | undefined,
): Setting<readonly V[]> => ({
  ...described,
  default: standard,
  form,
  parse: (text) => {
    const items = text === '' ? [] : text.split(',').map((item) => read(item.trim()));
    const known = items.filter((item) => item !== undefined);
    return known.length === items.length ? { ok: true, value: known } : { ok: false };
  },
});

export const optional = (
  described: Described & { readonly secret?: true },
  form: string,
  accepts: (text: string) => boolean,
): Setting<string | undefined> => ({
  ...described,
  default: '',
  form,
  parse: (text) =>
    text === '' ? { ok: true, value: undefined } : accepts(text) ? { ok: true, value: text } : { ok: false },
});

export const text = (described: Described, standard: string, form: string, pattern: RegExp): Setting<string> => ({
  ...described,
  default: standard,
  form,
  parse: (value) => (pattern.test(value) ? { ok: true, value } : { ok: false }),
});

export const path = (described: Described, standard: string): Setting<string> => ({
  ...described,
  default: standard,
  form: 'a path',
  parse: (text) => (text === '' || text.includes('\0') ? { ok: false } : { ok: true, value: resolve(text) }),
});
