import { expect, test } from 'bun:test';
import { LIMITS, directId, selfId } from '@duolog/protocol';
import { alice, asks, bob, carol, group, numbered, userNamed } from '../../testing/people.ts';
import type { ConversationCommand } from './commands.ts';
import { decideConversation, formerNeeded, takePosition } from './conversations.ts';
import type { ConversationState } from './conversation-state.ts';
import type { Decided, Parcel, Refused } from './decision.ts';
import { KEYS, conversationKey, decodeMessage, formerKey, logRow, longTextRow } from './rows.ts';

const now = 1_700_000_000_000;

const empty = (conversation: string): ConversationState => ({
  conversation,
  roster: undefined,
  head: 0,
  positions: {},
  former: {},
});

const decide = (state: ConversationState, user: string, command: ConversationCommand) =>
  decideConversation(state, asks(conversationKey(state.conversation), user, command), command, now);

const accepted = (state: ConversationState, user: string, command: ConversationCommand): Decided<ConversationState> => {
  const decision = decide(state, user, command);
  if (!decision.ok) throw new Error(`refused: ${decision.code}`);
  return decision;
};

const refusal = (state: ConversationState, user: string, command: ConversationCommand): Refused => {
  const decision = decide(state, user, command);
  if (decision.ok) throw new Error('not refused');
  return decision;
};

/** The state after commands that are all accepted. */
const after = (
  state: ConversationState,
  ...commands: readonly (readonly [string, ConversationCommand])[]
): ConversationState => commands.reduce((before, [user, command]) => accepted(before, user, command).state, state);

const send = (text: string): ConversationCommand => ({ kind: 'send', text });
const create = (name: string, ...members: readonly string[]): ConversationCommand => ({
  kind: 'createGroup',
  name,
  members,
});

const direct = after(empty(directId(alice, bob)), [bob, { kind: 'createDirect' }]);
const trio = after(empty(group), [alice, create('Trio', bob, carol)]);

const ofKind = <K extends Parcel['kind']>(
  parcels: readonly Parcel[],
  kind: K,
): readonly Extract<Parcel, { kind: K }>[] =>
  parcels.filter((parcel): parcel is Extract<Parcel, { kind: K }> => parcel.kind === kind);

const bodyOf = (decided: Decided<ConversationState>): Record<string, unknown> => {
  const { partition, key } = logRow(conversationKey(decided.state.conversation), decided.state.head);
  const row = decided.rows.find((candidate) => candidate.partition === partition && candidate.key === key);
  if (row === undefined) throw new Error('no message row');
  return JSON.parse(decodeMessage(row.value)) as Record<string, unknown>;
};

test('a message gets the next seq and the time, and one row holds it [MSG1] [SYN1]', () => {
  const first = accepted(direct, alice, send('hello'));
  expect(first.result).toEqual({ seq: 1, at: now });
  expect(first.state.head).toBe(1);
  expect(first.rows).toHaveLength(1);
  expect(bodyOf(first)).toEqual({
    conversation: direct.conversation,
    seq: 1,
    kind: 'text',
    sender: alice,
    at: now,
    text: 'hello',
  });
  expect(accepted(first.state, bob, send('hi')).result).toEqual({ seq: 2, at: now });
});

test('a message is told to all members in one parcel, the sender included [MSG4]', () => {
  const { parcels, state } = accepted(trio, bob, send('hello'));
  const [parcel] = ofKind(parcels, 'message');
  expect(parcels).toHaveLength(1);
  expect(parcel?.to).toEqual([alice, bob, carol]);
  expect(parcel?.seq).toBe(state.head);
  expect(parcel?.origin).toBeUndefined();
  expect(JSON.parse(`{${parcel?.fields}}`)).toEqual({
    kind: 'message',
    message: bodyOf(accepted(trio, bob, send('hello'))),
  });
});

test('a message from an outbox names the device it came from [MSG4]', () => {
  const envelope = numbered(7, asks(conversationKey(group), bob, send('hello')));
  const decided = decideConversation(trio, envelope, send('hello'), now);
  if (!decided.ok) throw new Error(decided.code);
  expect(ofKind(decided.parcels, 'message')[0]?.origin).toEqual({
    user: bob,
    device: 'device-1',
    outbox: 'outbox-1',
    n: 7,
  });
});

