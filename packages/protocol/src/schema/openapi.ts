/** OpenAPI 3.1 of the HTTP side, made of the tables. Methods that go over WebSocket alone are in `x-socket-methods`. */
import { ERRORS } from '../error-table.ts';
import type { ErrorCode } from '../errors.ts';
import { ID_PATTERN } from '../ids.ts';
import { NAMED, inlineSchemaOf, objectSchema, refTo } from './json-schema.ts';
import type { JsonSchema } from './json-schema.ts';
import { errorsOf } from './method-errors.ts';
import { METHODS } from './methods.ts';
import type { Method, MethodName } from './methods.ts';

const ERROR_SCHEMA: JsonSchema = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'retry', 'detail'],
      properties: {
        code: {
          type: 'string',
          description: 'See the table of errors; a client takes one it does not know as `internal`.',
        },
        retry: {
          type: 'string',
          enum: ['now', 'later', 'never'],
          description: 'When the same request may be sent again.',
        },
        detail: { type: 'string', description: 'One English sentence for developers.' },
        field: { type: 'string', description: 'Path of the offending field.' },
        limit: { type: 'string', description: 'Name of the limit that was crossed; its value is in `max`.' },
        max: { type: 'integer' },
        expected: { type: 'integer', description: 'With `gap`: the n that is expected next.' },
        retryAfterMs: { type: 'integer', description: 'Milliseconds to wait before sending it again.' },
        incident: { type: 'string', description: 'With `internal`: names the line in the server’s log.' },
      },
    },
  },
};

const OUTBOX_PARAMETERS = [
  {
    name: 'duolog-outbox',
    in: 'header',
    description: 'With duolog-n: makes the command safe to repeat. The random id of an outbox of this client.',
    schema: { type: 'string', pattern: ID_PATTERN.source },
  },
  {
    name: 'duolog-n',
    in: 'header',
    description: 'The number of the command in its outbox: 1, 2, 3 … for each conversation, user or handle it goes to.',
    schema: { type: 'integer', minimum: 1 },
  },
];

/** One response per HTTP status; several errors share some. */
const errorResponses = (codes: readonly ErrorCode[]): Record<string, object> => {
  const byStatus = Map.groupBy(codes, (code) => String(ERRORS[code].status));
  return Object.fromEntries(
    [...byStatus].map(([status, sharing]) => [
      status,
      {
        description: sharing.map((code) => `\`${code}\`: ${ERRORS[code].text}`).join(' '),
        content: { 'application/json': { schema: { $ref: refTo('Error') } } },
      },
    ]),
  );
};

const operationOf = (name: MethodName): object => {
  const method: Method = METHODS[name];
  const { own, general } = errorsOf(name);
  return {
    operationId: name,
    summary: method.doc,
    tags: [name.split('.')[0]],
    security: method.auth === 'device' ? [{ token: [] }] : [],
    ...(method.kind === 'command' ? { parameters: OUTBOX_PARAMETERS } : {}),
    requestBody: {
      required: Object.values(method.params).some((field) => field.optional !== true),
      content: { 'application/json': { schema: objectSchema(method.params) } },
    },
    responses: {
      '200': { description: 'Done.', content: { 'application/json': { schema: objectSchema(method.result) } } },
      ...errorResponses([...own, ...general]),
    },
  };
};

/** The document. `version` is that of the program. */
export const openapi = (version: string): object => {
  const names = Object.keys(METHODS) as MethodName[];
  const overHttp = names.filter((name) => METHODS[name].over !== 'socket');
  const overSocket = names.filter((name) => METHODS[name].over === 'socket');
  return {
    openapi: '3.1.0',
    info: {
      title: 'duolog',
      version,
      description:
        'Every method over HTTP. Live entries, and the methods in `x-socket-methods`, go over WebSocket; see /reference.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths: Object.fromEntries(overHttp.map((name) => [`/v1/${name}`, { post: operationOf(name) }])),
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'Device token of session.logIn' } },
      schemas: {
        Error: ERROR_SCHEMA,
        ...Object.fromEntries(Object.entries(NAMED).map(([name, field]) => [name, inlineSchemaOf(field)])),
      },
    },
    'x-socket-methods': Object.fromEntries(
      overSocket.map((name) => [
        name,
        {
          summary: METHODS[name].doc,
          params: objectSchema(METHODS[name].params),
          result: objectSchema(METHODS[name].result),
        },
      ]),
    ),
  };
};
