import { describe, expect, test } from 'bun:test';
import { JournalWorld, batchOf, records, row, told } from '../../../testing/journal-world.ts';

describe('checkpoint', () => {
  const seen = (world: JournalWorld): number => world.checkpoint()?.stamp ?? -1;

  test('it passes a batch once its rows are stored and its parcels are accepted, and not before [COM4]', async () => {
    const world = new JournalWorld();
    const process = world.start();
    const claim = await world.claim(process);
    await world.clock.advance(500);
    expect(seen(world)).toBe(claim.stamp);
    const parcels = [told(1, 'x')];
    for (const [n, what] of [
      [1, {}],
      [2, { parcels }],
      [3, {}],
      [4, { parcels }],
    ] as const) {
      expect(await world.run(process.ledger.commit(batchOf(claim, n, what)))).toBe('stored');
    }
    await world.clock.advance(500);
    expect(seen(world)).toBe(claim.stamp + 1);
    process.ledger.settle(0, claim.id, claim.stamp + 2);
    await world.clock.advance(500);
    expect(seen(world)).toBe(claim.stamp + 3);
    process.ledger.settle(0, claim.id, claim.stamp + 4);
    await world.clock.advance(500);
    expect(world.checkpoint()).toEqual({
      stream: 'journal-1',
      position: world.journal.records(0).at(-1)?.position ?? 0,
      stamp: claim.stamp + 4,
    });
  });

  test('it waits for rows that are not stored yet [COM4]', async () => {
    const world = new JournalWorld();
    const held: (() => void)[] = [];
    const process = world.start(
      {},
      {
        writer: (writer) => ({
          ...writer,
          write: (partition, rows, stamp) =>
            partition === 'c/slow/0'
              ? new Promise((resolve) => held.push(() => void writer.write(partition, rows, stamp).then(resolve)))
              : writer.write(partition, rows, stamp),
        }),
      },
    );
    const claim = await world.claim(process);
    const slow = process.ledger.commit(batchOf(claim, 1, { rows: [row('c/slow/0', '1', 'x')] }));
    const quick = process.ledger.commit(batchOf(claim, 2));
    await world.clock.advance(1_000);
    expect(records(world).length).toBe(3);
    expect(seen(world)).toBe(claim.stamp);
    for (const release of held) release();
    await world.run(Promise.all([slow, quick]));
    await world.clock.advance(1_000);
    expect(seen(world)).toBe(claim.stamp + 2);
  });

  test('64 unsettled batches, or 8 MB of them, are too many for commands and not for parcels [COM4]', async () => {
    const world = new JournalWorld();
    const process = world.start();
    const claim = await world.claim(process);
    await world.clock.advance(500);
    const parcels = [told(1, 'x')];
    for (let n = 1; n <= 64; n++) {
      expect(process.ledger.readiness(0)).toBe('ready');
      expect(await world.run(process.ledger.commit(batchOf(claim, n, { parcels })))).toBe('stored');
    }
    expect(process.ledger.readiness(0)).toBe('overloaded');
    expect(process.ledger.readiness(1)).toBe('ready');
    expect(await world.run(process.ledger.commit(batchOf(claim, 65, { parcels })))).toBe('stored');
    process.ledger.settle(0, claim.id, claim.stamp + 60);
    expect(process.ledger.readiness(0)).toBe('ready');
    for (let n = 66; n <= 85; n++) {
      await world.run(process.ledger.commit(batchOf(claim, n, { parcels: [told(1, 'x'.repeat(600_000))] })));
    }
    expect(process.ledger.readiness(0)).toBe('overloaded');
    process.ledger.settle(0, claim.id, claim.stamp + 80);
    expect(process.ledger.readiness(0)).toBe('ready');
  });

  test('the journal is trimmed up to the record at the checkpoint, which stays [COM4]', async () => {
    const world = new JournalWorld();
    const process = world.start();
    const claim = await world.claim(process);
    for (let n = 1; n <= 5; n++)
      await world.run(process.ledger.commit(batchOf(claim, n, n === 5 ? { parcels: [told(1, 'x')] } : {})));
    await world.clock.advance(5_000);
    expect(records(world).map(({ stamp }) => stamp - claim.stamp)).toEqual([4, 5]);
    const taken = await world.claim(world.start());
    expect(taken.unsettled.map(({ stamp }) => stamp - claim.stamp)).toEqual([5]);
  });

  test('trimming waits for followers, a day at most [COM4]', async () => {
    const world = new JournalWorld();
    let followedTo = 0;
    const process = world.start({ followedTo: () => followedTo });
    const claim = await world.claim(process);
    const atMinute = (minute: number): number => (world.clock.now() + minute * 60_000) * 1_000;
    const stamps: number[] = [];
    for (let n = 1; n <= 5; n++) {
      await world.clock.advance(120_000);
      stamps.push(atMinute(0));
      await world.run(process.ledger.commit(batchOf(claim, 0, { stamp: atMinute(0) })));
    }
    await world.clock.advance(120_000);
    expect(records(world).length).toBe(6);
    followedTo = stamps[2] ?? 0;
    await world.clock.advance(120_000);
    const kept = records(world).map(({ stamp }) => stamp);
    expect(kept.length).toBeLessThan(6);
    expect(kept.filter((stamp) => stamp > followedTo)).toEqual(stamps.slice(3));
    await world.clock.advance(25 * 3_600_000);
    expect(records(world).map(({ stamp }) => stamp)).toEqual(stamps.slice(4));
  });
});
