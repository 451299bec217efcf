import { expect, test } from 'bun:test';
import { LIMITS, directId } from '@duolog/protocol';
import { alice, bob, group } from '../../testing/people.ts';
import type { UserCommand } from './commands.ts';
import type { Decided, Delivery, Refused } from './decision.ts';
import { unchanged } from './decision.ts';
import { KEYS, bucketKey, decodeEntry, inConversationKey, logRow, userKey } from './rows.ts';
import type { Account } from './rows.ts';
import {
  ENTRY_LIFE_MS,
  appendEntry,
  bucketBegun,
  decideUser,
  messageDelivery,
  takeUserParcel,
  userNeeds,
} from './users.ts';
import type { MessageParcel, UserParcel, UserState } from './users.ts';

const now = 1_700_000_000_000;
const conversation = directId(alice, bob);

const nobody: UserState = { user: alice, head: 0, log: { bucket: 0 }, account: undefined, conversation: undefined };
const account: Account = {
  handle: 'alice',
  claimedAt: 5,
  name: 'Alice',
  createdAt: now,
  passwordHash: 'hash',
  devices: [{ device: 'phone', name: 'Phone', addedAt: now }],
};
const user: UserState = { ...nobody, head: 10, account };

const joined: UserParcel = {
  kind: 'membership',
  to: [alice, bob],
  conversation,
  state: 'joined',
  joinSeq: 0,
  visibleFrom: 1,
};
const said: MessageParcel = {
  kind: 'message',
  to: [alice, bob],
  conversation,
  seq: 3,
  at: now,
  fields: '"kind":"message","message":{"seq":3}',
};

/** A message taken, in the form of any other decision; the entry's row, which is the turn's, left out. */
const hear = (state: UserState, parcel: MessageParcel, at: number): Decided<UserState> => {
  const next = appendEntry(state, at);
  const begun = bucketBegun(state, next);
  return {
    ...unchanged(next),
    rows: begun?.rows ?? [],
    deliveries: [messageDelivery(parcel, [next.head])],
    ...(begun === undefined ? {} : { drops: begun.drops }),
  };
};

const entryOf = (decided: Decided<UserState>): Extract<Delivery, { kind: 'entry' }> => {
  const entry = decided.deliveries.find((delivery) => delivery.kind === 'entry');
  if (entry?.kind !== 'entry') throw new Error('no entry');
  return entry;
};
const fieldsOf = (decided: Decided<UserState>): unknown => JSON.parse(`{${entryOf(decided).fields}}`);
const stored = (decided: Decided<UserState>): string => {
  const { partition, key } = logRow(userKey(alice), decided.state.head);
  return decided.rows.find((row) => row.partition === partition && row.key === key)?.value ?? 'no row';
};
const accepted = (state: UserState, command: UserCommand): Decided<UserState> => {
  const decision = decideUser(state, command, now);
  if (!decision.ok) throw new Error(`refused: ${decision.code}`);
  return decision;
};
const refusal = (state: UserState, command: UserCommand): Refused => {
  const decision = decideUser(state, command, now);
  if (decision.ok) throw new Error('not refused');
  return decision;
};

test('a message becomes the next entry [SYN1]', () => {
  const taken = hear(user, said, now);
  expect(taken.state.head).toBe(11);
  expect(taken.state.logPartition).toBe(logRow(userKey(alice), 11).partition);
  expect(hear(taken.state, said, now).state.head).toBe(12);
});

test('whoever gets the same message is told together, each with the number of the entry [SYN1] [MSG4]', () => {
  expect(messageDelivery(said, [11, 4])).toEqual({
    kind: 'entry',
    to: [alice, bob],
    useqs: [11, 4],
    fields: said.fields,
  });
});

test('the device that sent a message gets its place instead of the text, nobody else does [MSG4]', () => {
  const origin = { user: alice, device: 'phone', outbox: 'outbox-1', n: 4 };
  const { fields, sent } = entryOf(hear(user, { ...said, origin }, now));
  expect(fields).toBe(said.fields);
  expect(sent).toMatchObject({ user: alice, device: 'phone' });
  expect(JSON.parse(`{${sent?.fields}}`)).toEqual({
    kind: 'sent',
    conversation,
    seq: 3,
    at: now,
    outbox: 'outbox-1',
    n: 4,
  });
});

