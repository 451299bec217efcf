import { expect, test } from 'bun:test';
import { LIMITS, directId } from '@duolog/protocol';
import * as fc from 'fast-check';
import { alice, bob, group } from '../../testing/people.ts';
import {
  BUCKET_SIZE,
  acceptedKey,
  bucketOf,
  conversationKey,
  decodeEntry,
  decodeJson,
  decodeMessage,
  decodeOrigin,
  decodeRosterFor,
  encodeFields,
  encodeJson,
  encodeMessage,
  encodePointers,
  formerKey,
  inConversationKey,
  logRow,
  longTextRow,
  numberOf,
  outboxKey,
  placeInBucket,
  unfoldRow,
  userKey,
} from './rows.ts';

const anyNumber = fc.oneof(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 2 ** 43 }));

test('a number’s row is found from the number, and the number from its row [COM3]', () => {
  fc.assert(
    fc.property(anyNumber, (n) => {
      const { partition, key } = logRow('c/x', n);
      expect(partition).toBe(`c/x/${bucketOf(n)}`);
      expect(numberOf(bucketOf(n), key)).toBe(n);
    }),
  );
});

test('within a bucket the order of keys is the order of numbers, across all 4,096 [SYN1]', () => {
  const keys = Array.from({ length: BUCKET_SIZE }, (_, i) => placeInBucket(i));
  expect(keys.toSorted()).toEqual(keys);
  expect(new Set(keys).size).toBe(4_096);
  expect(logRow('u/x', BUCKET_SIZE - 1)).toEqual({ partition: 'u/x/0', key: 'fff' });
  expect(logRow('u/x', BUCKET_SIZE)).toEqual({ partition: 'u/x/1', key: '000' });
});

test('an entry row is read as it was written: a pointer or fields [COM3]', () => {
  fc.assert(
    fc.property(anyNumber, fc.constantFrom(group, directId(alice, bob)), (seq, conversation) => {
      expect(decodeEntry(encodePointers(conversation, seq, 1))).toEqual({ kind: 'pointer', conversation, seq });
    }),
  );
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const fields = `"kind":"x","value":${JSON.stringify(value)}`;
      expect(decodeEntry(encodeFields(fields))).toEqual({ kind: 'fields', fields });
    }),
  );
});

test('a row of several entries holds one message after another, the last of them at its place [COM3] [SYN1]', () => {
  fc.assert(
    fc.property(anyNumber, fc.integer({ min: 1, max: 100 }), (first, count) => {
      const held = unfoldRow(encodePointers(group, first + count - 1, count)).map(decodeEntry);
      expect(held).toEqual(
        Array.from({ length: count }, (_, i) => ({ kind: 'pointer', conversation: group, seq: first + i })),
      );
    }),
  );
  for (const one of [encodeFields('"kind":"x"'), encodeMessage('{}'), encodePointers(group, 7, 1)])
    expect(unfoldRow(one)).toEqual([one]);
});

test('a row of plain data is read as it was written [COM3]', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      expect(decodeJson<unknown>(encodeJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('a message row gives back the message as it travels, and the command it was [COM3] [COM10]', () => {
  const body = '{"seq":1,"text":"{ 3 }"}';
  expect(decodeMessage(encodeMessage(body))).toBe(body);
  expect(decodeOrigin(encodeMessage(body))).toBeUndefined();
  const origin = { outbox: 'o-1_A.z', n: 12, hash: '1q2w3e' };
  expect(decodeMessage(encodeMessage(body, origin))).toBe(body);
  expect(decodeOrigin(encodeMessage(body, origin))).toEqual(origin);
});

test.each([
  () => decodeJson('0{}'),
  () => decodeJson(''),
  () => decodeEntry('9x'),
  () => decodeEntry('2'),
  () => decodeMessage('7{}'),
  () => decodeMessage('3o 1 h'),
  () => decodeOrigin('7{}'),
  () => unfoldRow('4'),
  () => unfoldRow('41 5 g.x'),
  () => unfoldRow('4257 5000 g.x'),
  () => unfoldRow('43 2 g.x'),
  () => unfoldRow('4x 5 g.x'),
  () => unfoldRow('42.5 5 g.x'),
  () => unfoldRow('43 5 '),
  () => unfoldRow('43 5 g.x y'),
])('a value of an unknown format is refused, not guessed: %# [COM3] [COM11]', (read) => {
  expect(read).toThrow();
});

test('the longest ids make names a store takes: printable ASCII, at most 255 characters [LIM7]', () => {
  const longest = 'x'.repeat(LIMITS.maxIdBytes);
  const { partition, key } = longTextRow(longest, 2 ** 43);
  const names = [
    conversationKey(longest),
    logRow(userKey(longest), 2 ** 43).partition,
    partition,
    key,
    formerKey(longest),
    inConversationKey(longest),
    outboxKey(longest, longest),
    acceptedKey(4_095),
  ];
  for (const name of names) expect(name).toMatch(/^[\x21-\x7e]{1,255}$/);
});

test('a roster is read for one user as it is whole, whatever its name looks like [CON4]', () => {
  const tricky = fc.constantFrom('G', ',"members":[{"user":"', `{"user":"${alice}",`, '"}]}', '\\', '中');
  const anyMember = fc.record({
    user: fc.constantFrom(alice, bob, 'ucarol0000000000_', 'u-'),
    role: fc.constantFrom('owner' as const, 'member' as const),
    joinSeq: fc.nat(),
    visibleFrom: fc.nat(),
  });
  const anyRoster = fc.record({
    kind: fc.constant('group' as const),
    name: tricky,
    createdBy: fc.constantFrom(alice, bob),
    createdAt: fc.nat(),
    members: fc.uniqueArray(anyMember, { selector: ({ user }) => user }),
  });
  fc.assert(
    fc.property(anyRoster, fc.boolean(), (roster, isLast) => {
      const { members, name, ...rest } = roster;
      const value = encodeJson(isLast ? roster : { members, ...rest, name });
      for (const user of [alice, bob, 'u-'])
        expect(decodeRosterFor(value, user)).toEqual({
          ...rest,
          name,
          member: members.find((member) => member.user === user),
        });
    }),
  );
  expect(() => decodeRosterFor('2{}', alice)).toThrow();
});
