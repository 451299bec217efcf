/** Params that are nearly right, made from the table of methods: one value at a time is replaced by a bad one. */
import { LIMITS } from '@duolog/protocol';
import { METHODS } from '@duolog/protocol/schema';
import type { Field, Fields, MethodName } from '@duolog/protocol/schema';

/** Values that exist, for fields that need some. */
export interface Known {
  readonly user: string;
  readonly conversation: string;
  readonly group: string;
}

const deep = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;

/** JSON texts of values that fit hardly anywhere. */
const ODD_TEXTS: readonly string[] = [
  'null',
  'true',
  'false',
  '0',
  '-1',
  '1.5',
  '-0',
  '1e308',
  '1e400',
  '-1e400',
  '9007199254740991',
  '9007199254740993',
  '123456789012345678901234567890',
  '""',
  '" "',
  '"x"',
  '"null"',
  '"__proto__"',
  '"constructor"',
  '"\\u0000"',
  '"\\ud800"',
  '"\\udfff x"',
  '"\\ud83d"',
  '"\\u202e"',
  '"../../etc/passwd"',
  '"%00"',
  '[]',
  '[[]]',
  '[null]',
  '{}',
  '{"__proto__":{"length":1}}',
  '{"toString":1,"valueOf":2}',
  '{"length":1,"0":"x"}',
  '{"toJSON":1}',
  deep(2_000),
  `"${'a'.repeat(65)}"`,
  `"${'a'.repeat(257)}"`,
  `"${'a'.repeat(100_000)}"`,
  `"${'😀'.repeat(99_999)}"`,
  `"${'😀'.repeat(100_000)}"`,
  `[${'"x",'.repeat(100)}"x"]`,
  `[${'1,'.repeat(10_000)}1]`,
];

/** A JSON text that fits the field. */
const goodText = (name: string, field: Field, known: Known): string => {
  switch (field.type) {
    case 'string':
      if (name === 'conversation')
        return JSON.stringify(field.form?.startsWith('"g."') === true ? known.group : known.conversation);
      if (field.form === 'a user id') return JSON.stringify(known.user);
      if (field.form === 'a conversation id') return JSON.stringify(known.conversation);
      return JSON.stringify('a'.repeat(Math.max(field.min, 3)));
    case 'integer':
      return String(field.min);
    case 'boolean':
      return 'true';
    case 'choice':
      return JSON.stringify(field.values[0]);
    case 'array':
      return `[${goodText(name, field.items, known)}]`;
    case 'object':
      return goodParams(field.fields, known);
    case 'map':
    case 'union':
      return 'null';
    default: {
      const never: never = field;
      return never;
    }
  }
};

const goodParams = (fields: Fields, known: Known): string =>
  `{${Object.entries(fields)
    .map(([name, field]) => `"${name}":${goodText(name, field, known)}`)
    .join(',')}}`;

/** Values next to the bounds of the field. */
const edgeTexts = (field: Field): readonly string[] => {
  switch (field.type) {
    case 'string':
      return [field.min - 1, field.min, field.max, field.max + 1]
        .filter((length) => length >= 0)
        .flatMap((length) => [`"${'a'.repeat(length)}"`, `"${'é'.repeat(length)}"`]);
    case 'integer':
      return [field.min - 1, field.min, field.max, field.max + 1].map(String);
    case 'array':
      return [field.min, field.max, field.max + 1].map(
        (length) => `[${Array.from({ length }, () => '"x"').join(',')}]`,
      );
    default:
      return [];
  }
};

/** JSON texts of params for a method: each field once with each bad value, and params that are none. */
export const badParams = (method: MethodName, known: Known): readonly string[] => {
  const fields: Fields = METHODS[method].params;
  const whole = ODD_TEXTS.filter((text) => text.length < 5_000);
  const single = Object.entries(fields).flatMap(([name, field]) => {
    const bad = [
      ...ODD_TEXTS,
      ...edgeTexts(field),
      ...(field.type === 'array' ? ODD_TEXTS.map((text) => `[${text}]`) : []),
    ];
    return bad.map((text) => {
      const others = Object.entries(fields).filter(([other]) => other !== name);
      const good = others.map(([other, otherField]) => `"${other}":${goodText(other, otherField, known)}`);
      return `{${[...good, `"${name}":${text}`].join(',')}}`;
    });
  });
  const extra = goodParams(fields, known)
    .replace(/^\{/, `{"__proto__":{"user":1},"unknown":${deep(500)},`)
    .replace(/,\}$/, '}');
  const all = [...whole, ...single, extra, '{"__proto__":null}', '{"constructor":{"prototype":{"x":1}}}'];
  // A frame that is too long is another matter.
  return all.filter((text) => Buffer.byteLength(text) < LIMITS.maxFrameBytes - 1_000);
};
