import { expect, test } from 'bun:test';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CLOSE_CODES, mayReconnect } from './close-codes.ts';
import { decodeBeat, encodeBeat, entryItem, errorItem, frameOf, messageFields, replyItem } from './codec.ts';
import { ERRORS } from './error-table.ts';
import { DuologError } from './errors.ts';
import type { WireError } from './errors.ts';
import {
  CONVERSATION_ID_PATTERN,
  HANDLE_PATTERN,
  ID_PATTERN,
  USER_ID_PATTERN,
  directId,
  parseConversationId,
  selfId,
} from './ids.ts';
import { METHODS } from './schema/methods.ts';
import type { MethodName } from './schema/methods.ts';
import { checkFields, countCodePoints } from './schema/check.ts';
import { negotiate } from './version.ts';

const FOLDER = join(import.meta.dirname, '..', 'vectors');
/** Vectors are for clients in any language; what they say is checked here against this one. */
const vectors = <T>(name: string): T => JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as T;

/** Of UTF-16 code units: so vectors give texts that are not well-formed. */
const textOf = (codeUnits: readonly number[]): string => String.fromCharCode(...codeUnits);

/** All strings in a value, names of properties too. */
const stringsIn = (value: unknown): readonly string[] => {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...stringsIn(inner)]);
};
test('every JSON reader takes the vectors: they are ASCII, and each string is well-formed', () => {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.json'));
  for (const file of files) {
    const json = readFileSync(join(FOLDER, file), 'utf8');
    expect([file, /[^\n -~]/.test(json)]).toEqual([file, false]);
    const strings = stringsIn(JSON.parse(json));
    expect([file, strings.filter((text) => !text.isWellFormed())]).toEqual([file, []]);
  }
  expect(files.length).toBeGreaterThan(5);
});

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));

interface Beats {
  readonly valid: readonly { readonly position: number; readonly hex: string }[];
  readonly invalid: readonly { readonly hex: string; readonly why: string }[];
}
test('beats are encoded and decoded as the vectors say [SYN7]', () => {
  const { valid, invalid } = vectors<Beats>('beats');
  for (const { position, hex } of valid) {
    expect(toHex(encodeBeat(position))).toBe(hex);
    expect(decodeBeat(fromHex(hex))).toBe(position);
  }
  for (const { hex, why } of invalid) expect([why, decodeBeat(fromHex(hex))]).toEqual([why, undefined]);
  expect(valid.length * invalid.length).toBeGreaterThan(0);
});

interface CodePoints {
  readonly texts: readonly {
    readonly text?: string;
    readonly codeUnits?: readonly number[];
    readonly codePoints: number;
    readonly wellFormed: boolean;
  }[];
  readonly repeated: readonly { readonly text: string; readonly times: number; readonly accepted: boolean }[];
}
const send = METHODS['message.send'].params;
const conversation = 'g.0123456789abcdef';
test('code points are counted, and texts accepted, as the vectors say [LIM2]', () => {
  const { texts, repeated } = vectors<CodePoints>('code-points');
  for (const { codeUnits = [], text = textOf(codeUnits), codePoints, wellFormed } of texts) {
    expect([text, text.isWellFormed()]).toEqual([text, wellFormed]);
    expect([text, countCodePoints(text)]).toEqual([text, codePoints]);
    expect([text, checkFields(send, { conversation, text }).ok]).toEqual([text, wellFormed && codePoints > 0]);
  }
  for (const { text, times, accepted } of repeated) {
    const checked = checkFields(send, { conversation, text: text.repeat(times) });
    expect([text, times, checked.ok]).toEqual([text, times, accepted]);
    if (!checked.ok)
      expect(checked.refusal).toMatchObject({ field: 'params.text', limit: 'maxTextLength', max: 99_999 });
  }
  expect(texts.length * repeated.length).toBeGreaterThan(0);
});

interface Ids {
  readonly direct: readonly { readonly users: readonly [string, string]; readonly id: string }[];
  readonly self: readonly { readonly user: string; readonly id: string }[];
  readonly conversations: readonly { readonly id: string; readonly kind: string; readonly users: readonly string[] }[];
  readonly noConversations: readonly string[];
  readonly userIds: { readonly valid: readonly string[]; readonly invalid: readonly string[] };
  readonly handles: { readonly valid: readonly string[]; readonly invalid: readonly string[] };
  readonly ids: { readonly valid: readonly string[]; readonly invalid: readonly string[] };
}
test('ids follow from users and are told apart as the vectors say [CON1] [LIM7]', () => {
  const ids = vectors<Ids>('ids');
  for (const { users, id } of ids.direct) expect(directId(...users)).toBe(id);
  for (const { user, id } of ids.self) expect(selfId(user)).toBe(id);
  for (const { id, kind, users } of ids.conversations)
    expect([id, parseConversationId(id), CONVERSATION_ID_PATTERN.test(id)]).toEqual([
      id,
      { kind, users },
      true,
    ] as never);
  for (const id of ids.noConversations) {
    expect([id, parseConversationId(id)]).toEqual([id, undefined]);
    // A pattern cannot tell which of two users comes first.
    expect([id, CONVERSATION_ID_PATTERN.test(id)]).toEqual([id, /^d(?:\.u[A-Z]{16}){2}$/.test(id)]);
  }
  for (const [name, pattern] of Object.entries({ userIds: USER_ID_PATTERN, ids: ID_PATTERN })) {
    const { valid, invalid } = ids[name === 'userIds' ? 'userIds' : 'ids'];
    for (const id of valid) expect([id, pattern.test(id)]).toEqual([id, true]);
    for (const id of invalid) expect([id, pattern.test(id)]).toEqual([id, false]);
  }
  const find = METHODS['user.find'].params;
  for (const handle of ids.handles.valid) expect([handle, checkFields(find, { handle }).ok]).toEqual([handle, true]);
  for (const handle of ids.handles.invalid) expect([handle, checkFields(find, { handle }).ok]).toEqual([handle, false]);
  expect(HANDLE_PATTERN.test('abc')).toBe(true);
});

