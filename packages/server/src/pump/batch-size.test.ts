import { expect, test } from 'bun:test';
import { openChat, say } from '../../testing/open-chat.ts';
import { alice, asks, carol, group, numbered } from '../../testing/people.ts';
import { PumpRig } from '../../testing/pump-rig.ts';
import { takeUserParcel } from '../core/users.ts';
import { RECORD_FORMATS } from '../data/journal-ledger/records.ts';
import type { Batch } from '../ports/ledger.ts';
import { rowBytes, takingBytes } from './sizes.ts';

const [format] = RECORD_FORMATS;
/** A batch as the journal keeps it. */
const recordOf = (batch: Batch): Uint8Array =>
  format.encode({ ...batch, kind: 'batch', previous: { position: 1, stamp: 1 }, lastBatch: 1, storedTo: 1 });

/** Rows and parcels as UTF-8. */
const sizeOf = ({ rows, parcels }: Pick<Batch, 'rows' | 'parcels'>): number =>
  rows.reduce((sum, row) => sum + row.partition.length + row.key.length + Buffer.byteLength(row.value), 0) +
  Buffer.byteLength(JSON.stringify(parcels));

test('a turn stops at the largest batch, and the rest follows in order [COM1] [MSG3]', async () => {
  const { rig, owner } = await openChat({ maxBatchBytes: 100_000 });
  const results = await rig.results(...Array.from({ length: 30 }, (_, i) => say(`${i} ${'x'.repeat(20_000)}`)));
  expect(results.map(({ seq }) => seq)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
  expect(owner.batches.length).toBeGreaterThan(5);
  for (const batch of owner.batches) expect(sizeOf(batch)).toBeLessThanOrEqual(100_000);
});

test('bytes are counted, not characters [COM1]', async () => {
  const { rig, owner } = await openChat({ maxBatchBytes: 100_000 });
  await rig.results(...Array.from({ length: 30 }, (_, i) => say(`${i} ${'中'.repeat(4_000)}`)));
  for (const batch of owner.batches) expect(sizeOf(batch)).toBeLessThanOrEqual(100_000);
});

test('outboxes full of refusals do not burst a batch [COM1] [COM10]', async () => {
  const { rig, owner } = await openChat({ maxBatchBytes: 100_000 });
  const outboxes = Array.from({ length: 300 }, (_, i) => String(i).padStart(64, 'o'));
  for (let n = 1; n <= 9; n++) rig.send(...outboxes.map((outbox) => numbered(n, say(`${n}`, carol), outbox)));
  await rig.clock.advance(0);
  const sizes = owner.batches.map(sizeOf);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(100_000);
  // Counted from above, but not by much.
  expect(Math.max(...sizes)).toBeGreaterThan(50_000);
});

test('groups of a hundred that are made at once do not burst a batch [COM1] [LIM3]', async () => {
  const { rig, owner } = await openChat({ maxBatchBytes: 700_000 });
  const members = Array.from({ length: 99 }, (_, i) => `u${`m${i}_`.padEnd(16, '0')}`);
  const name = '中'.repeat(64);
  const groups = Array.from({ length: 100 }, (_, i) => `g.${String(i).padStart(16, '0')}`);
  await rig.results(...groups.map((id) => asks(`c/${id}`, alice, { kind: 'createGroup', name, members })));
  for (const batch of owner.batches) expect(sizeOf(batch)).toBeLessThanOrEqual(700_000);
});

test.each(['joined', 'left'] as const)(
  'what taking a membership adds is counted from above, a long name wherever it is kept: %s [COM1]',
  (state) => {
    const parcel = {
      kind: 'membership',
      to: [alice],
      conversation: group,
      state,
      name: '\u0001'.repeat(64),
      joinSeq: 1_000_000,
      visibleFrom: 1_000_001,
      ...(state === 'left' ? { leaveSeq: 2_000_000 } : {}),
    } as const;
    const user = { user: alice, head: 1_000_000, log: { bucket: 244 }, account: undefined, conversation: undefined };
    const { rows } = takeUserParcel(user, parcel, 0);
    expect(rows.reduce((sum, row) => sum + rowBytes(row), 0)).toBeLessThanOrEqual(takingBytes(parcel));
  },
);

test.each(['\u0001', '"', '中'])(
  'messages of %j to a hundred members in sixty-four partitions make records that fit [COM1] [COM5]',
  async (letter) => {
    const rig = new PumpRig({ partitions: 64 });
    const owner = await rig.openOwner('worker', [rig.partitionOf(`c/${group}`)]);
    const members = Array.from({ length: 99 }, (_, i) => `u${`m${i}_`.padEnd(16, '0')}`);
    await rig.results(asks(`c/${group}`, alice, { kind: 'createGroup', name: 'x', members }));
    await rig.results(
      ...Array.from({ length: 40 }, () => asks(`c/${group}`, alice, { kind: 'send', text: letter.repeat(4_096) })),
    );
    const records = owner.batches.map((batch) => recordOf(batch).byteLength);
    expect(records.length).toBeLessThan(12);
    for (const bytes of records) expect(bytes).toBeLessThanOrEqual(750_000);
  },
);

test('the longest texts go one by one where two do not fit [COM1] [LIM2]', async () => {
  const { rig, owner } = await openChat({ maxBatchBytes: 700_000 });
  await rig.results(...Array.from({ length: 6 }, () => say('🙂'.repeat(99_999))));
  expect(owner.batches).toHaveLength(6);
  for (const batch of owner.batches) expect(sizeOf(batch)).toBeLessThanOrEqual(700_000);
});
