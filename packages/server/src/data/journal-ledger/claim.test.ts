import { describe, expect, test } from 'bun:test';
import { JournalWorld, batchOf, listening, records, row, told } from '../../../testing/journal-world.ts';
import type { AppendCall } from '../../../testing/journal-world.ts';
import { CALM } from '../../engines/faults.ts';
import type { CommitOutcome } from '../../ports/ledger.ts';

describe('claims', () => {
  test('a claimer claims again behind a batch of the old owner [COM2]', async () => {
    const world = new JournalWorld();
    const old = world.start();
    const claim = await world.claim(old);
    let batches = 3;
    const calls: AppendCall[] = [];
    // Each time before the claim gets there, the old owner appends once more.
    const rival = world.start(
      {},
      listening(calls, async (_, append) => {
        if (--batches >= 0)
          expect(await old.ledger.commit(batchOf(claim, 3 - batches, { parcels: [told(1, `told ${batches}`)] }))).toBe(
            'stored',
          );
        return append();
      }),
    );
    const taken = await world.claim(rival);
    expect(taken.unsettled.length).toBe(3);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(4);
    expect(await world.run(old.ledger.commit(batchOf(claim, 100)))).toBe('fenced');
    expect(records(world).map(({ kind }) => kind)).toEqual(['claim', 'batch', 'batch', 'batch', 'claim']);
  });

  test('a claimer gives up when it reads another claim [COM2]', async () => {
    const world = new JournalWorld();
    const [first, second] = [world.start(), world.start()];
    const loser = world.start(
      {},
      listening([], async (_, append) => {
        await second.ledger.claim(0);
        return append();
      }),
    );
    const claim = await world.claim(first);
    expect(await world.run(loser.ledger.claim(0))).toBeUndefined();
    expect(records(world).length).toBe(2);
    expect(await world.run(first.ledger.commit(batchOf(claim, 1)))).toBe('fenced');
  });

  test('of many who claim at once one wins, and only its batches are stored [COM2]', async () => {
    const world = new JournalWorld(9, { ...CALM, delayMs: [0, 30] });
    const processes = Array.from({ length: 5 }, (_, i) => world.start({ offsetMs: i * 1_000 }));
    const claims = await world.run(Promise.all(processes.map(({ ledger }) => ledger.claim(0))));
    const outcomes: (CommitOutcome | undefined)[] = [];
    for (const [i, claim] of claims.entries()) {
      if (claim !== undefined)
        outcomes.push(
          await world.run(processes[i]?.ledger.commit(batchOf(claim, 10_000_000)) ?? Promise.resolve('fenced')),
        );
    }
    expect(outcomes.filter((outcome) => outcome === 'stored').length).toBe(1);
    const last = records(world).findLast(({ kind }) => kind === 'claim');
    expect(records(world).at(-1)?.claim).toBe(last?.claim ?? '');
  });

  test('an owner that slept through a claim is fenced, though its clock is ahead [COM2] [COM4]', async () => {
    const world = new JournalWorld(3, { ...CALM, delayMs: [1, 5] });
    const sleeper = world.start({ offsetMs: 3_600_000 });
    const claim = await world.claim(sleeper);
    expect(await world.run(sleeper.ledger.commit(batchOf(claim, 1)))).toBe('stored');
    sleeper.clock.pause();
    const late = sleeper.ledger.commit(batchOf(claim, 2, { rows: [row('c/a/0', '002', 'from the past')] }));
    await world.clock.advance(100);
    // Its append got there before it fell asleep, so it belongs to what the new owner finishes.
    const rival = world.start({ offsetMs: -3_600_000 });
    const taken = await world.claim(rival);
    expect(taken.stamp).toBeGreaterThan(claim.stamp + 2);
    expect(await world.run(rival.ledger.commit(batchOf(taken, 3)))).toBe('stored');
    const later = sleeper.ledger.commit(batchOf(claim, 3, { rows: [row('c/a/0', '003', 'from the past')] }));
    sleeper.clock.resume();
    expect(await world.run(Promise.all([late, later]))).toEqual(['stored', 'fenced']);
    await world.clock.advance(5_000);
    expect(world.rows.range('c/a/0', { limit: 9 }).map(({ value }) => value)).toEqual([
      '1message 1',
      '1from the past',
      '1message 3',
    ]);
  });

  test('the loss of a partition is told once, when a foreign record is read [COM2]', async () => {
    const world = new JournalWorld();
    const [old, rival] = [world.start(), world.start()];
    const claim = await world.claim(old);
    await world.claim(rival);
    expect(await world.run(Promise.all([1, 2, 3].map((n) => old.ledger.commit(batchOf(claim, n)))))).toEqual([
      'fenced',
      'fenced',
      'fenced',
    ]);
    expect(old.notices.map(({ kind }) => kind)).toEqual(['claimed', 'lost']);
  });
});

