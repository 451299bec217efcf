import { expect, test } from 'bun:test';
import { directId } from '@duolog/protocol';
import { direct, logIn, openChat, say } from '../../testing/open-chat.ts';
import { alice, asks, bob, carol, group, numbered } from '../../testing/people.ts';
import { decodeOutbox } from '../core/outbox.ts';
import { unfoldRow } from '../core/rows.ts';

test('nothing is answered or delivered before the commit, everything after it [COM1] [SYN6]', async () => {
  const { rig, owner } = await openChat();
  owner.commits.close();
  const [ref = 0] = rig.send(say('hello'));
  await rig.clock.advance(0);
  expect(owner.commits.waiting).toBe(1);
  expect(rig.heard).toEqual([]);
  owner.commits.open();
  await rig.clock.advance(0);
  expect(rig.outcomes.get(ref)).toMatchObject({ ok: true });
  expect(rig.links).toHaveLength(1);
  expect(rig.items.map(({ kind }) => kind)).toEqual(['entry']);
});

test('message, outbox row and the entries of all members are one batch [COM1]', async () => {
  const { rig, owner } = await openChat();
  await rig.results(numbered(1, say('hello'), 'outbox-1', 'phone'));
  expect(owner.batches).toHaveLength(1);
  expect(owner.batches[0]?.rows.map(({ partition, key }) => `${partition} ${key}`).toSorted()).toEqual([
    `c/${direct} outbox/${alice}/outbox-1`,
    `c/${direct}/0 001`,
    `u/${alice}/0 004`,
    `u/${bob}/0 004`,
  ]);
  expect(owner.batches[0]?.parcels).toEqual([]);
  expect(owner.batches[0]?.grown).toEqual([
    [`c/${direct}`, 1, 1],
    [`u/${alice}`, 4, 4],
    [`u/${bob}`, 4, 4],
  ]);
});

test('entries of one turn that go on in one conversation are one row, at the last of them [COM3] [SYN1]', async () => {
  const { rig, owner } = await openChat();
  const other = directId(alice, carol);
  await rig.results(asks(`c/${other}`, alice, { kind: 'createDirect' }));
  owner.batches.length = 0;
  const read = asks(`u/${alice}`, alice, { kind: 'read', conversation: direct, seq: 1 });
  await rig.results(
    say('1'),
    say('2', bob),
    say('3'),
    asks(`c/${other}`, alice, { kind: 'send', text: '4' }),
    say('5'),
  );
  await rig.results(say('6'), read, say('7'));
  const entries = owner.batches.map(({ rows }) =>
    rows.filter(({ partition }) => partition === `u/${alice}/0`).map(({ key, value }) => `${key} ${value}`),
  );
  expect(entries).toEqual([
    [`007 43 3 ${direct}`, `008 21 ${other}`, `009 24 ${direct}`],
    // The command to read is decided first: entries of messages are taken at the end of a turn.
    [expect.stringMatching(/^00a 1"kind":"read"/), `00c 42 6 ${direct}`],
  ]);
});

test('a row of entries holds 256 at most [COM3]', async () => {
  const { rig, owner } = await openChat();
  await rig.results(...Array.from({ length: 300 }, (_, i) => say(`${i}`)));
  const rows = owner.batches.at(-1)?.rows.filter(({ partition }) => partition === `u/${bob}/0`) ?? [];
  expect(rows.map(({ value }) => unfoldRow(value).length)).toEqual([256, 44]);
});

test('no row of entries goes over the end of a bucket [SYN1] [SYN3]', async () => {
  const { rig, owner } = await openChat();
  const count = 4_096 - 4 + 2;
  for (let sent = 0; sent < count; sent += 256)
    await rig.results(...Array.from({ length: Math.min(256, count - sent) }, (_, i) => say(`${sent + i}`)));
  const rows = owner.batches.at(-1)?.rows.filter(({ partition }) => partition.startsWith(`u/${bob}/`)) ?? [];
  expect(rows.map(({ partition, key }) => `${partition} ${key}`)).toEqual([`u/${bob}/0 fff`, `u/${bob}/1 001`]);
  expect(unfoldRow(rows.at(-1)?.value ?? '')).toHaveLength(2);
});