test.each(['\u0000\u001f "quotes" \\', 'Zoë 🙂 中文 ‮', '\u2028\u2029', '{"seq":9}'])(
  'the text %j is kept as it was sent [MSG2]',
  (text) => {
    const decided = accepted(direct, alice, send(text));
    expect(bodyOf(decided)['text']).toBe(text);
    const [parcel] = ofKind(decided.parcels, 'message');
    expect((JSON.parse(`{${parcel?.fields}}`) as { message: { text: string } }).message.text).toBe(text);
  },
);

test('a text of 4,096 code points travels whole, counted in code points [SYN8]', () => {
  for (const text of ['x'.repeat(LIMITS.previewLength), '🙂'.repeat(LIMITS.previewLength)]) {
    const decided = accepted(direct, alice, send(text));
    expect(bodyOf(decided)['text']).toBe(text);
    expect(bodyOf(decided)['length']).toBeUndefined();
    expect(decided.rows).toHaveLength(1);
  }
});

test.each(['x', '🙂', 'é'])(
  'a longer text of %s travels as its beginning and length; a row keeps all of it [SYN8]',
  (letter) => {
    const text = letter.repeat(LIMITS.maxTextLength);
    const decided = accepted(direct, alice, send(text));
    expect(bodyOf(decided)).toMatchObject({ text: letter.repeat(LIMITS.previewLength), length: LIMITS.maxTextLength });
    const { partition, key } = longTextRow(direct.conversation, 1);
    expect(decided.rows).toContainEqual({ partition, key, value: `1${text}` });
    expect(ofKind(decided.parcels, 'message')[0]?.fields.length).toBeLessThan(3 * LIMITS.previewLength);
  },
);

test('a preview never cuts an emoji in two [SYN8]', () => {
  const decided = accepted(direct, alice, send(`${'x'.repeat(LIMITS.previewLength - 1)}🙂🙂`));
  expect(bodyOf(decided)).toMatchObject({
    text: `${'x'.repeat(LIMITS.previewLength - 1)}🙂`,
    length: LIMITS.previewLength + 1,
  });
});

test('the log goes on in a new bucket of 4,096 numbers, which is named with its first message [SYN1]', () => {
  const before = accepted({ ...direct, head: 4_094 }, alice, send('last of bucket 0'));
  expect(before.rows.map(({ partition, key }) => [partition, key])).toEqual([[`c/${direct.conversation}/0`, 'fff']]);
  const first = accepted(before.state, alice, send('first of bucket 1'));
  expect(first.result).toMatchObject({ seq: 4_096 });
  expect(first.rows).toContainEqual({
    partition: conversationKey(direct.conversation),
    key: KEYS.log,
    value: '1{"bucket":1}',
  });
  expect(first.rows.map(({ partition, key }) => [partition, key])).toContainEqual([
    `c/${direct.conversation}/1`,
    '000',
  ]);
  expect(accepted(first.state, alice, send('second')).rows).toHaveLength(1);
});

test('two users begin their one direct conversation, whoever asks, and again nothing changes [CON1]', () => {
  const conversation = directId(alice, bob);
  const begun = accepted(empty(conversation), bob, { kind: 'createDirect' });
  expect(begun.result).toEqual({ conversation });
  expect(begun.state.roster?.members.map(({ user, joinSeq, visibleFrom }) => ({ user, joinSeq, visibleFrom }))).toEqual(
    [
      { user: alice, joinSeq: 0, visibleFrom: 1 },
      { user: bob, joinSeq: 0, visibleFrom: 1 },
    ],
  );
  expect(begun.parcels).toEqual([
    { kind: 'membership', to: [alice, bob], conversation, state: 'joined', joinSeq: 0, visibleFrom: 1 },
  ]);
  const again = accepted(begun.state, alice, { kind: 'createDirect' });
  expect(again).toMatchObject({ result: { conversation }, rows: [], parcels: [], deliveries: [] });
  expect(again.state).toBe(begun.state);
});

test('nobody begins the direct conversation of others [CON1] [CON9]', () => {
  expect(refusal(empty(directId(alice, bob)), carol, { kind: 'createDirect' }).code).toBe('notFound');
  expect(refusal(empty(group), carol, { kind: 'createDirect' }).code).toBe('notFound');
  expect(refusal(empty(`d.${bob}.${alice}`), alice, { kind: 'createDirect' }).code).toBe('notFound');
});

test('saved messages have one member, who hears of each once [CON2]', () => {
  const saved = after(empty(selfId(alice)), [alice, { kind: 'createDirect' }]);
  expect(saved.roster?.kind).toBe('self');
  const decided = accepted(saved, alice, send('note'));
  expect(ofKind(decided.parcels, 'message')[0]?.to).toEqual([alice]);
  expect(refusal(empty(selfId(alice)), bob, { kind: 'createDirect' }).code).toBe('notFound');
});

