/** The check at the edge: values from outside against their fields. */
import type { Field, Fields, InferFields, StringField } from './fields.ts';

/** Why a value was refused: the path of the field, a sentence, and the limit with its value where one was crossed. */
export interface FieldRefusal {
  readonly field: string;
  readonly detail: string;
  readonly limit?: string;
  readonly max?: number;
}
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: FieldRefusal };

/** Number of Unicode code points; counting stops once it is known to be above `enough`. */
export const countCodePoints = (text: string, enough: number = Number.POSITIVE_INFINITY): number => {
  let count = 0;
  for (let i = 0; i < text.length && count <= enough; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800 && unit < 0xdc00) i++;
    count++;
  }
  return count;
};

const refuse = (field: string, detail: string): FieldRefusal => ({ field, detail });

const checkString = (field: StringField, value: unknown, path: string): FieldRefusal | undefined => {
  if (typeof value !== 'string') return refuse(path, `${path} must be a string.`);
  // A length within bounds in UTF-16 units is within them in code points; only long strings have to be counted.
  const length =
    field.unit === 'codePoints' && value.length > field.max ? countCodePoints(value, field.max) : value.length;
  if (length > field.max) {
    return {
      field: path,
      detail: `${path} has more than ${field.max} ${field.unit === 'codePoints' ? 'code points' : 'characters'}.`,
      limit: field.limit,
      max: field.max,
    };
  }
  if (value.length < field.min) return refuse(path, `${path} has fewer than ${field.min} characters.`);
  if (field.pattern !== undefined)
    return field.pattern.test(value)
      ? undefined
      : refuse(path, `${path} must be ${field.form ?? 'of the right form'}.`);
  return value.isWellFormed()
    ? undefined
    : refuse(path, `${path} has a lone surrogate; it must be well-formed Unicode.`);
};

const checkField = (field: Field, value: unknown, path: string): FieldRefusal | undefined => {
  switch (field.type) {
    case 'string':
      return checkString(field, value, path);
    case 'integer':
      if (typeof value !== 'number' || !Number.isSafeInteger(value))
        return refuse(path, `${path} must be a whole number.`);
      if (value < field.min || value > field.max)
        return { field: path, detail: `${path} must be ${field.min} to ${field.max}.`, max: field.max };
      return undefined;
    case 'boolean':
      return typeof value === 'boolean' ? undefined : refuse(path, `${path} must be true or false.`);
    case 'choice':
      return typeof value === 'string' && field.values.includes(value)
        ? undefined
        : refuse(path, `${path} must be one of ${field.values.join(', ')}.`);
    case 'array': {
      if (!Array.isArray(value)) return refuse(path, `${path} must be an array.`);
      if (value.length > field.max)
        return { field: path, detail: `${path} has more than ${field.max} items.`, limit: field.limit, max: field.max };
      if (value.length < field.min) return refuse(path, `${path} has fewer than ${field.min} items.`);
      for (let i = 0; i < value.length; i++) {
        const refusal = checkField(field.items, value[i], `${path}[${i}]`);
        if (refusal !== undefined) return refusal;
      }
      return undefined;
    }
    case 'map':
    case 'union':
      return refuse(path, `${path} is not accepted from outside.`);
    case 'object': {
      const checked = checkFields(field.fields, value, path);
      return checked.ok ? undefined : checked.refusal;
    }
    default: {
      const never: never = field;
      return never;
    }
  }
};

/**
 * Checks an object against its fields. Unknown properties are left out of the result, so a newer client may send them;
 * optional ones that are absent or null stay absent.
 */
export const checkFields = <P extends Fields>(fields: P, value: unknown, path = 'params'): Checked<InferFields<P>> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { ok: false, refusal: refuse(path, `${path} must be an object.`) };
  const known: Record<string, unknown> = {};
  for (const name in fields) {
    const field = fields[name];
    if (field === undefined) continue;
    const given: unknown = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
    if (given === undefined || given === null) {
      if (field.optional === true) continue;
      return { ok: false, refusal: refuse(`${path}.${name}`, `${path}.${name} is missing.`) };
    }
    const refusal = checkField(field, given, `${path}.${name}`);
    if (refusal !== undefined) return { ok: false, refusal };
    known[name] = given;
  }
  return { ok: true, value: known as InferFields<P> };
};
