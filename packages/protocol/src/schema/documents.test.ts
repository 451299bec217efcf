import { expect, test } from 'bun:test';
import { CLOSE_CODES } from '../close-codes.ts';
import { ERRORS } from '../error-table.ts';
import { LIMITS } from '../limits.ts';
import { METHODS } from './methods.ts';
import type { MethodName } from './methods.ts';
import { ENTRIES, EVENTS } from './objects.ts';
import { openapi } from './openapi.ts';
import { referenceHtml, referenceMarkdown } from './reference.ts';

interface Schema {
  readonly [keyword: string]: unknown;
}
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly security: readonly object[];
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly requestBody: { readonly content: { readonly 'application/json': { readonly schema: Schema } } };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content: object }>>;
}
interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, { readonly post: Operation }>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>>; readonly securitySchemes: object };
  readonly 'x-socket-methods': Readonly<Record<string, object>>;
}
const document = JSON.parse(JSON.stringify(openapi('1.2.3'))) as Document;
const names = Object.keys(METHODS) as MethodName[];
const overHttp = names.filter((name) => METHODS[name].over !== 'socket');

/** Every object within a value, itself included. */
const objectsIn = (value: unknown): readonly Schema[] => {
  if (typeof value !== 'object' || value === null) return [];
  const here = Array.isArray(value) ? [] : [value as Schema];
  return [...here, ...Object.values(value).flatMap(objectsIn)];
};

const TYPES = ['string', 'integer', 'boolean', 'array', 'object'];
const KEYWORDS = new Set(
  'type description minLength maxLength pattern format minimum maximum enum items minItems maxItems additionalProperties properties required oneOf $ref'.split(
    ' ',
  ),
);

/** What is wrong with a JSON Schema of the kind used here. */
const faultsOf = (schema: Schema, where: string): readonly string[] => {
  const { type, $ref, properties, required, items, additionalProperties, oneOf, pattern } = schema;
  const faults = Object.keys(schema).flatMap((keyword) => (KEYWORDS.has(keyword) ? [] : [`${where}: ${keyword}`]));
  if ($ref === undefined && oneOf === undefined && !TYPES.includes(String(type)))
    faults.push(`${where}: type ${String(type)}`);
  if (typeof pattern === 'string') void new RegExp(pattern, 'u');
  const inner = (properties ?? {}) as Record<string, Schema>;
  for (const name of (required ?? []) as string[])
    if (!Object.hasOwn(inner, name)) faults.push(`${where}: requires ${name}`);
  for (const [name, property] of Object.entries(inner)) faults.push(...faultsOf(property, `${where}.${name}`));
  if (items !== undefined) faults.push(...faultsOf(items as Schema, `${where}[]`));
  if (additionalProperties !== undefined) faults.push(...faultsOf(additionalProperties as Schema, `${where}{}`));
  for (const [i, option] of ((oneOf ?? []) as Schema[]).entries()) faults.push(...faultsOf(option, `${where}|${i}`));
  return faults;
};

test('OpenAPI has every method that goes over HTTP, and names the others [API11]', () => {
  expect(document.openapi).toBe('3.1.0');
  expect(document.info).toMatchObject({ title: 'duolog', version: '1.2.3' });
  expect(Object.keys(document.paths)).toEqual(overHttp.map((name) => `/v1/${name}`));
  expect(Object.keys(document['x-socket-methods'])).toEqual(names.filter((name) => METHODS[name].over === 'socket'));
});

test('every operation has its params, results, errors and headers [API11]', () => {
  for (const name of overHttp) {
    const { post } = document.paths[`/v1/${name}`] ?? {};
    const method = METHODS[name];
    expect([name, post?.operationId, post?.summary]).toEqual([name, name, method.doc]);
    expect([name, Object.keys(post?.requestBody.content['application/json'].schema['properties'] ?? {})]).toEqual([
      name,
      Object.keys(method.params),
    ]);
    expect([name, post?.security.length]).toEqual([name, method.auth === 'device' ? 1 : 0]);
    expect([name, post?.parameters?.map((parameter) => parameter.name)]).toEqual([
      name,
      method.kind === 'command' ? ['duolog-outbox', 'duolog-n'] : undefined,
    ]);
    for (const code of method.errors) {
      expect([name, post?.responses[String(ERRORS[code].status)]?.description]).toEqual([
        name,
        expect.stringContaining(`\`${code}\``),
      ]);
    }
    expect([name, Object.keys(post?.responses ?? {})]).toEqual([
      name,
      expect.arrayContaining(['200', '400', '500', '503']),
    ]);
  }
});

test('all schemas of OpenAPI are JSON Schema, and every reference leads somewhere [API11]', () => {
  const bodies = Object.entries(document.paths).flatMap(([path, { post }]) => [
    [path, post.requestBody.content['application/json'].schema] as const,
    [
      `${path} 200`,
      (post.responses['200'] as { content: { 'application/json': { schema: Schema } } }).content['application/json']
        .schema,
    ] as const,
  ]);
  const faults = [...Object.entries(document.components.schemas), ...bodies].flatMap(([where, schema]) =>
    faultsOf(schema, where),
  );
  expect(faults).toEqual([]);
  const references = objectsIn(document).flatMap(({ $ref }) => (typeof $ref === 'string' ? [$ref] : []));
  expect(references.length).toBeGreaterThan(50);
  for (const reference of new Set(references)) {
    const [, schema] = /^#\/components\/schemas\/(\w+)$/.exec(reference) ?? [];
    expect([reference, Object.hasOwn(document.components.schemas, schema ?? '')]).toEqual([reference, true]);
  }
});

test('the reference has every method, entry, event, error, close code and limit [API11]', () => {
  const markdown = referenceMarkdown();
  for (const name of names) expect(markdown).toContain(`\n### ${name}\n`);
  for (const kind of Object.keys(ENTRIES)) expect(markdown).toContain(`[\`${kind}\`](#${kind}entry)`);
  for (const type of Object.keys(EVENTS))
    expect(markdown).toContain(`\n### ${type[0]?.toUpperCase()}${type.slice(1)}Event\n`);
  for (const code of Object.keys(ERRORS)) expect(markdown).toContain(`| \`${code}\` |`);
  for (const { code } of Object.values(CLOSE_CODES)) expect(markdown).toContain(`| ${code} |`);
  for (const limit of Object.keys(LIMITS)) expect(markdown).toContain(`| \`${limit}\` |`);
});

test('every link of the reference leads to a heading of it, in Markdown and in HTML [API11]', () => {
  const [markdown, html] = [referenceMarkdown(), referenceHtml()];
  const links = [...markdown.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);
  expect(links.length).toBeGreaterThan(50);
  for (const anchor of new Set(links)) {
    expect(markdown).toContain(`<a id="${anchor}"></a>`);
    expect(html).toContain(` id="${anchor}">`);
    expect(html).toContain(`<a href="#${anchor}">`);
  }
  expect(html).not.toContain('](#');
  expect(html).not.toMatch(/`/);
});