test('the kinds of two and of oneself know no group commands [CON9]', () => {
  const commands: readonly ConversationCommand[] = [
    { kind: 'add', users: [carol] },
    { kind: 'remove', user: bob },
    { kind: 'leave' },
    { kind: 'rename', name: 'x' },
  ];
  for (const command of commands) expect(refusal(direct, alice, command).code).toBe('notFound');
});

test('a group is created with its creator as owner, told by the first message [CON3] [CON10]', () => {
  const decided = accepted(empty(group), alice, create('Trio', bob, carol));
  expect(decided.result).toEqual({ conversation: group, seq: 1 });
  expect(decided.state.roster).toMatchObject({ kind: 'group', name: 'Trio', createdBy: alice });
  expect(decided.state.roster?.members.map(({ user, role }) => [user, role])).toEqual([
    [alice, 'owner'],
    [bob, 'member'],
    [carol, 'member'],
  ]);
  expect(bodyOf(decided)).toMatchObject({
    seq: 1,
    kind: 'change',
    sender: alice,
    change: { action: 'created', name: 'Trio', users: [bob, carol] },
  });
  // The membership comes first: a message of a conversation one does not know yet would be a riddle.
  expect(decided.parcels.map(({ kind }) => kind)).toEqual(['membership', 'message']);
  expect(ofKind(decided.parcels, 'membership')[0]).toMatchObject({
    to: [alice, bob, carol],
    name: 'Trio',
    state: 'joined',
    joinSeq: 0,
    visibleFrom: 1,
  });
});

test('creating a group again changes nothing for its creator and is a conflict for others [CON3]', () => {
  const again = accepted(trio, alice, create('Another name'));
  expect(again.result).toEqual({ conversation: group, seq: 1 });
  expect(again.rows).toEqual([]);
  expect(again.parcels).toEqual([]);
  expect(refusal(trio, bob, create('Mine')).code).toBe('conflict');
});

test('somebody named twice is a member once, the creator too [CON3]', () => {
  const made = after(empty(group), [alice, create('Twice', bob, alice, bob)]);
  expect(made.roster?.members.map(({ user }) => user)).toEqual([alice, bob]);
  const added = accepted(made, alice, { kind: 'add', users: [carol, carol, bob] });
  expect(added.state.roster?.members.map(({ user }) => user)).toEqual([alice, bob, carol]);
  expect(bodyOf(added)).toMatchObject({ change: { action: 'added', users: [carol] } });
  for (const parcel of added.parcels) if ('to' in parcel) expect(new Set(parcel.to).size).toBe(parcel.to.length);
});

const crowd = (count: number): readonly string[] => Array.from({ length: count }, (_, i) => userNamed(`m${i}_`));

test('a group of 100 is made, one of 101 is refused as a whole [LIM3] [CON11]', () => {
  expect(after(empty(group), [alice, create('Full', ...crowd(99))]).roster?.members).toHaveLength(100);
  expect(refusal(empty(group), alice, create('Too many', ...crowd(100)))).toMatchObject({
    code: 'limitExceeded',
    facts: { limit: 'maxMembers', max: 100 },
  });
});

test('adding beyond 100 members is refused as a whole; those who are members do not count twice [LIM3] [CON5]', () => {
  const nearly = after(empty(group), [alice, create('Nearly', ...crowd(98))]);
  expect(refusal(nearly, alice, { kind: 'add', users: [bob, carol] })).toMatchObject({
    code: 'limitExceeded',
    facts: { limit: 'maxMembers', max: 100 },
  });
  expect(after(nearly, [alice, { kind: 'add', users: [bob, ...crowd(98)] }]).roster?.members).toHaveLength(100);
});

test('who joins later reads from the message that tells of it [CON4] [SYN12]', () => {
  const talked = after(empty(group), [alice, create('Duo', bob)], [alice, send('before')], [bob, send('carol comes')]);
  const added = accepted(talked, bob, { kind: 'add', users: [carol] });
  expect(added.result).toEqual({ seq: 4 });
  expect(added.state.roster?.members.at(-1)).toEqual({ user: carol, role: 'member', joinSeq: 3, visibleFrom: 4 });
  expect(ofKind(added.parcels, 'membership')).toMatchObject([
    { to: [carol], state: 'joined', joinSeq: 3, visibleFrom: 4 },
  ]);
  expect(ofKind(added.parcels, 'message')[0]?.to).toEqual([alice, bob, carol]);
  expect(added.parcels.map(({ kind }) => kind)).toEqual(['membership', 'message']);
});