test('joining is an entry, and a row of the user with the read position at the start [SYN4] [CON1]', () => {
  const taken = takeUserParcel(user, joined, now);
  expect(fieldsOf(taken)).toEqual({ kind: 'membership', conversation, state: 'joined', joinSeq: 0, visibleFrom: 1 });
  expect(decodeEntry(stored(taken))).toEqual({ kind: 'fields', fields: entryOf(taken).fields });
  const row = { state: 'joined', joinSeq: 0, visibleFrom: 1, readSeq: 0 } as const;
  expect(taken.state.conversation).toEqual(row);
  expect(taken.rows).toContainEqual({
    partition: userKey(alice),
    key: inConversationKey(conversation),
    value: `1${JSON.stringify(row)}`,
  });
});

test('the entry of joining a group names it, that of leaving says where it ended and what it was called [CON4]', () => {
  const joining = takeUserParcel(
    user,
    { ...joined, conversation: group, name: 'Trio', joinSeq: 7, visibleFrom: 8 },
    now,
  );
  expect(fieldsOf(joining)).toMatchObject({ state: 'joined', name: 'Trio', joinSeq: 7, visibleFrom: 8 });
  const leaving = takeUserParcel(
    joining.state,
    { ...joined, conversation: group, state: 'left', name: 'Duo', joinSeq: 7, visibleFrom: 8, leaveSeq: 12 },
    now,
  );
  expect(joining.state.conversation).not.toHaveProperty('name');
  expect(fieldsOf(leaving)).toEqual({
    kind: 'membership',
    conversation: group,
    state: 'left',
    name: 'Duo',
    joinSeq: 7,
    visibleFrom: 8,
    leaveSeq: 12,
  });
  expect(leaving.state.conversation).toEqual({
    state: 'left',
    joinSeq: 7,
    visibleFrom: 8,
    leaveSeq: 12,
    readSeq: 7,
    name: 'Duo',
  });
});

const leftTrio = takeUserParcel(
  user,
  { ...joined, conversation: group, state: 'left', name: 'Trio', leaveSeq: 12 },
  now,
).state;

test('the name of a group that was left outlives reading on, and ends with joining again [CON4] [CON8]', () => {
  const read = accepted(leftTrio, { kind: 'read', conversation: group, seq: 9 });
  expect(read.state.conversation).toMatchObject({ state: 'left', readSeq: 9, name: 'Trio' });
  const again = takeUserParcel(
    read.state,
    { ...joined, conversation: group, name: 'Quartet', joinSeq: 20, visibleFrom: 21 },
    now,
  );
  expect(again.state.conversation).toEqual({ state: 'joined', joinSeq: 20, visibleFrom: 21, readSeq: 20 });
});

test('a parcel of an older version that tells of leaving has no name, and the row has none [COM11] [CON4]', () => {
  const leaving = takeUserParcel(user, { ...joined, conversation: group, state: 'left', leaveSeq: 12 }, now);
  expect(fieldsOf(leaving)).not.toHaveProperty('name');
  expect(leaving.state.conversation).toEqual({ state: 'left', joinSeq: 0, visibleFrom: 1, leaveSeq: 12, readSeq: 0 });
});

test('joining again begins unread after the pause, and a higher read position stays [CON8] [CON12]', () => {
  const left = { state: 'left', joinSeq: 0, visibleFrom: 1, leaveSeq: 12, readSeq: 5 } as const;
  const again = (readSeq: number) =>
    takeUserParcel(
      { ...user, conversation: { ...left, readSeq } },
      { ...joined, conversation: group, joinSeq: 20, visibleFrom: 21 },
      now,
    ).state.conversation;
  expect(again(5)).toEqual({ state: 'joined', joinSeq: 20, visibleFrom: 21, readSeq: 20 });
  expect(again(30)?.readSeq).toBe(30);
});

test('an account is made by the name’s parcel, which is confirmed [ACC1] [COM6]', () => {
  const parcel: UserParcel = {
    kind: 'account',
    user: alice,
    handle: 'alice',
    claimedAt: 5,
    name: 'Alice',
    passwordHash: 'hash',
  };
  const made = takeUserParcel(nobody, parcel, now);
  expect(made.state.account).toEqual({ ...account, devices: [] });
  expect(fieldsOf(made)).toEqual({ kind: 'profile', handle: 'alice', name: 'Alice' });
  expect(entryOf(made).fields).not.toContain('hash');
  expect(made.parcels).toEqual([{ kind: 'confirmed', handle: 'alice', user: alice, claimedAt: 5 }]);
});

