/** The reference of the protocol, made of its tables: Markdown for the repository, HTML for the server's page. */
import { CLOSE_CODES, mayReconnect } from '../close-codes.ts';
import { BEAT } from '../codec.ts';
import { ERRORS } from '../error-table.ts';
import type { ErrorCode } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { HTTP_PREFIX, SOCKET_PATH } from '../paths.ts';
import { PROTOCOL_VERSIONS } from '../version.ts';
import { code, heading, link, list, paragraph, table, toHtml, toMarkdown } from './document.ts';
import type { Block } from './document.ts';
import type { Field, Fields } from './fields.ts';
import { nameOf } from './json-schema.ts';
import { LIMIT_DOCS } from './limit-docs.ts';
import { errorsOf } from './method-errors.ts';
import { METHODS } from './methods.ts';
import type { Method, MethodName } from './methods.ts';
import { CHANGE, CONVERSATION, DEVICE, ENTRIES, EVENTS, MEMBER, MESSAGE, USER } from './objects.ts';

const range = (min: number, max: number, unit = ''): string => {
  const most = max === Number.MAX_SAFE_INTEGER ? '' : ` to ${max}`;
  return `${min}${most}${unit === '' ? '' : ` ${unit}`}${most === '' ? ' or more' : ''}`;
};

const typeOf = (field: Field): string => {
  const name = nameOf(field);
  if (name !== undefined) return link(name, name === 'Entry' ? 'entries' : name.toLowerCase());
  switch (field.type) {
    case 'string':
      return field.form === undefined
        ? `string, ${range(field.min, field.max, field.unit === 'codePoints' ? 'code points' : 'characters')}`
        : `string: ${field.form}, ${range(field.min, field.max)}`;
    case 'integer':
      return field.min === 0 && field.max === Number.MAX_SAFE_INTEGER
        ? 'integer'
        : `integer, ${range(field.min, field.max)}`;
    case 'boolean':
      return 'boolean';
    case 'choice':
      return field.values.map((value) => `\`${value}\``).join(' or ');
    case 'array':
      return `array, ${range(field.min, field.max)}, of ${typeOf(field.items)}`;
    case 'map':
      return `object with values ${typeOf(field.values)}`;
    case 'object':
      if (Object.keys(LIMITS).every((name) => Object.hasOwn(field.fields, name))) return link('limits', 'limits');
      return `object with ${Object.keys(field.fields)
        .map((name) => `\`${name}\``)
        .join(', ')}`;
    case 'union':
      return field.options.map(typeOf).join(' or ');
    default: {
      const never: never = field;
      return never;
    }
  }
};

const fieldTable = (fields: Fields, what: string): Block =>
  table(
    [what, 'type', ''],
    Object.entries(fields).map(([name, field]) => [
      `\`${name}\`${field.optional === true ? ' (optional)' : ''}`,
      typeOf(field),
      field.doc,
    ]),
  );

const anchorOf = (name: string): string => `method-${name}`;
const errorLink = (name: ErrorCode): string => link(`\`${name}\``, 'errors');

const methodBlocks = (name: MethodName): readonly Block[] => {
  const method: Method = METHODS[name];
  const way = {
    http: `\`POST ${HTTP_PREFIX}${name}\``,
    socket: 'WebSocket',
    both: `WebSocket and \`POST ${HTTP_PREFIX}${name}\``,
  }[method.over];
  const who = method.auth === 'device' ? 'for a signed-in device' : 'for anybody';
  const { own } = errorsOf(name);
  return [
    heading(3, name, anchorOf(name)),
    paragraph(`${method.doc} (A ${method.kind}, ${who}; ${way}.)`),
    ...(Object.keys(method.params).length === 0 ? [paragraph('No params.')] : [fieldTable(method.params, 'params')]),
    ...(Object.keys(method.result).length === 0
      ? [paragraph('The result is `{}`.')]
      : [fieldTable(method.result, 'result')]),
    ...(own.length === 0 ? [] : [paragraph(`Errors of its own: ${own.map(errorLink).join(', ')}.`)]),
  ];
};

const objectBlocks = (name: string, field: { readonly doc: string; readonly fields: Fields }): readonly Block[] => [
  heading(3, name, name.toLowerCase()),
  paragraph(`${field.doc}.`),
  fieldTable(field.fields, 'field'),
];

const capitalised = (name: string): string => `${name[0]?.toUpperCase() ?? ''}${name.slice(1)}`;