test('adding those who are members already changes nothing [CON5]', () => {
  const again = accepted(trio, carol, { kind: 'add', users: [alice, bob] });
  expect(again).toMatchObject({ result: { seq: 0 }, rows: [], parcels: [] });
});

test('an owner removes a member, who still learns of it, and of nothing after [CON4] [CON6]', () => {
  const removed = accepted(trio, alice, { kind: 'remove', user: bob });
  expect(removed.result).toEqual({ seq: 2 });
  expect(ofKind(removed.parcels, 'message')[0]?.to).toEqual([alice, bob, carol]);
  expect(ofKind(removed.parcels, 'membership')).toEqual([
    {
      kind: 'membership',
      to: [bob],
      conversation: group,
      name: 'Trio',
      state: 'left',
      joinSeq: 0,
      visibleFrom: 1,
      leaveSeq: 2,
    },
  ]);
  expect(removed.parcels.map(({ kind }) => kind)).toEqual(['message', 'membership']);
  expect(removed.rows).toContainEqual({
    partition: conversationKey(group),
    key: formerKey(bob),
    value: '1[{"visibleFrom":1,"leaveSeq":2}]',
  });
  const later = accepted(removed.state, alice, send('bob is gone'));
  expect(ofKind(later.parcels, 'message')[0]?.to).toEqual([alice, carol]);
  expect(refusal(removed.state, bob, send('am I?')).code).toBe('notFound');
});

test('who leaves is told what the group is called at that moment [CON4]', () => {
  const renamed = after(trio, [alice, { kind: 'rename', name: 'Three' }]);
  const left = accepted(renamed, carol, { kind: 'leave' });
  expect(ofKind(left.parcels, 'membership')).toMatchObject([{ to: [carol], state: 'left', name: 'Three' }]);
});

test('others neither remove nor rename, and nothing changes [CON6] [CON11]', () => {
  expect(refusal(trio, bob, { kind: 'remove', user: carol }).code).toBe('forbidden');
  expect(refusal(trio, bob, { kind: 'rename', name: 'Bobs' }).code).toBe('forbidden');
});

test('an owner renames the group [CON6] [CON10]', () => {
  const renamed = accepted(trio, alice, { kind: 'rename', name: 'Three' });
  expect(renamed.state.roster?.name).toBe('Three');
  expect(bodyOf(renamed)).toMatchObject({ change: { action: 'renamed', name: 'Three' } });
});

test('removing somebody who is no member changes nothing [CON6]', () => {
  expect(accepted(trio, alice, { kind: 'remove', user: userNamed('dave') })).toMatchObject({
    result: { seq: 0 },
    rows: [],
    parcels: [],
  });
});

test('when the last owner leaves, the member who has been there longest becomes owner [CON7]', () => {
  const left = accepted(trio, alice, { kind: 'leave' });
  expect(left.state.roster?.members.map(({ user, role }) => [user, role])).toEqual([
    [bob, 'owner'],
    [carol, 'member'],
  ]);
  expect(bodyOf(left)).toMatchObject({ sender: alice, change: { action: 'left', users: [alice] } });
  const back = after(left.state, [bob, { kind: 'add', users: [alice] }]);
  expect(after(back, [bob, { kind: 'leave' }]).roster?.members.map(({ user, role }) => [user, role])).toEqual([
    [carol, 'owner'],
    [alice, 'member'],
  ]);
});

test('an owner who removes themselves leaves [CON7]', () => {
  const left = accepted(trio, alice, { kind: 'remove', user: alice });
  expect(bodyOf(left)).toMatchObject({ change: { action: 'left', users: [alice] } });
  expect(left.state.roster?.members[0]).toMatchObject({ user: bob, role: 'owner' });
});

test('a group that all have left stays closed, to its creator too [CON7]', () => {
  const gone = after(empty(group), [alice, create('Brief')], [alice, { kind: 'leave' }]);
  expect(gone.roster?.members).toEqual([]);
  expect(refusal(gone, alice, send('anybody?')).code).toBe('notFound');
  expect(refusal(gone, alice, { kind: 'add', users: [alice] }).code).toBe('notFound');
  expect(accepted(gone, alice, create('Brief')).state.roster?.members).toEqual([]);
});