test('an account that exists is not made again: devices and password stay [ACC2]', () => {
  const parcel: UserParcel = {
    kind: 'account',
    user: alice,
    handle: 'alice',
    claimedAt: 9,
    name: 'Mallory',
    passwordHash: 'another',
  };
  const again = takeUserParcel(user, parcel, now);
  expect(again.state.account).toEqual({ ...account, claimedAt: 9 });
  expect(again.parcels).toEqual([{ kind: 'confirmed', handle: 'alice', user: alice, claimedAt: 9 }]);
});

test('another handle is confirmed and the old one given back [ACC3] [ACC7]', () => {
  const taken = takeUserParcel(user, { kind: 'handle', user: alice, handle: 'alicia', claimedAt: 9 }, now);
  expect(taken.state.account).toEqual({ ...account, handle: 'alicia', claimedAt: 9 });
  expect(fieldsOf(taken)).toEqual({ kind: 'profile', handle: 'alicia', name: 'Alice' });
  expect(taken.parcels).toEqual([
    { kind: 'confirmed', handle: 'alicia', user: alice, claimedAt: 9 },
    { kind: 'released', handle: 'alice', user: alice, claimedAt: 5 },
  ]);
});

test('one’s own handle claimed again is not given back [ACC4]', () => {
  const taken = takeUserParcel(user, { kind: 'handle', user: alice, handle: 'alice', claimedAt: 9 }, now);
  expect(taken.parcels).toEqual([{ kind: 'confirmed', handle: 'alice', user: alice, claimedAt: 9 }]);
});

test('reading is an entry, a row, and a parcel to the conversation [SYN4] [CON13]', () => {
  const member = takeUserParcel(user, joined, now).state;
  const read = accepted(member, { kind: 'read', conversation, seq: 7 });
  expect(read.result).toEqual({ seq: 7 });
  expect(fieldsOf(read)).toEqual({ kind: 'read', conversation, seq: 7 });
  expect(read.state.conversation).toMatchObject({ readSeq: 7, state: 'joined' });
  expect(read.rows.map(({ key }) => key)).toContain(inConversationKey(conversation));
  expect(read.parcels).toEqual([{ kind: 'position', conversation, user: alice, seq: 7 }]);
});

test('reading no further than before is answered with the position and changes nothing [CON13] [CON12]', () => {
  const member = accepted(takeUserParcel(user, joined, now).state, { kind: 'read', conversation, seq: 7 }).state;
  for (const seq of [1, 7]) {
    expect(accepted(member, { kind: 'read', conversation, seq })).toMatchObject({
      result: { seq: 7 },
      rows: [],
      parcels: [],
      deliveries: [],
    });
  }
});

test('reading where one never was is refused [CON9] [CON11]', () => {
  expect(refusal(user, { kind: 'read', conversation, seq: 1 }).code).toBe('notFound');
});

test('a device is added with an entry for the others, up to 20 [ACC5] [ACC7] [LIM4]', () => {
  const added = accepted(user, { kind: 'addDevice', device: 'laptop', name: 'Laptop' });
  expect(added.result).toEqual({ device: 'laptop' });
  expect(fieldsOf(added)).toEqual({ kind: 'device', change: 'added', device: 'laptop', name: 'Laptop' });
  expect(added.rows.map(({ key }) => key)).toContain(KEYS.account);
  let state = user;
  for (let i = 1; i < LIMITS.maxDevices; i++)
    state = accepted(state, { kind: 'addDevice', device: `d${i}`, name: 'x' }).state;
  expect(refusal(state, { kind: 'addDevice', device: 'one too many', name: 'x' })).toMatchObject({
    code: 'limitExceeded',
    facts: { limit: 'maxDevices', max: 20 },
  });
});

test('a device that is signed in already is not added twice, at the limit too [ACC5]', () => {
  let state = user;
  for (let i = 1; i < LIMITS.maxDevices; i++)
    state = accepted(state, { kind: 'addDevice', device: `d${i}`, name: 'x' }).state;
  const again = accepted(state, { kind: 'addDevice', device: 'phone', name: 'Phone' });
  expect(again).toMatchObject({ result: { device: 'phone' }, rows: [], deliveries: [] });
});

test('revoking a device tells the others and that one [ACC6] [ACC7]', () => {
  const revoked = accepted(user, { kind: 'revokeDevice', device: 'phone' });
  expect(revoked.state.account).toMatchObject({ devices: [] });
  expect(fieldsOf(revoked)).toEqual({ kind: 'device', change: 'revoked', device: 'phone' });
  expect(revoked.deliveries.at(-1)).toEqual({ kind: 'revoked', user: alice, device: 'phone' });
  expect(refusal(revoked.state, { kind: 'revokeDevice', device: 'phone' }).code).toBe('notFound');
});

