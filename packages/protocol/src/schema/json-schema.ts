/** Fields as JSON Schema (2020-12, as OpenAPI 3.1 uses it). */
import type { Field, Fields } from './fields.ts';
import { CHANGE, CONVERSATION, DEVICE, ENTRIES, ENTRY, EVENTS, MEMBER, MESSAGE, USER } from './objects.ts';

export type JsonSchema = { readonly [keyword: string]: unknown };

/** The objects that have a name of their own in a document. */
export const NAMED: Readonly<Record<string, Field>> = {
  Change: CHANGE,
  Message: MESSAGE,
  Conversation: CONVERSATION,
  Member: MEMBER,
  Device: DEVICE,
  User: USER,
  Entry: ENTRY,
  ...Object.fromEntries(
    Object.entries(ENTRIES).map(([kind, field]) => [`${kind[0]?.toUpperCase()}${kind.slice(1)}Entry`, field]),
  ),
  ...Object.fromEntries(
    Object.entries(EVENTS).map(([type, field]) => [`${type[0]?.toUpperCase()}${type.slice(1)}Event`, field]),
  ),
};

/** The name of a field's object, also of one that was made optional. */
export const nameOf = (field: Field): string | undefined =>
  Object.entries(NAMED).find(([, named]) => {
    if (named.type === 'object') return field.type === 'object' && field.fields === named.fields;
    return named.type === 'union' && field.type === 'union' && field.options === named.options;
  })?.[0];

export const refTo = (name: string): string => `#/components/schemas/${name}`;

/** Schema of a field; objects with a name are referred to. */
export const schemaOf = (field: Field): JsonSchema => {
  const name = nameOf(field);
  return name === undefined ? inlineSchemaOf(field) : { $ref: refTo(name) };
};

/** Schema of a field, written out at its first level. */
export const inlineSchemaOf = (field: Field): JsonSchema => {
  const description = { description: field.doc };
  switch (field.type) {
    case 'string': {
      const pattern = field.pattern === undefined ? {} : { pattern: field.pattern.source };
      const secret = field.secret === true ? { format: 'password' } : {};
      return { type: 'string', ...description, minLength: field.min, maxLength: field.max, ...pattern, ...secret };
    }
    case 'integer':
      return { type: 'integer', ...description, minimum: field.min, maximum: field.max };
    case 'boolean':
      return { type: 'boolean', ...description };
    case 'choice':
      return { type: 'string', ...description, enum: field.values };
    case 'array':
      return { type: 'array', ...description, items: schemaOf(field.items), minItems: field.min, maxItems: field.max };
    case 'map':
      return { type: 'object', ...description, additionalProperties: schemaOf(field.values) };
    case 'object':
      return { ...description, ...objectSchema(field.fields) };
    case 'union':
      return { ...description, oneOf: field.options.map(schemaOf) };
    default: {
      const never: never = field;
      return never;
    }
  }
};

/** Schema of an object with these fields. Unknown properties are allowed: readers skip them. */
export const objectSchema = (fields: Fields): JsonSchema => {
  const required = Object.entries(fields).flatMap(([name, field]) => (field.optional === true ? [] : [name]));
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, schemaOf(field)])),
    ...(required.length === 0 ? {} : { required }),
  };
};