test('somebody removed and added again has a second interval beside the first [CON8]', () => {
  const back = after(
    trio,
    [alice, { kind: 'remove', user: bob }],
    [alice, send('secret')],
    [alice, { kind: 'add', users: [bob] }],
  );
  expect(back.roster?.members.at(-1)).toEqual({ user: bob, role: 'member', joinSeq: 3, visibleFrom: 4 });
  const again = accepted(back, bob, { kind: 'leave' });
  expect(again.state.former[bob]).toEqual([
    { visibleFrom: 1, leaveSeq: 2 },
    { visibleFrom: 4, leaveSeq: 5 },
  ]);
});

test('nobody can be removed and added again without end: what is kept of it stays small [LIM11] [CON11]', () => {
  let state = trio;
  for (let i = 0; i < LIMITS.maxMemberships; i++) {
    const removed = accepted(state, alice, { kind: 'remove', user: bob });
    state = after(removed.state, [alice, send('not for bob')]);
    if (i < LIMITS.maxMemberships - 1) state = after(state, [alice, { kind: 'add', users: [bob] }]);
    const former = removed.rows.find(({ key }) => key === formerKey(bob));
    expect(former?.value.length ?? Infinity).toBeLessThan(5_000);
  }
  expect(refusal(state, alice, { kind: 'add', users: [carol, bob] })).toMatchObject({
    code: 'limitExceeded',
    facts: { limit: 'maxMemberships', max: LIMITS.maxMemberships },
  });
  const dave = userNamed('dave');
  expect(after(state, [alice, { kind: 'add', users: [dave] }]).roster?.members).toHaveLength(3);
});

test('former memberships are asked for when one ends or begins, so that none is forgotten [CON8] [LIM11]', () => {
  expect(formerNeeded(asks(conversationKey(group), alice, { kind: 'add', users: [bob, carol] }))).toEqual([bob, carol]);
  expect(formerNeeded(asks(conversationKey(group), alice, { kind: 'remove', user: bob }))).toEqual([bob]);
  expect(formerNeeded(asks(conversationKey(group), bob, { kind: 'leave' }))).toEqual([bob]);
  expect(formerNeeded(asks(conversationKey(group), bob, send('x')))).toEqual([]);
});

test('for somebody who is no member a conversation does not exist, whether there is one or not [CON9]', () => {
  const commands: readonly ConversationCommand[] = [
    send('x'),
    { kind: 'add', users: [carol] },
    { kind: 'remove', user: alice },
    { kind: 'leave' },
    { kind: 'rename', name: 'x' },
  ];
  const dave = userNamed('dave');
  for (const command of commands) expect(refusal(trio, dave, command)).toEqual(refusal(empty(group), dave, command));
  expect(refusal(trio, dave, send('x')).code).toBe('notFound');
});

test('decisions leave the state they were given as it was [CON11]', () => {
  const before = JSON.stringify(trio);
  const commands: readonly (readonly [string, ConversationCommand])[] = [
    [alice, send('x')],
    [alice, { kind: 'remove', user: bob }],
    [bob, { kind: 'leave' }],
    [alice, { kind: 'rename', name: 'x' }],
    [carol, { kind: 'rename', name: 'x' }],
  ];
  for (const [user, command] of commands) decide(trio, user, command);
  takePosition(trio, alice, 1);
  expect(JSON.stringify(trio)).toBe(before);
});

test('a read position only grows and never passes the end [CON12]', () => {
  const talked = after(direct, [alice, send('1')], [alice, send('2')], [alice, send('3')]);
  const read = takePosition(talked, bob, 2);
  expect(read.state.positions).toEqual({ [bob]: 2 });
  expect(read.deliveries).toEqual([{ kind: 'positions', conversation: talked.conversation, read: { [bob]: 2 } }]);
  expect(read.rows).toEqual([
    { partition: conversationKey(talked.conversation), key: KEYS.positions, value: `1{"${bob}":2}` },
  ]);
  expect(takePosition(read.state, bob, 1)).toMatchObject({ rows: [], deliveries: [] });
  expect(takePosition(read.state, bob, 2)).toMatchObject({ rows: [], deliveries: [] });
  expect(takePosition(read.state, bob, Number.MAX_SAFE_INTEGER).state.positions).toEqual({ [bob]: 3 });
});

test('a position of somebody who is no member is not kept, and none stays of those who left [CON12]', () => {
  expect(takePosition(direct, carol, 1)).toMatchObject({ rows: [], deliveries: [] });
  const left = after(takePosition(after(trio, [alice, send('x')]), bob, 2).state, [
    alice,
    { kind: 'remove', user: bob },
  ]);
  expect(takePosition(left, carol, 1).state.positions).toEqual({ [carol]: 1 });
});
