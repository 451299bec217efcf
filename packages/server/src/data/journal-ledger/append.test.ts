import { describe, expect, test } from 'bun:test';
import { JournalWorld, batchOf, listening, records, row, told } from '../../../testing/journal-world.ts';
import type { AppendCall } from '../../../testing/journal-world.ts';
import { CALM } from '../../engines/faults.ts';
import type { StoreWriter } from '../../ports/store.ts';

describe('appends', () => {
  test('a batch is one record that names its claim, the place before it, rows, parcels and digest [COM1] [COM3] [COM4]', async () => {
    const world = new JournalWorld();
    const process = world.start();
    const claim = await world.claim(process);
    const batch = batchOf(claim, 1, {
      rows: [row('c/a', 'x', 'ÄÖ\u{1F600}\n'), row('u/b/0', '001', '')],
      parcels: [told(3, 'hello')],
    });
    await world.run(process.ledger.commit(batch));
    await world.run(process.ledger.commit(batchOf(claim, 2, { drops: ['u/b/0'] })));
    const [claimed, first, second] = records(world);
    const [at, ,] = world.journal.records(0).map(({ position }) => position);
    expect(claimed).toEqual({
      kind: 'claim',
      claim: claim.id,
      stamp: claim.stamp,
      previous: { position: 0, stamp: 0 },
      lastBatch: 0,
    });
    const { rows, parcels, grown, stamp } = batch;
    const previous = { position: at ?? 0, stamp: claim.stamp };
    expect(first).toEqual({
      kind: 'batch',
      claim: claim.id,
      stamp,
      previous,
      lastBatch: 0,
      storedTo: claim.stamp,
      rows,
      drops: [],
      parcels,
      grown,
    });
    expect(second).toMatchObject({ previous: { stamp }, lastBatch: stamp, storedTo: stamp, drops: ['u/b/0'] });
  });

  test('each append expects the one before and has partition, claim and stamp as its id, one in flight [COM2]', async () => {
    const world = new JournalWorld(1, { ...CALM, delayMs: [1, 9] });
    const calls: AppendCall[] = [];
    let [inFlight, most] = [0, 0];
    const process = world.start(
      {},
      listening(calls, async (_, append) => {
        most = Math.max(most, ++inFlight);
        const outcome = await append();
        inFlight -= 1;
        return outcome;
      }),
    );
    const claim = await world.claim(process);
    const commits = Array.from({ length: 8 }, (_, i) => process.ledger.commit(batchOf(claim, i + 1)));
    expect(await world.run(Promise.all(commits))).toEqual(commits.map(() => 'stored'));
    const positions = world.journal.records(0).map(({ position }) => position);
    expect(calls.map((call) => call.expect)).toEqual([0, ...positions.slice(0, -1)]);
    expect(calls.map(({ id }) => id)).toEqual(Array.from({ length: 9 }, (_, i) => `0/${claim.id}/${claim.stamp + i}`));
    expect(most).toBe(1);
  });

  test('a refusal by one’s own copy under way does not end the ownership [COM2]', async () => {
    const world = new JournalWorld();
    const calls: AppendCall[] = [];
    const process = world.start(
      {},
      listening(calls, async (call, append) => {
        if (calls.length < 2 || calls.length > 4) return append();
        // The first copy is on its way; the engine refuses the next ones because of it.
        if (calls.length === 2) world.clock.after(200, () => void append());
        return call.id === calls[1]?.id && calls.length === 2 ? { kind: 'unknown' } : { kind: 'refused' };
      }),
    );
    const claim = await world.claim(process);
    expect(await world.run(process.ledger.commit(batchOf(claim, 1)))).toBe('stored');
    expect(await world.run(process.ledger.commit(batchOf(claim, 2)))).toBe('stored');
    expect(records(world).length).toBe(3);
    expect(process.notices.map(({ kind }) => kind)).toEqual(['claimed']);
  });

  test('an unknown append is repeated with the same expectation, id and bytes until it is settled [COM9]', async () => {
    for (const done of ['never', 'at once', 'later'] as const) {
      const world = new JournalWorld();
      const calls: AppendCall[] = [];
      const process = world.start(
        {},
        listening(calls, async (_, append) => {
          if (calls.length < 2 || calls.length > 6) return append();
          if (done === 'at once') await append();
          if (done === 'later' && calls.length === 2) world.clock.after(40, () => void append());
          return { kind: 'unknown' };
        }),
      );
      const claim = await world.claim(process);
      expect(await world.run(process.ledger.commit(batchOf(claim, 1)))).toBe('stored');
      const [first, ...others] = calls.slice(1);
      expect(
        others.filter((call) => call.id !== first?.id || call.expect !== first.expect || call.bytes !== first.bytes),
      ).toEqual([]);
      expect(others.length > 0).toBe(done !== 'at once');
      expect(records(world).length).toBe(2);
      expect(await world.run(process.ledger.commit(batchOf(claim, 2)))).toBe('stored');
    }
  });

  test('nothing is answered before the rows are stored, and an unknown write is repeated unchanged [COM1] [COM9]', async () => {
    const world = new JournalWorld();
    const writes: (readonly [string, string, number])[] = [];
    let lost = 5;
    const process = world.start(
      {},
      {
        writer: (writer): StoreWriter => ({
          ...writer,
          write: async (partition, rows, stamp) => {
            if (partition.startsWith('p/')) return writer.write(partition, rows, stamp);
            writes.push([partition, JSON.stringify(rows), stamp]);
            return --lost >= 0 ? 'unknown' : writer.write(partition, rows, stamp);
          },
        }),
      },
    );
    const claim = await world.claim(process);
    let answered = false;
    const commit = process.ledger.commit(batchOf(claim, 1)).then((outcome) => {
      answered = true;
      return outcome;
    });
    await world.clock.advance(12);
    expect([answered, records(world).length, writes.length > 0]).toEqual([false, 2, true]);
    expect(await world.run(commit)).toBe('stored');
    expect(new Set(writes.map((write) => JSON.stringify(write)))).toEqual(
      new Set([JSON.stringify(['c/a/0', '[{"key":"001","value":"1message 1"}]', claim.stamp + 1])]),
    );
    expect(writes.length).toBe(6);
  });

  test('a full journal is told to those who ask, and the batch is stored once there is room [COM9]', async () => {
    const world = new JournalWorld();
    const process = world.start();
    const claim = await world.claim(process);
    world.journal.maxBytes = 0;
    const commit = process.ledger.commit(batchOf(claim, 1));
    await world.clock.advance(1_000);
    expect(process.ledger.readiness(0)).toBe('storageFull');
    expect(process.notices.filter(({ kind }) => kind === 'journalFull').length).toBe(1);
    world.journal.maxBytes = 1_000_000;
    expect(await world.run(commit)).toBe('stored');
    expect(process.ledger.readiness(0)).toBe('ready');
  });

  test('a journal that was full has room again once an earlier copy is found stored, and not before [COM9]', async () => {
    const world = new JournalWorld();
    const calls: AppendCall[] = [];
    const process = world.start(
      {},
      listening(calls, async (_, append) => {
        if (calls.length < 3) return calls.length < 2 ? append() : { kind: 'full' };
        if (calls.length < 6) return { kind: calls.length === 3 ? 'refused' : 'unknown' };
        await append();
        return { kind: 'full' };
      }),
    );
    const claim = await world.claim(process);
    const commit = process.ledger.commit(batchOf(claim, 1));
    while (calls.length < 5) await world.clock.advance(1);
    expect(process.ledger.readiness(0)).toBe('storageFull');
    expect(await world.run(commit)).toBe('stored');
    expect(calls.length).toBe(6);
    expect(process.ledger.readiness(0)).toBe('ready');
  });

  test('a stopped ledger answers nothing and appends nothing more', async () => {
    const world = new JournalWorld();
    const process = world.start();
    const claim = await world.claim(process);
    world.journal.maxBytes = 0;
    const commit = process.ledger.commit(batchOf(claim, 1)).catch((error: unknown) => error);
    const next = process.ledger.commit(batchOf(claim, 2)).catch((error: unknown) => error);
    await world.clock.advance(100);
    process.stopping.abort();
    world.journal.maxBytes = 1_000_000;
    expect(await world.run(Promise.all([commit, next]))).toMatchObject([
      { code: 'unavailable' },
      { code: 'unavailable' },
    ]);
    await world.clock.advance(10_000);
    expect(records(world).length).toBe(1);
  });

  test('a stamp that does not rise is refused before it does harm [COM4]', async () => {
    const world = new JournalWorld();
    const process = world.start();
    const claim = await world.claim(process);
    expect(await world.run(process.ledger.commit(batchOf(claim, 5)))).toBe('stored');
    for (const n of [5, 4, 0]) {
      expect(await world.run(process.ledger.commit(batchOf(claim, n)).catch((error: unknown) => error))).toMatchObject({
        code: 'internal',
      });
    }
    expect(await world.run(process.ledger.commit(batchOf(claim, 6)))).toBe('stored');
  });
});