test('what comes during a commit shares the next one, in order [COM1] [MSG3]', async () => {
  const { rig, owner } = await openChat();
  owner.commits.close();
  const refs = [...rig.send(say('1')), ...rig.send(say('2', bob)), ...rig.send(say('3')), ...rig.send(say('4'))];
  await rig.clock.advance(0);
  expect(owner.batches).toHaveLength(1);
  owner.commits.open();
  await rig.clock.advance(0);
  expect(owner.batches).toHaveLength(2);
  expect(owner.batches[1]?.grown).toContainEqual([`c/${direct}`, 2, 4]);
  const seqs = refs.map((ref) => {
    const outcome = rig.outcomes.get(ref);
    return outcome?.ok === true ? (JSON.parse(outcome.result) as { seq: number }).seq : undefined;
  });
  expect(seqs).toEqual([1, 2, 3, 4]);
});

test('one turn has one message for an edge: answers first, then entries in order [COM8] [MSG4]', async () => {
  const { rig } = await openChat();
  rig.send(numbered(1, say('1'), 'o', 'phone'), say('2', bob));
  await rig.clock.advance(0);
  expect(rig.links).toHaveLength(1);
  expect(rig.links[0]?.items.map(({ kind }) => kind)).toEqual(['result', 'result', 'entry', 'entry']);
  expect(rig.items).toMatchObject([
    { kind: 'entry', to: [alice, bob], useqs: [4, 4], sent: { user: alice, device: 'phone' } },
    { kind: 'entry', to: [alice, bob], useqs: [5, 5] },
  ]);
});

test('stamps rise though the clock stands still [COM4]', async () => {
  const { rig, owner } = await openChat();
  await rig.results(say('1'));
  await rig.results(say('2'));
  const [first, second] = owner.batches;
  expect(second?.stamp).toBe((first?.stamp ?? 0) + 1);
});

test('who asks again when answered shares the turn of those who waited [COM1] [MSG3]', async () => {
  const { rig, owner } = await openChat();
  owner.commits.close();
  rig.send(say('1'));
  rig.send(say('2', bob));
  await rig.clock.advance(0);
  expect(owner.batches).toHaveLength(1);
  // The next look at what arrives brings it.
  rig.clock.soon(() => void rig.send(say('3')));
  owner.commits.open();
  await rig.clock.advance(0);
  expect(owner.batches.map(({ grown }) => grown[0])).toEqual([
    [`c/${direct}`, 1, 1],
    [`c/${direct}`, 2, 3],
  ]);
});

test('where looks take long, a turn waits for as long as the one before took [COM1]', async () => {
  const { rig, owner } = await openChat();
  const { clock } = rig;
  clock.soon = (callback) => void clock.after(6, callback);
  owner.commits.close();
  rig.send(say('1'));
  rig.send(say('2', bob));
  await clock.advance(20);
  owner.commits.open();
  for (const ms of [5, 10, 16, 30]) clock.after(ms, () => void rig.send(say(`after ${ms} ms`)));
  await clock.advance(100);
  expect(owner.batches.map(({ grown }) => grown[0])).toEqual([
    [`c/${direct}`, 1, 1],
    [`c/${direct}`, 2, 5],
    [`c/${direct}`, 6, 6],
  ]);
});

test('with a window of two a second turn is decided while the first is under way, and answered after it [COM1]', async () => {
  const { rig, owner } = await openChat({ window: 2 });
  owner.commits.close();
  const [first = 0] = rig.send(say('1'));
  await rig.clock.advance(0);
  const [second = 0] = rig.send(say('2'));
  await rig.clock.advance(0);
  expect(owner.commits.waiting).toBe(2);
  const [third = 0] = rig.send(say('3'));
  await rig.clock.advance(0);
  expect(owner.commits.waiting).toBe(2);
  owner.commits.letOne();
  await rig.clock.advance(0);
  expect([first, second, third].map((ref) => rig.outcomes.has(ref))).toEqual([true, false, false]);
  expect(owner.commits.waiting).toBe(2);
  owner.commits.open();
  await rig.clock.advance(0);
  expect([first, second, third].map((ref) => rig.outcomes.get(ref)?.ok)).toEqual([true, true, true]);
});

test.each([1, 2, 3])(
  'what comes while the last commit is under way is not forgotten, with a window of %i [SYN6]',
  async (window) => {
    const { rig, owner } = await openChat({ window });
    owner.commits.close();
    const refs = [...rig.send(say('1'))];
    await rig.clock.advance(0);
    refs.push(...rig.send(say('2')));
    await rig.clock.advance(0);
    owner.commits.open();
    await rig.clock.advance(0);
    expect(refs.map((ref) => rig.outcomes.get(ref)?.ok)).toEqual([true, true]);
  },
);

