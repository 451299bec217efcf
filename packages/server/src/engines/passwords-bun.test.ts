import { expect, test } from 'bun:test';
import { DuologError } from '@duolog/protocol';
import { ARGON2ID, NOBODYS_HASH, createPasswords } from './passwords-bun.ts';

const passwords = createPasswords({ atOnce: 1, waiting: 2 });

test('a hash is argon2id of the documented cost, salted, and fits its password alone [API10]', async () => {
  const [one, other] = [await passwords.hash('correct horse'), await passwords.hash('correct horse')];
  expect(one).toStartWith(`$argon2id$v=19$m=${ARGON2ID.memoryCost},t=${ARGON2ID.timeCost},p=1$`);
  expect(other).not.toBe(one);
  expect(await passwords.verify('correct horse', one)).toBe(true);
  expect(await passwords.verify('correct horsf', one)).toBe(false);
});

test('without a hash a password is checked at the same cost, and never fits [API5]', async () => {
  expect(NOBODYS_HASH.split('$').slice(0, 4)).toEqual((await passwords.hash('x')).split('$').slice(0, 4));
  expect(await passwords.verify('', undefined)).toBe(false);
});

test('beyond those that may wait, the answer is overloaded, and the others are still checked [API10]', async () => {
  const hash = await passwords.hash('right');
  const asked = Array.from({ length: 6 }, () => passwords.verify('right', hash).catch((error: unknown) => error));
  const answers = await Promise.all(asked);
  expect(answers.filter((answer) => answer === true)).toHaveLength(3);
  const refused = answers.filter((answer) => answer instanceof DuologError);
  expect(refused.map(({ code, facts }) => [code, facts.retryAfterMs])).toEqual(
    Array.from({ length: 3 }, () => ['overloaded', 1_000]),
  );
  expect(await passwords.verify('right', hash)).toBe(true);
});

test('a damaged hash fails that one check and gives its place to the next [API10]', async () => {
  const checks = [passwords.verify('x', '$argon2id$damaged'), passwords.verify('x', undefined)];
  const [damaged, next] = await Promise.allSettled(checks);
  expect(damaged?.status).toBe('rejected');
  expect(next).toEqual({ status: 'fulfilled', value: false });
});
