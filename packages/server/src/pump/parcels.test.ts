import { expect, test } from 'bun:test';
import { alice, asks, group, numbered, userNamed } from '../../testing/people.ts';
import { PumpRig } from '../../testing/pump-rig.ts';
import type { RigOptions, RigWorker } from '../../testing/pump-rig.ts';
import { unfoldRow } from '../core/rows.ts';
import type { NodeMessage } from './messages.ts';

/** A conversation in one partition, a user in another: what is said in the first arrives in the second as parcels. */
const openPair = async (options: RigOptions = {}) => {
  const rig = new PumpRig({ ...options, partitions: 2 });
  const [here, there] = rig.partitionOf(`c/${group}`) === 0 ? [0, 1] : [1, 0];
  const bob = Array.from({ length: 50 }, (_, i) => userNamed(`bob${i}_`)).find(
    (user) => rig.partitionOf(`u/${user}`) === there,
  );
  const anna = [alice, ...Array.from({ length: 50 }, (_, i) => userNamed(`anna${i}_`))].find(
    (user) => rig.partitionOf(`u/${user}`) === here,
  );
  if (bob === undefined || anna === undefined) throw new Error('no user for each partition');
  const source = await rig.openOwner('source', [here]);
  const target = await rig.openOwner('target', [there]);
  const say = (text: string) => asks(`c/${group}`, anna, { kind: 'send', text });
  const seqs = (): readonly number[] =>
    rig.world.rows
      .range(`u/${bob}/0`, { limit: 1_000 })
      .flatMap(({ value }) => unfoldRow(value))
      .filter((value) => value.startsWith('2'))
      .map((value) => Number(value.slice(1, value.indexOf(' '))));
  await rig.results(asks(`c/${group}`, anna, { kind: 'createGroup', name: 'x', members: [bob] }));
  return { rig, here, there, anna, bob, source, target, say, seqs };
};

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i + 1);

/** Throws away messages of a kind as long as `lose` says so. */
const losing = (worker: RigWorker, type: NodeMessage['type'], lose: () => boolean): void => {
  worker.deaf = (message) => message.type === type && lose();
};

test('what a conversation tells a user of another partition is taken once, in order, and accepted [COM5]', async () => {
  const { rig, source, target, say, seqs } = await openPair();
  for (let i = 0; i < 20; i++) await rig.results(say(`${i}`));
  expect(seqs()).toEqual(upTo(21));
  expect(
    target.batches.flatMap(({ rows }) => rows.map(({ key }) => key)).filter((key) => key.startsWith('accepted/')),
  ).toHaveLength(21);
  expect(source.settled.at(-1)).toBe(source.batches.at(-1)?.stamp ?? 0);
});

test('no parcel leaves before its batch is stored [COM1] [COM5]', async () => {
  const { rig, source, say, seqs } = await openPair();
  source.commits.close();
  rig.send(say('held'));
  await rig.clock.advance(3_000);
  expect(seqs()).toEqual([1]);
  source.commits.open();
  await rig.clock.advance(0);
  expect(seqs()).toEqual([1, 2]);
});

test('a parcel is accepted only when the batch that takes it is stored [COM5] [COM1]', async () => {
  const { rig, source, target, say } = await openPair();
  const before = source.settled.at(-1);
  target.commits.close();
  await rig.results(say('hello'));
  await rig.clock.advance(2_000);
  expect(source.settled.at(-1)).toBe(before ?? 0);
  target.commits.open();
  await rig.clock.advance(0);
  expect(source.settled.at(-1)).toBe(source.batches.at(-1)?.stamp ?? 0);
});

test('the next parcel waits until the one before was accepted [COM5]', async () => {
  const { rig, target, say, seqs } = await openPair();
  const sent: (readonly number[])[] = [];
  let lost = 0;
  target.deaf = (message) => {
    if (message.type !== 'parcels') return false;
    sent.push(message.batches.map(({ stamp }) => stamp));
    return lost++ < 3;
  };
  for (let i = 0; i < 5; i++) await rig.results(say(`${i}`));
  await rig.clock.advance(5_000);
  // The first alone, however often; the four behind it together, once it was accepted.
  expect(sent.map(({ length }) => length)).toEqual([1, 1, 1, 1, 4]);
  expect(new Set(sent.slice(0, 4).flat()).size).toBe(1);
  expect(seqs()).toEqual(upTo(6));
});

