import { describe, expect, test } from 'bun:test';
import { JournalWorld, batchOf, records } from '../../../testing/journal-world.ts';

describe('followers', () => {
  test('a digest comes once its rows are readable, not when it is in the journal [COM7]', async () => {
    const world = new JournalWorld();
    const held: (() => void)[] = [];
    const owner = world.start(
      {},
      {
        writer: (writer) => ({
          ...writer,
          write: (partition, rows, stamp) =>
            partition === 'c/a/0'
              ? new Promise((resolve) => held.push(() => void writer.write(partition, rows, stamp).then(resolve)))
              : writer.write(partition, rows, stamp),
        }),
      },
    );
    const claim = await world.claim(owner);
    const elsewhere = world.start();
    const stop = new AbortController();
    const seen: number[] = [];
    const following = (async () => {
      for await (const item of elsewhere.ledger.follow(0, claim.stamp, stop.signal))
        if (item.kind === 'digest') seen.push(item.digest.stamp - claim.stamp);
    })();
    const commit = owner.ledger.commit(batchOf(claim, 1));
    await world.clock.advance(5_000);
    expect([records(world).length, seen]).toEqual([2, []]);
    for (const release of held) release();
    await world.run(commit);
    await world.clock.advance(1_000);
    expect(seen).toEqual([1]);
    stop.abort();
    await world.run(following);
  });

  test('a claim that was trimmed is no reason to reset, a batch is [COM7]', async () => {
    const world = new JournalWorld();
    let claim = await world.claim(world.start());
    const owner = world.start();
    claim = await world.claim(owner);
    await world.run(owner.ledger.commit(batchOf(claim, 1)));
    const first = claim.stamp + 1;
    for (let i = 0; i < 3; i++) {
      const process = world.start();
      claim = await world.claim(process);
      await world.clock.advance(5_000);
      process.clock.stop();
    }
    expect(records(world).length).toBe(1);
    const process = world.start();
    claim = await world.claim(process);
    await world.run(process.ledger.commit(batchOf(claim, 2)));
    const read = async (after: number): Promise<string> => {
      const stop = new AbortController();
      for await (const item of process.ledger.follow(0, after, stop.signal)) return item.kind;
      return 'nothing';
    };
    expect(await world.run(read(first))).toBe('digest');
    expect(await world.run(read(first - 1))).toBe('reset');
  });

  test('a follower far behind begins near its position, not at the oldest record [COM7]', async () => {
    const world = new JournalWorld();
    let reads = 0;
    const process = world.start(
      { followedTo: () => 0 },
      {
        journal: (journal) => ({
          ...journal,
          read: async (...asked) => {
            reads += 1;
            return journal.read(...asked);
          },
        }),
      },
    );
    const claim = await world.claim(process);
    await world.run(Promise.all(Array.from({ length: 3_000 }, (_, i) => process.ledger.commit(batchOf(claim, i + 1)))));
    reads = 0;
    const read = async (): Promise<number> => {
      for await (const item of process.ledger.follow(0, claim.stamp + 2_990, new AbortController().signal)) {
        if (item.kind === 'digest') return item.digest.stamp - claim.stamp;
      }
      return 0;
    };
    expect(await world.run(read())).toBe(2_991);
    expect(reads).toBeLessThan(12);
  });
});