const introduction = (): readonly Block[] => [
  heading(1, 'Reference of the duolog protocol'),
  paragraph(
    'Made of the tables in `packages/protocol`; the server shows the same at `/reference`, and as OpenAPI at `/openapi.json`.',
  ),
  heading(2, 'How to call'),
  paragraph(
    `Over HTTP every method but those of the WebSocket is \`POST ${HTTP_PREFIX}<method>\` with its params as a JSON object, its result as the answer, and \`Authorization: Bearer <token>\` once a device is signed in. An error is \`{ "error": { "code", "retry", "detail", … } }\` with the status of the ${link('table', 'errors')}, and \`Retry-After\` where waiting helps. A connection takes one request after the other’s answer: requests with bodies cannot be pipelined.`,
  ),
  code(
    `POST ${HTTP_PREFIX}message.send\nAuthorization: Bearer <token>\nduolog-outbox: Zx81kQ\nduolog-n: 1\n\n{ "conversation": "g.…", "text": "hello" }`,
  ),
  paragraph(
    `Over WebSocket (\`${SOCKET_PATH}\`) a client sends a request, or an array of at most ${LIMITS.maxRequestsPerFrame}, as JSON text; the first is ${link('`hello`', anchorOf('hello'))}. The server sends arrays of items, in order: replies, ${link('entries', 'entries')} and ${link('events', 'events')}; an item is told by its \`type\`. Readers skip properties, entry kinds and event types that they do not know.`,
  ),
  code(
    `→ { "id": 1, "method": "hello", "params": { "versions": [1], "token": "…" } }\n← [ { "type": "reply", "id": 1, "result": { … } } ]\n→ { "id": 2, "method": "message.send", "params": { … }, "outbox": "Zx81kQ", "n": 1 }\n← [ { "type": "reply", "id": 2, "result": { "seq": 7, "at": 1767225600000 } }, { "type": "entry", "useq": 12, … } ]`,
  ),
  heading(2, 'Commands that are safe to repeat'),
  paragraph(
    `A command may carry \`(outbox, n)\`: the random id of an outbox of this client, and n = 1, 2, 3 … within that outbox and the conversation, user or handle the command goes to. However often it is sent, it is executed once, and each time gets its first answer. At most ${LIMITS.outboxWindow} may be under way; \`gap\`, \`stale\` and \`conflict\` are in the ${link('table', 'errors')}. A command without them is executed as it comes and is not safe to repeat.`,
  ),
  heading(2, 'Heartbeats'),
  paragraph(
    `A binary frame of 9 bytes: the byte ${BEAT}, then the cursor as a 64-bit float, big-endian. The server answers with the same form, holding the newest number it knows of the user’s log. Send one at least every \`heartbeatMs\` of the answer to ${link('`hello`', anchorOf('hello'))}; any frame counts.`,
  ),
  heading(2, 'Versions'),
  paragraph(
    `This program speaks version ${PROTOCOL_VERSIONS.join(', ')}. A client names those it speaks in ${link('`hello`', anchorOf('hello'))}; the newest that both speak is used.`,
  ),
];

const tables = (): readonly Block[] => [
  heading(2, 'Errors', 'errors'),
  paragraph(
    '`retry` says when the same request may be sent again: `now`, `later` (after `retryAfterMs`, or a while) or `never` (not as it is).',
  ),
  table(
    ['code', 'retry', 'HTTP', ''],
    Object.entries(ERRORS).map(([name, { retry, status, text }]) => [`\`${name}\``, retry, String(status), text]),
  ),
  paragraph(
    `Any request can get ${errorsOf('account.get')
      .general.map((name) => `\`${name}\``)
      .join(', ')}; any command also ${errorsOf('message.send')
      .general.filter((name) => !errorsOf('account.get').general.includes(name))
      .map((name) => `\`${name}\``)
      .join(', ')}.`,
  ),
  heading(2, 'Close codes', 'close-codes'),
  paragraph(
    'From 4000 to 4499, and with every code that is not in this table, a client connects again after a random while; from 4500 to 4999 it stops.',
  ),
  table(
    ['code', 'name', 'connect again', ''],
    Object.entries(CLOSE_CODES).map(([name, { code: number, text }]) => [
      String(number),
      name,
      mayReconnect(number) ? 'yes' : 'no',
      text,
    ]),
  ),
  heading(2, 'Limits', 'limits'),
  paragraph(
    'The server tells those in force in its answer to `hello`. An error that refuses something because of one names it.',
  ),
  table(
    ['limit', 'value', ''],
    Object.entries(LIMIT_DOCS).map(([name, doc]) => [
      `\`${name}\``,
      LIMITS[name as keyof typeof LIMITS].toLocaleString('en-US'),
      doc,
    ]),
  ),
];

const blocks = (): readonly Block[] => {
  const names = Object.keys(METHODS) as MethodName[];
  return [
    ...introduction(),
    heading(2, 'Methods', 'methods'),
    table(
      ['method', '', ''],
      names.map((name) => [link(`\`${name}\``, anchorOf(name)), METHODS[name].kind, METHODS[name].doc]),
    ),
    ...names.flatMap(methodBlocks),
    heading(2, 'Objects', 'objects'),
    ...Object.entries({
      Message: MESSAGE,
      Change: CHANGE,
      Conversation: CONVERSATION,
      Member: MEMBER,
      Device: DEVICE,
      User: USER,
    }).flatMap(([name, field]) => objectBlocks(name, field)),
    heading(2, 'Entries', 'entries'),
    paragraph(
      'What a user’s devices must learn, numbered without holes (`useq`). A client applies one if it follows the last one it applied, drops those it has, and asks `sync` for what is missing.',
    ),
    list(...Object.entries(ENTRIES).map(([kind, field]) => `${link(`\`${kind}\``, `${kind}entry`)}: ${field.doc}`)),
    ...Object.entries(ENTRIES).flatMap(([kind, field]) => objectBlocks(`${capitalised(kind)}Entry`, field)),
    heading(2, 'Events', 'events'),
    paragraph('Hints about what is not durable; missing one loses nothing.'),
    ...Object.entries(EVENTS).flatMap(([type, field]) => objectBlocks(`${capitalised(type)}Event`, field)),
    ...tables(),
  ];
};

/** The reference as Markdown. */
export const referenceMarkdown = (): string => toMarkdown(blocks());
/** The reference as HTML, without head and body. */
export const referenceHtml = (): string => toHtml(blocks());