test('a lost acceptance costs a repeat, which is dropped and accepted [COM5]', async () => {
  const { rig, source, target, say, seqs } = await openPair();
  let losses = 4;
  losing(source, 'accepted', () => losses-- > 0);
  for (let i = 0; i < 5; i++) await rig.results(say(`${i}`));
  await rig.clock.advance(10_000);
  expect(seqs()).toEqual(upTo(6));
  expect(source.settled.at(-1)).toBe(source.batches.at(-1)?.stamp ?? 0);
  expect(target.broken).toEqual([]);
});

test('the same parcels many times, old ones among them, are taken once [COM5]', async () => {
  const { rig, target, there, here, say, seqs } = await openPair();
  const copies: NodeMessage[] = [];
  target.deaf = (message) => {
    if (message.type === 'parcels') copies.push(message);
    return false;
  };
  for (let i = 0; i < 5; i++) await rig.results(say(`${i}`));
  const stranger = rig.bus.open('stranger');
  const answers: NodeMessage[] = [];
  stranger.listen((_from, message) => void answers.push(message));
  target.deaf = () => false;
  for (const copy of [...copies, ...copies.toReversed()]) stranger.send('target', copy);
  await rig.clock.advance(0);
  expect(seqs()).toEqual(upTo(6));
  // Whoever sends a parcel again is told how far it was taken.
  const last = rig.row(`p/${there}`, `accepted/${here}`);
  expect(answers).toHaveLength(10);
  for (const answer of answers) expect(answer).toMatchObject({ type: 'accepted', source: here, destination: there });
  expect(answers.at(-1)).toMatchObject(JSON.parse(last?.slice(1) ?? '{}') as object);
});

test('a repeat that arrives while the first is being stored is accepted with it, not before [COM5]', async () => {
  const { rig, source, target, say, seqs } = await openPair({ window: 2 });
  target.commits.close();
  await rig.results(say('hello'));
  const before = source.settled.length;
  await rig.clock.advance(1_600);
  expect(target.commits.waiting).toBe(1);
  expect(source.settled.length).toBe(before);
  target.commits.open();
  await rig.clock.advance(0);
  expect(seqs()).toEqual([1, 2]);
});

test('a new owner sends what may not have been accepted again, oldest first, before its own [COM4] [COM5]', async () => {
  const { rig, here, target, say, seqs } = await openPair();
  target.deaf = (message) => message.type === 'parcels';
  for (let i = 0; i < 3; i++) await rig.results(say(`${i}`));
  const second = rig.openWorker('source again');
  const claim = await rig.claim(second, here);
  expect(claim.unsettled).toHaveLength(3);
  await rig.results(say('of the second owner'));
  target.deaf = () => false;
  await rig.clock.advance(5_000);
  expect(seqs()).toEqual(upTo(5));
  expect(second.settled.at(-1)).toBe(second.batches.at(-1)?.stamp ?? 0);
});

test('a stale owner’s repeats do no harm beside those of the new one [COM5] [COM2]', async () => {
  const { rig, here, source, target, say, seqs } = await openPair();
  losing(source, 'accepted', () => true);
  for (let i = 0; i < 3; i++) await rig.results(say(`${i}`));
  const second = rig.openWorker('source again');
  await rig.claim(second, here);
  for (let i = 0; i < 3; i++) await rig.results(say(`second ${i}`));
  await rig.clock.advance(5_000);
  expect(seqs()).toEqual(upTo(7));
  expect(target.broken).toEqual([]);
});

test('a new owner of the destination knows what was taken before it [COM5]', async () => {
  const { rig, there, source, say, seqs } = await openPair();
  losing(source, 'accepted', () => true);
  for (let i = 0; i < 3; i++) await rig.results(say(`${i}`));
  const second = rig.openWorker('target again');
  await rig.claim(second, there);
  source.deaf = () => false;
  await rig.clock.advance(5_000);
  expect(seqs()).toEqual(upTo(4));
  expect(source.settled.at(-1)).toBe(source.batches.at(-1)?.stamp ?? 0);
});