test('an answer that needs no commit waits for those before it [COM1] [COM10]', async () => {
  const { rig, owner } = await openChat({ window: 2 });
  owner.commits.close();
  const command = numbered(1, say('once'), 'o', 'phone');
  const [first = 0] = rig.send(command);
  await rig.clock.advance(0);
  const [repeat = 0] = rig.send(command);
  await rig.clock.advance(0);
  expect(rig.outcomes.has(repeat)).toBe(false);
  owner.commits.open();
  await rig.clock.advance(0);
  expect(rig.outcomes.get(repeat)).toEqual(rig.outcomes.get(first) ?? { ok: true, result: '' });
  expect(rig.row(`c/${direct}/0`, '002')).toBeUndefined();
});

test('turns are let go in order, though the ledger answers out of order and one needed no commit [COM1] [SYN1]', async () => {
  const { rig, owner } = await openChat({ window: 4 });
  const first = numbered(1, say('1'), 'o', 'phone');
  await rig.results(first);
  rig.heard.length = 0;
  owner.answers.close();
  const refs: number[] = [];
  for (const command of [say('2'), first, say('3')]) {
    refs.push(...rig.send(command));
    await rig.clock.advance(0);
  }
  expect(owner.answers.waiting).toBe(2);
  owner.answers.letOne(1);
  await rig.clock.advance(0);
  expect(rig.heard).toEqual([]);
  owner.answers.open();
  await rig.clock.advance(0);
  const answered = rig.links
    .flatMap(({ items }) => items)
    .flatMap((item) => (item.kind === 'result' ? [item.ref] : []));
  expect(answered).toEqual(refs);
});

test('a fenced owner answers nothing, tells that it lost, and takes nothing more [COM2]', async () => {
  const { rig, owner } = await openChat({ window: 2 });
  const rival = rig.openWorker('rival');
  owner.commits.close();
  const [first = 0] = rig.send(say('1'));
  await rig.clock.advance(0);
  const [second = 0] = rig.send(say('2'));
  await rig.clock.advance(0);
  await rival.worker.claim(0);
  owner.commits.open();
  await rig.clock.advance(0);
  expect(owner.lost).toEqual([0]);
  expect(owner.broken).toEqual([]);
  expect([first, second].map((ref) => rig.outcomes.has(ref))).toEqual([false, false]);
  expect(rig.items).toEqual([]);
  expect(owner.worker.owns(0)).toBe(false);
  expect(await rig.ask(say('3'))).toMatchObject([{ ok: false, failure: { code: 'unavailable' } }]);
  rig.directory.set(0, 'rival');
  expect(await rig.results(say('4'))).toMatchObject([{ seq: 1 }]);
});

test('a ledger that breaks stops the owner: nothing of the batch, nor of those behind it, is answered [COM9]', async () => {
  const { rig, owner } = await openChat({ window: 2 });
  owner.commits.close();
  const refs = [...rig.send(say('1'))];
  await rig.clock.advance(0);
  refs.push(...rig.send(say('2')));
  await rig.clock.advance(0);
  owner.failure = new Error('EIO');
  owner.commits.open();
  await rig.clock.advance(0);
  expect(owner.broken).toEqual([owner.failure]);
  expect(refs.map((ref) => rig.outcomes.has(ref))).toEqual([false, false]);
  expect(owner.worker.owns(0)).toBe(false);
});

test('a partition given up in peace finishes what it took and takes nothing more [COM2]', async () => {
  const { rig, owner } = await openChat({ window: 2 });
  owner.commits.close();
  const refs = [...rig.send(say('1'))];
  await rig.clock.advance(0);
  refs.push(...rig.send(say('2')));
  await rig.clock.advance(0);
  refs.push(...rig.send(say('3')));
  const releasing = owner.worker.release(0);
  await rig.clock.advance(0);
  expect(await rig.ask(say('too late'))).toMatchObject([{ ok: false, failure: { code: 'unavailable' } }]);
  expect(owner.released).toEqual([]);
  owner.commits.open();
  await releasing;
  expect(refs.map((ref) => rig.outcomes.get(ref)?.ok)).toEqual([true, true, true]);
  expect(owner.released).toEqual([0]);
  expect(owner.worker.owns(0)).toBe(false);
});

test('giving up while fenced ends, and releases nothing that belongs to another [COM2]', async () => {
  const { rig, owner } = await openChat();
  const rival = rig.openWorker('rival');
  owner.commits.close();
  rig.send(say('1'));
  await rig.clock.advance(0);
  const releasing = owner.worker.release(0);
  await rival.worker.claim(0);
  owner.commits.open();
  await releasing;
  expect(owner.released).toEqual([]);
  expect(rival.worker.owns(0)).toBe(true);
});