test('nobody has no devices [ACC5]', () => {
  expect(refusal(nobody, { kind: 'addDevice', device: 'phone', name: 'x' }).code).toBe('notFound');
  expect(refusal(nobody, { kind: 'revokeDevice', device: 'phone' }).code).toBe('notFound');
});

test('only what needs it asks for the account or for the row of a conversation [COM6]', () => {
  expect(userNeeds(joined)).toEqual({ account: false, conversation });
  expect(userNeeds({ kind: 'read', conversation, seq: 1 })).toEqual({ account: false, conversation });
  expect(userNeeds({ kind: 'revokeDevice', device: 'x' })).toEqual({ account: true });
});

/** The user's log with `count` more entries, one a day, and what they dropped. */
const aged = (from: UserState, count: number, stepMs: number): { state: UserState; drops: readonly string[] } => {
  let state = from;
  const drops: string[] = [];
  for (let i = 0; i < count; i++) {
    const taken = hear(state, said, now + i * stepMs);
    state = taken.state;
    drops.push(...(taken.drops ?? []));
  }
  return { state, drops };
};

const day = 24 * 3600 * 1000;

test('a new bucket is named with its first entry, with the time it was begun [SYN1] [SYN3]', () => {
  const full = { ...user, head: 4_094 };
  expect(hear(full, said, now).rows).toEqual([]);
  const first = hear({ ...user, head: 4_095 }, said, now);
  expect(first.state.log).toEqual({
    bucket: 1,
    begun: [
      [0, 0],
      [1, now],
    ],
  });
  expect(first.rows).toContainEqual({
    partition: userKey(alice),
    key: KEYS.log,
    value: `1{"bucket":1,"begun":[[0,0],[1,${now}]]}`,
  });
  expect(first.state.logPartition).toBe(bucketKey(userKey(alice), 1));
});

test('a bucket is dropped once, 30 days after its last entry, and never one that is younger [SYN3]', () => {
  // Bucket k is begun on day 10 k: its entries are at most 10 days older than the bucket after it.
  let state: UserState = { ...user, head: 4_095 };
  const drops: string[][] = [];
  for (let bucket = 1; bucket <= 8; bucket++) {
    const taken = hear(state, said, now + bucket * 10 * day);
    drops.push([...(taken.drops ?? [])]);
    state = { ...taken.state, head: (bucket + 1) * 4_096 - 1 };
  }
  const name = (bucket: number): string => bucketKey(userKey(alice), bucket);
  expect(drops).toEqual([[], [], [], [], [name(0)], [name(1)], [name(2)], [name(3)]]);
  expect(state.log.begun?.map(([bucket]) => bucket)).toEqual([4, 5, 6, 7, 8]);
});

test('the newest bucket stays, however old [SYN3]', () => {
  const begun = {
    ...user,
    head: 4_096,
    log: {
      bucket: 1,
      begun: [
        [0, 0],
        [1, now],
      ] as const,
    },
  };
  expect(aged(begun, 4_095, 100 * day).drops).toEqual([]);
  const next = hear({ ...begun, head: 8_191 }, said, now + ENTRY_LIFE_MS + 1);
  expect(next.drops).toEqual([bucketKey(userKey(alice), 0)]);
  expect(next.state.log.begun).toEqual([
    [1, now],
    [2, now + ENTRY_LIFE_MS + 1],
  ]);
});

test('a user who fills a bucket every ten minutes for two months keeps 30 days of them, and a small row [SYN3]', () => {
  let state = user;
  const kept = new Set([0]);
  const begunAt: number[] = [now];
  const early: number[] = [];
  for (let bucket = 1; bucket <= 60 * 24 * 6; bucket++) {
    const at = now + bucket * 600_000;
    const taken = hear({ ...state, head: bucket * 4_096 - 1 }, said, at);
    for (const dropped of taken.drops ?? []) {
      const number = Number(dropped.split('/').at(-1));
      // Its last entry came before the bucket after it was begun.
      if (!kept.delete(number) || at - (begunAt[number + 1] ?? at) <= ENTRY_LIFE_MS) early.push(number);
    }
    kept.add(bucket);
    begunAt.push(at);
    state = taken.state;
  }
  expect(early).toEqual([]);
  expect(state.log.begun?.length).toBeLessThan(730);
  expect(kept.size).toBeGreaterThan(30 * 24 * 6);
  expect(kept.size).toBeLessThan(30 * 24 * 6 + 15);
});