test('an owner with nothing to append learns within seconds that it slept through a claim [COM2]', async () => {
  const world = new JournalWorld();
  const [old, rival] = [world.start(), world.start()];
  const claim = await world.claim(old);
  let lost = 0;
  void claim.lost?.then(() => (lost += 1));
  await world.run(old.ledger.commit(batchOf(claim, 1)));
  await world.clock.advance(60_000);
  expect(lost).toBe(0);
  old.clock.pause();
  const taken = await world.claim(rival);
  await world.run(rival.ledger.commit(batchOf(taken, 2)));
  await world.clock.advance(30_000);
  old.clock.resume();
  await world.clock.advance(3_000);
  expect(lost).toBe(1);
  expect(old.notices.map(({ kind }) => kind)).toEqual(['claimed', 'lost']);
  await world.run(rival.ledger.release(0, taken.id));
  await world.clock.advance(60_000);
  expect(rival.notices.map(({ kind }) => kind)).toEqual(['claimed']);
});

describe('take-over', () => {
  test('a new owner stores byte for byte what the old one had appended and not written [COM3] [COM4]', async () => {
    const world = new JournalWorld();
    const dying = world.start(
      {},
      {
        writer: (writer) => ({
          ...writer,
          write: async (partition, rows, stamp) =>
            partition.startsWith('p/') ? writer.write(partition, rows, stamp) : 'unknown',
        }),
      },
    );
    const claim = await world.claim(dying);
    const rows = [
      row('c/a', 'roster', '{"x":"ÄÖ中文\u{1F600}\u0000\\n"}'),
      row('c/a/0', '001', '\n\n'),
      row('u/b/0', '001', '\uFEFFx'),
    ];
    const batches = [
      batchOf(claim, 1, { rows, parcels: [told(2, 'a "quoted" \u{1F600}')] }),
      batchOf(claim, 2, { rows: [row('c/a', 'roster', 'newer')], drops: ['u/z/0'] }),
    ];
    for (const batch of batches) void dying.ledger.commit(batch).catch(() => undefined);
    await world.clock.advance(50);
    dying.clock.stop();
    const process = world.start();
    const taken = await world.claim(process);
    expect(taken.unsettled).toEqual([{ stamp: claim.stamp + 1, parcels: batches[0]?.parcels ?? [] }]);
    expect(world.rows.get('c/a', 'roster')).toBe('1newer');
    expect(world.rows.get('c/a/0', '001')).toBe('1\n\n');
    expect(world.rows.get('u/b/0', '001')).toBe('1\uFEFFx');
    dying.stopping.abort();
  });

  test('a late write of the old owner never covers what the new one wrote [COM3]', async () => {
    const world = new JournalWorld();
    const held: (() => void)[] = [];
    const sleepy = world.start(
      {},
      {
        writer: (writer) => ({
          ...writer,
          write: async (partition, rows, stamp) => {
            if (partition.startsWith('p/')) return writer.write(partition, rows, stamp);
            return new Promise((resolve) => held.push(() => void writer.write(partition, rows, stamp).then(resolve)));
          },
        }),
      },
    );
    const claim = await world.claim(sleepy);
    const commit = sleepy.ledger.commit(batchOf(claim, 1, { rows: [row('c/a', 'head', 'old')] }));
    await world.clock.advance(10);
    const process = world.start();
    const taken = await world.claim(process);
    expect(world.rows.get('c/a', 'head')).toBe('1old');
    expect(await world.run(process.ledger.commit(batchOf(taken, 1, { rows: [row('c/a', 'head', 'new')] })))).toBe(
      'stored',
    );
    for (const release of held) release();
    expect(await world.run(commit)).toBe('stored');
    expect(world.rows.get('c/a', 'head')).toBe('1new');
  });

  test('a take-over reads everything up to its claim, however stale the answers are [COM4]', async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const world = new JournalWorld(seed, { ...CALM, stale: 0.8, staleMs: [1, 300] });
      const dying = world.start();
      const claim = await world.claim(dying);
      for (let n = 1; n <= 10; n++) {
        expect(await world.run(dying.ledger.commit(batchOf(claim, n, { parcels: [told(1, `${n}`)] })))).toBe('stored');
        await world.clock.advance(20);
      }
      dying.clock.stop();
      const taken = await world.claim(world.start());
      expect(taken.unsettled.map(({ stamp }) => stamp - claim.stamp)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    }
  });

  test('a batch keeps the stamp order of its own partition, whatever the clock of the new owner says [COM4]', async () => {
    const world = new JournalWorld();
    let last = 0;
    for (const offsetMs of [10_000, -10_000, 0, -3_600_000, 5]) {
      const process = world.start({ offsetMs });
      const claim = await world.claim(process);
      expect(claim.stamp).toBeGreaterThan(last);
      last = claim.stamp + 1;
      expect(await world.run(process.ledger.commit(batchOf(claim, 1)))).toBe('stored');
    }
  });
});