test('an owner that gives up does not spin while it waits [LIM9]', async () => {
  const { rig, owner } = await openChat();
  owner.commits.close();
  rig.send(say('1'));
  await rig.clock.advance(0);
  const releasing = owner.worker.release(0);
  let callbacks = 0;
  while (callbacks < 50 && (await rig.clock.step(10))) callbacks += 1;
  expect(callbacks).toBeLessThan(5);
  owner.commits.open();
  await releasing;
});

test('a full queue answers overloaded with a time, and what was taken before is answered [LIM9]', async () => {
  const { rig, owner } = await openChat({ limits: { maxQueuedRequests: 4 } });
  owner.commits.close();
  const taken = [...rig.send(say('0'))];
  await rig.clock.advance(0);
  taken.push(...rig.send(say('1'), say('2'), say('3')));
  const [fits = 0, beyond = 0] = rig.send(say('4'), say('5'));
  await rig.clock.advance(0);
  expect(rig.outcomes.get(beyond)).toMatchObject({
    ok: false,
    failure: { code: 'overloaded', facts: { retryAfterMs: 1_000 } },
  });
  owner.commits.open();
  await rig.clock.advance(0);
  expect([...taken, fits].map((ref) => rig.outcomes.get(ref)?.ok)).toEqual([true, true, true, true, true]);
  expect(owner.counters.overloaded).toBe(1);
  expect(owner.worker.queued).toBe(0);
});

test.each(['overloaded', 'storageFull'] as const)(
  'while the ledger is %s commands are refused with a time, and use nothing up [LIM9] [COM10]',
  async (readiness) => {
    const { rig, owner } = await openChat();
    owner.readiness = readiness;
    const command = numbered(1, say('later'), 'o', 'phone');
    const [refused] = await rig.ask(command);
    expect(refused).toMatchObject({ ok: false, failure: { code: readiness } });
    expect(refused?.ok === false ? refused.failure.facts?.retryAfterMs : 0).toBeGreaterThan(0);
    expect(owner.batches).toEqual([]);
    owner.readiness = 'ready';
    expect(await rig.results(command)).toMatchObject([{ seq: 1 }]);
  },
);

test('a refused command stores its answer and nothing else [CON11] [COM10]', async () => {
  const { rig, owner } = await openChat();
  const [outcome] = await rig.ask(numbered(1, say('let me in', carol), 'o', 'phone'));
  expect(outcome).toMatchObject({ ok: false, failure: { code: 'notFound' } });
  expect(owner.batches.map(({ rows, grown }) => [rows.map(({ key }) => key), grown])).toEqual([
    [[`outbox/${carol}/o`], []],
  ]);
  await rig.ask(say('let me in', carol));
  // Without an outbox nothing is kept; the empty batch proves that the one who refused still is the owner.
  expect(owner.batches[1]).toMatchObject({ rows: [], parcels: [], grown: [] });
});

test('nobody decides for another user [ACC8]', async () => {
  const { rig } = await openChat();
  const forged = { ...logIn(bob, 'spy'), user: alice };
  expect(await rig.ask(forged)).toMatchObject([{ ok: false, failure: { code: 'forbidden' } }]);
});

test('of a row that changes several times in a turn the last is written, once [COM3]', async () => {
  const { rig, owner } = await openChat();
  await rig.results(...Array.from({ length: 10 }, (_, i) => numbered(i + 1, say(`${i}`), 'o', 'phone')));
  const names = owner.batches[0]?.rows.map(({ partition, key }) => `${partition} ${key}`) ?? [];
  expect(new Set(names).size).toBe(names.length);
  const { answers } = decodeOutbox(rig.row(`c/${direct}`, `outbox/${alice}/o`) ?? '');
  expect(answers.map(({ n }) => n)).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
});

test('reads that fail for a while are asked again, and everything is answered in the end [COM9]', async () => {
  const { rig, owner } = await openChat();
  owner.badReads = 7;
  const [ref = 0] = rig.send(asks(`c/${group}`, alice, { kind: 'createGroup', name: 'x', members: [bob] }));
  await rig.clock.advance(1_000);
  expect(owner.badReads).toBe(0);
  expect(owner.broken).toEqual([]);
  expect(rig.outcomes.get(ref)).toMatchObject({ ok: true });
});
