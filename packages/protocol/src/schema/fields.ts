/**
 * Fields: plain data that describes values. From one description follow the TypeScript type ({@link Infer}), the check
 * at the edge (`check.ts`), JSON Schema for OpenAPI (`openapi.ts`), the reference page and the fuzz tests.
 */
import { CONVERSATION_ID_PATTERN, GROUP_ID_PATTERN, HANDLE_PATTERN, ID_PATTERN, USER_ID_PATTERN } from '../ids.ts';
import { LIMITS } from '../limits.ts';

type LimitName = keyof typeof LIMITS;

interface Described {
  readonly doc: string;
  readonly optional?: boolean;
}
export interface StringField extends Described {
  readonly type: 'string';
  /** What `min` and `max` count. */
  readonly unit: 'codePoints' | 'characters';
  readonly min: number;
  readonly max: number;
  readonly limit: LimitName;
  readonly pattern?: RegExp;
  /** What the pattern asks for, in words. */
  readonly form?: string;
  /** The value must not appear in logs or fixtures. */
  readonly secret?: boolean;
}
export interface IntegerField extends Described {
  readonly type: 'integer';
  readonly min: number;
  readonly max: number;
  readonly limit?: LimitName;
}
export interface BooleanField extends Described {
  readonly type: 'boolean';
}
export interface ChoiceField<V extends string = string> extends Described {
  readonly type: 'choice';
  readonly values: readonly V[];
}
export interface ArrayField<I extends Field = Field> extends Described {
  readonly type: 'array';
  readonly items: I;
  readonly min: number;
  readonly max: number;
  readonly limit: LimitName;
}
export interface MapField<V extends Field = Field> extends Described {
  readonly type: 'map';
  readonly values: V;
}
export interface ObjectField<P extends Fields = Fields> extends Described {
  readonly type: 'object';
  readonly fields: P;
}
/** One of several objects, told apart by the value of one choice field. Occurs in results only. */
export interface UnionField<O extends readonly ObjectField[] = readonly ObjectField[]> extends Described {
  readonly type: 'union';
  readonly options: O;
}
// The element types of arrays, maps, objects and unions are spelled out as interfaces so that Field may be recursive.
export type Field =
  | StringField
  | IntegerField
  | BooleanField
  | ChoiceField
  | AnyArrayField
  | AnyMapField
  | AnyObjectField
  | AnyUnionField;
interface AnyArrayField extends Described {
  readonly type: 'array';
  readonly items: Field;
  readonly min: number;
  readonly max: number;
  readonly limit: LimitName;
}
interface AnyMapField extends Described {
  readonly type: 'map';
  readonly values: Field;
}
interface AnyObjectField extends Described {
  readonly type: 'object';
  readonly fields: Fields;
}
interface AnyUnionField extends Described {
  readonly type: 'union';
  readonly options: readonly AnyObjectField[];
}
export type Fields = { readonly [name: string]: Field };

/** The TypeScript type of a field's value. */
export type Infer<F> = F extends { readonly type: 'string' }
  ? string
  : F extends { readonly type: 'integer' }
    ? number
    : F extends { readonly type: 'boolean' }
      ? boolean
      : F extends { readonly type: 'choice'; readonly values: readonly (infer V)[] }
        ? V
        : F extends { readonly type: 'array'; readonly items: infer I }
          ? readonly Infer<I>[]
          : F extends { readonly type: 'map'; readonly values: infer V }
            ? { readonly [key: string]: Infer<V> }
            : F extends { readonly type: 'union'; readonly options: readonly (infer O)[] }
              ? O extends unknown
                ? Infer<O>
                : never
              : F extends { readonly type: 'object'; readonly fields: infer P }
                ? InferFields<P>
                : never;

type OptionalKeys<P> = { [K in keyof P]: P[K] extends { readonly optional: true } ? K : never }[keyof P];
type Flat<T> = { [K in keyof T]: T[K] };
/** The type of an object with these fields. */
export type InferFields<P> = Flat<
  { readonly [K in Exclude<keyof P, OptionalKeys<P>>]: Infer<P[K]> } & { readonly [K in OptionalKeys<P>]?: Infer<P[K]> }
>;

export const optional = <F extends Field>(field: F): F & { readonly optional: true } => ({ ...field, optional: true });

export const integer = (doc: string, min = 0, max: number = Number.MAX_SAFE_INTEGER) =>
  ({ type: 'integer', doc, min, max }) as const satisfies IntegerField;
/** Milliseconds since 1970, UTC. */
export const time = (doc: string) => integer(`${doc} (ms since 1970)`);
export const boolean = (doc: string) => ({ type: 'boolean', doc }) as const satisfies BooleanField;
export const choice = <const V extends string>(doc: string, ...values: readonly V[]) =>
  ({ type: 'choice', doc, values }) as const satisfies ChoiceField<V>;
export const array = <F extends Field>(doc: string, items: F, limit: LimitName, min = 0) =>
  ({ type: 'array', doc, items, min, max: valueOf(limit), limit }) as const satisfies ArrayField<F>;
export const map = <F extends Field>(doc: string, values: F) =>
  ({ type: 'map', doc, values }) as const satisfies MapField<F>;
export const object = <P extends Fields>(doc: string, fields: P) =>
  ({ type: 'object', doc, fields }) as const satisfies ObjectField<P>;
export const union = <const O extends readonly ObjectField[]>(doc: string, ...options: O) =>
  ({ type: 'union', doc, options }) as const satisfies UnionField<O>;

/** As a number, not as the one number it is: types of fields must not depend on limits. */
const valueOf = (limit: LimitName): number => LIMITS[limit];

const idField = (doc: string, pattern: RegExp, form: string) =>
  ({
    type: 'string',
    doc,
    unit: 'characters',
    min: 1,
    max: LIMITS.maxIdBytes,
    limit: 'maxIdBytes',
    pattern,
    form,
  }) as const satisfies StringField;
export const id = (doc: string) => idField(doc, ID_PATTERN, 'A-Z a-z 0-9 _ - .');
export const userId = (doc: string) => idField(doc, USER_ID_PATTERN, 'a user id');
export const groupId = (doc: string) => idField(doc, GROUP_ID_PATTERN, '"g." and 16 to 32 of A-Z a-z 0-9 _ -');
export const conversationId = (doc: string) => idField(doc, CONVERSATION_ID_PATTERN, 'a conversation id');
export const handle = (doc: string) =>
  ({
    type: 'string',
    doc,
    unit: 'characters',
    min: LIMITS.minHandleLength,
    max: LIMITS.maxHandleLength,
    limit: 'maxHandleLength',
    pattern: HANDLE_PATTERN,
    form: 'a-z 0-9 _ . with a letter or digit at both ends',
  }) as const satisfies StringField;
/** Text for people: any well-formed Unicode. */
export const text = (doc: string, limit: LimitName, min = 1) =>
  ({
    type: 'string',
    doc,
    unit: 'codePoints',
    min,
    max: valueOf(limit),
    limit,
  }) as const satisfies StringField;
/** A secret the server compares and never shows. */
export const secret = (doc: string, limit: LimitName, min = 1) =>
  ({
    type: 'string',
    doc,
    unit: 'characters',
    min,
    max: valueOf(limit),
    limit,
    secret: true,
  }) as const satisfies StringField;
