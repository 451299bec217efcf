import { afterEach, expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ID_PATTERN, USER_ID_PATTERN, newDeviceId, newUserId } from '@duolog/protocol';
import { TICKET_LIFE_MS } from '../ports/tokens.ts';
import { createTokens, secretOf } from './tokens-hmac.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
const makeFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'duolog-secret-'));
  folders.push(folder);
  return folder;
};

const tokens = createTokens('s'.repeat(32));
const holder = { user: newUserId(), device: newDeviceId() };
const nowMs = 1_767_225_600_000.5;

/** The text with one character changed. */
const altered = (text: string, at: number): string =>
  `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;

test('a token names its device, is the same each time, and fits into an id [API4]', () => {
  const token = tokens.token(holder);
  expect(tokens.readToken(token)).toEqual(holder);
  expect(tokens.token(holder)).toBe(token);
  expect(token).toMatch(ID_PATTERN);
});

test('a token or ticket with any character changed is not genuine [API4]', () => {
  const token = tokens.token(holder);
  for (let at = 0; at < token.length; at++) expect([at, tokens.readToken(altered(token, at))]).toEqual([at, undefined]);
  const ticket = tokens.ticket(holder, nowMs);
  for (let at = 0; at < ticket.length; at++)
    expect([at, tokens.readTicket(altered(ticket, at), nowMs)]).toEqual([at, undefined]);
});

test.each(['', '.', '..', '...', 'a.b', 'a.b.c', 'x'.repeat(10_000), 'ü.ü.ü', `${newUserId()}.${newDeviceId()}.`])(
  '%j is no token and no ticket [API4]',
  (text) => {
    expect(tokens.readToken(text)).toBeUndefined();
    expect(tokens.readTicket(text, nowMs)).toBeUndefined();
  },
);

test('a token is no ticket, and a ticket no token [API4]', () => {
  expect(tokens.readTicket(tokens.token(holder), nowMs)).toBeUndefined();
  expect(tokens.readToken(tokens.ticket(holder, nowMs))).toBeUndefined();
});

test('what one secret made another one does not take [API4]', () => {
  const others = createTokens('t'.repeat(32));
  expect(others.readToken(tokens.token(holder))).toBeUndefined();
  expect(others.readTicket(tokens.ticket(holder, nowMs), nowMs)).toBeUndefined();
});

test('a ticket is good for 60 s [API9]', () => {
  const ticket = tokens.ticket(holder, nowMs);
  expect(TICKET_LIFE_MS).toBe(60_000);
  expect(tokens.readTicket(ticket, nowMs + 59_999)).toEqual(holder);
  expect(tokens.readTicket(ticket, nowMs + 60_000)).toBeUndefined();
});

test('ids are derived from all their parts and from how these are divided [ACC2] [ACC5]', () => {
  const ids = [
    ['a', 'b'],
    ['ab', ''],
    ['a', 'b', ''],
    ['b', 'a'],
  ].map((parts) => tokens.deriveUser(parts));
  expect(new Set(ids).size).toBe(4);
  for (const id of ids) expect(id).toMatch(USER_ID_PATTERN);
  expect(tokens.deriveUser(['a', 'b'])).toBe(ids[0] ?? '');
  expect(tokens.deriveDevice(['a', 'b'])).toMatch(ID_PATTERN);
  expect(tokens.deriveDevice(['a', 'b'])).not.toBe(tokens.digest(['a', 'b']));
});

test('the secret is made once, and only its owner may read it [OPS4]', () => {
  const folder = makeFolder();
  const data = join(folder, 'data');
  const secret = secretOf(data);
  expect(secret.length).toBeGreaterThanOrEqual(32);
  expect(secretOf(data)).toBe(secret);
  expect(secretOf(join(folder, 'other'))).not.toBe(secret);
  expect(statSync(join(data, 'secret')).mode & 0o777).toBe(0o600);
  chmodSync(join(data, 'secret'), 0o644);
  expect(secretOf(data)).toBe(secret);
  expect(statSync(join(data, 'secret')).mode & 0o777).toBe(0o600);
});

test('a secret that is cut off is refused and left as it is [OPS7]', () => {
  const folder = makeFolder();
  writeFileSync(join(folder, 'secret'), 'short\n');
  expect(() => secretOf(folder)).toThrow('is damaged');
  expect(readFileSync(join(folder, 'secret'), 'utf8')).toBe('short\n');
});