test('a destination without an owner holds back the checkpoint, not the decisions [COM5] [COM4]', async () => {
  const { rig, there, source, target, say, seqs } = await openPair();
  await target.worker.release(there);
  rig.directory.set(there, undefined);
  const settled = source.settled.at(-1);
  for (let i = 0; i < 5; i++) expect(await rig.results(say(`${i}`))).toMatchObject([{ seq: i + 2 }]);
  expect(source.settled.at(-1)).toBe(settled ?? 0);
  await rig.claim(rig.openWorker('target again'), there);
  await rig.clock.advance(2_000);
  expect(seqs()).toEqual(upTo(6));
  expect(source.settled.at(-1)).toBe(source.batches.at(-1)?.stamp ?? 0);
});

test('a batch without parcels settles only after those before it [COM4]', async () => {
  const { rig, anna, source, target, say } = await openPair();
  const settled = source.settled.at(-1);
  target.deaf = (message) => message.type === 'parcels';
  await rig.results(say('not accepted yet'));
  await rig.results(numbered(1, asks(`c/${group}`, anna, { kind: 'add', users: [anna] })));
  expect(source.batches.at(-1)?.parcels).toEqual([]);
  expect(source.settled.at(-1)).toBe(settled ?? 0);
  target.deaf = () => false;
  await rig.clock.advance(1_000);
  expect(source.settled.at(-1)).toBe(source.batches.at(-1)?.stamp ?? 0);
});

test('an overloaded owner still takes parcels [COM4]', async () => {
  const { rig, target, say, seqs } = await openPair();
  target.readiness = 'overloaded';
  await rig.results(say('hello'));
  expect(seqs()).toEqual([1, 2]);
});

test('parcels beyond the queue are dropped and come again [LIM9] [COM5]', async () => {
  const { rig, there, bob, target, say, seqs } = await openPair({ limits: { maxQueuedParcels: 4 } });
  await target.worker.release(there);
  rig.directory.set(there, undefined);
  for (let i = 0; i < 10; i++) await rig.results(say(`${i}`));
  const small = rig.openWorker('small');
  await rig.claim(small, there);
  small.commits.close();
  await rig.clock.advance(600);
  // The first is accepted, so all the others come at once; four of them find room.
  small.commits.letOne();
  await rig.clock.advance(0);
  expect(small.batches.map(({ grown }) => grown.find(([entity]) => entity === `u/${bob}`))).toEqual([
    [`u/${bob}`, 3, 3],
    [`u/${bob}`, 4, 7],
  ]);
  small.commits.open();
  await rig.clock.advance(30_000);
  expect(seqs()).toEqual(upTo(11));
});

test('a user’s answer goes back to the name that asked, in another partition [COM6] [ACC1]', async () => {
  const rig = new PumpRig({ partitions: 4 });
  await rig.openOwner();
  const user =
    Array.from({ length: 50 }, (_, i) => userNamed(`x${i}_`)).find(
      (id) => rig.partitionOf(`u/${id}`) !== rig.partitionOf('n/xenia'),
    ) ?? '';
  await rig.results(asks('n/xenia', user, { kind: 'signUp', user, name: 'Xenia', passwordHash: 'hash' }));
  await rig.clock.advance(0);
  expect(JSON.parse(rig.row('n/xenia', 'holder')?.slice(1) ?? '{}')).toMatchObject({ user, confirmed: true });
  expect(JSON.parse(rig.row(`u/${user}`, 'account')?.slice(1) ?? '{}')).toMatchObject({ handle: 'xenia', devices: [] });
});

test('a parcel names each recipient once, in the partition where they live [COM5]', async () => {
  const rig = new PumpRig({ partitions: 8 });
  const owner = await rig.openOwner();
  const members = Array.from({ length: 60 }, (_, i) => userNamed(`m${i}_`));
  await rig.results(numbered(1, asks(`c/${group}`, alice, { kind: 'createGroup', name: 'x', members })));
  await rig.clock.advance(0);
  for (const user of [alice, ...members]) expect(rig.row(`u/${user}/0`, '002')).toBe(`21 ${group}`);
  const own = rig.partitionOf(`c/${group}`);
  const sent = owner.batches.flatMap(({ partition, parcels }) =>
    parcels.map(({ destination }) => [partition, destination]),
  );
  expect(sent.filter(([, destination]) => destination === own)).toEqual([]);
});