interface Negotiations {
  readonly cases: readonly {
    readonly client: readonly number[];
    readonly server: readonly number[];
    readonly version: number | null;
  }[];
}
test('the version in use is the newest that both speak [SYN10]', () => {
  const { cases } = vectors<Negotiations>('negotiation');
  for (const { client, server, version } of cases)
    expect([client, server, negotiate(client, server) ?? null]).toEqual([client, server, version]);
  expect(cases.length).toBeGreaterThan(0);
});

interface Errors {
  readonly codes: Readonly<Record<string, { readonly retry: string; readonly status: number }>>;
  readonly travelling: readonly { readonly wire: WireError; readonly code: string; readonly retryable: boolean }[];
}
test('every error code has the retry advice and HTTP status of the vectors [API2]', () => {
  const { codes, travelling } = vectors<Errors>('errors');
  expect(
    Object.fromEntries(Object.entries(ERRORS).map(([code, { retry, status }]) => [code, { retry, status }])),
  ).toEqual(codes as never);
  for (const { wire, code, retryable } of travelling) {
    const error = DuologError.fromWire(wire);
    expect([error.code, error.retryable]).toEqual([code as never, retryable]);
    const { code: _code, retry: _retry, detail, ...facts } = wire;
    expect([error.message, error.facts]).toEqual([detail, facts]);
    if (wire.code === error.code) expect(error.toWire()).toEqual(wire);
  }
});

interface Closes {
  readonly named: Readonly<Record<string, { readonly code: number; readonly reconnect: boolean }>>;
  readonly others: readonly { readonly code: number; readonly reconnect: boolean }[];
}
test('close codes say whether to connect again [SYN11]', () => {
  const { named, others } = vectors<Closes>('close-codes');
  expect(Object.fromEntries(Object.entries(CLOSE_CODES).map(([name, { code }]) => [name, code]))).toEqual(
    Object.fromEntries(Object.entries(named).map(([name, { code }]) => [name, code])) as never,
  );
  for (const { code, reconnect } of [...Object.values(named), ...others])
    expect([code, mayReconnect(code)]).toEqual([code, reconnect]);
  expect(new Set(Object.values(CLOSE_CODES).map(({ code }) => code)).size).toBe(Object.keys(CLOSE_CODES).length);
});

interface Frames {
  readonly server: readonly { readonly text: string; readonly items: readonly Record<string, unknown>[] }[];
  readonly clientFrames: readonly { readonly text: string; readonly requests: number }[];
  readonly requests: readonly {
    readonly request: { readonly method: MethodName; readonly params: object };
    readonly codeUnits?: Readonly<Record<string, readonly number[]>>;
    readonly refused?: string;
  }[];
}
/** An item as the server builds it: from JSON text of its parts. */
const built = (item: Record<string, unknown>): string => {
  const { type, id, result, error, useq, ...fields } = item;
  if (type === 'reply' && error !== undefined) return errorItem(Number(id), error as WireError);
  if (type === 'reply') return replyItem(Number(id), JSON.stringify(result));
  if (type !== 'entry') return JSON.stringify(item);
  const { message } = fields;
  return entryItem(
    Number(useq),
    message === undefined ? JSON.stringify(fields).slice(1, -1) : messageFields(JSON.stringify(message)),
  );
};
type Asked = Frames['requests'][number];
/** The params of a request, with those that the vectors give as code units. */
const paramsOf = ({ request, codeUnits }: Asked): object => {
  if (codeUnits === undefined) return request.params;
  const texts = Object.entries(codeUnits).map(([name, units]): [string, string] => [name, textOf(units)]);
  return { ...request.params, ...Object.fromEntries<string>(texts) };
};
test('frames are built and requests checked as the vectors say [SYN10] [GAT4]', () => {
  const { server, clientFrames, requests } = vectors<Frames>('frames');
  for (const { text, items } of server) {
    expect(frameOf(items.map(built))).toBe(text);
    expect(JSON.parse(text)).toEqual(items);
  }
  for (const { text, requests: count } of clientFrames) expect([JSON.parse(text)].flat()).toHaveLength(count);
  for (const asked of requests) {
    const { request, refused } = asked;
    const checked = checkFields(METHODS[request.method].params, paramsOf(asked));
    expect([request, checked.ok ? undefined : checked.refusal.field]).toEqual([request, refused]);
  }
  expect(server.length * clientFrames.length * requests.length).toBeGreaterThan(0);
});
