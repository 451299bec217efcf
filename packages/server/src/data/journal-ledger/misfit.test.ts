import { describe, expect, test } from 'bun:test';
import { JournalWorld, batchOf, records, told } from '../../../testing/journal-world.ts';
import { CALM } from '../../engines/faults.ts';
import { openMemoryJournal } from '../../engines/journal-memory.ts';
import { moveToStream } from './journal-ledger.ts';
import { RECORD_FORMATS } from './records.ts';

describe('a journal that does not fit', () => {
  const prepared = async (): Promise<{ readonly world: JournalWorld; readonly stamp: number }> => {
    const world = new JournalWorld();
    const process = world.start();
    const claim = await world.claim(process);
    for (let n = 1; n <= 3; n++) await world.run(process.ledger.commit(batchOf(claim, n)));
    await world.clock.advance(5_000);
    process.clock.stop();
    return { world, stamp: claim.stamp + 3 };
  };
  const refused = async (world: JournalWorld): Promise<unknown> => {
    const process = world.start();
    const outcome = await world.run(process.ledger.claim(0).catch((error: unknown) => error));
    expect(process.notices.map(({ kind }) => kind)).toEqual(
      outcome instanceof Error && 'code' in outcome && outcome.code === 'internal' ? ['alarm'] : [],
    );
    return outcome;
  };

  test('a checkpoint whose record has another stamp stops the partition with an alarm [COM4]', async () => {
    const { world, stamp } = await prepared();
    const position = world.checkpoint()?.position ?? 0;
    world.rows.write(
      'p/0',
      [{ key: 'checkpoint', value: `1${JSON.stringify({ stream: 'journal-1', position, stamp: stamp + 1 })}` }],
      stamp + 1,
    );
    expect(await refused(world)).toMatchObject({ code: 'internal' });
  });

  test('a journal trimmed beyond its checkpoint stops the partition with an alarm [COM4]', async () => {
    const { world, stamp } = await prepared();
    world.rows.write(
      'p/0',
      [{ key: 'checkpoint', value: `1${JSON.stringify({ stream: 'journal-1', position: 1, stamp })}` }],
      stamp + 1,
    );
    expect(await refused(world)).toMatchObject({ code: 'internal' });
  });

  test('a record that does not continue the one before stops the partition with an alarm [COM4]', async () => {
    for (const wrong of [{ positionBy: 1 }, { stampBy: 1 }, { ownStamp: 0 }]) {
      const { world, stamp } = await prepared();
      const journal = openMemoryJournal(world.journal);
      const position = world.checkpoint()?.position ?? 0;
      const batch = { rows: [], drops: [], parcels: [], grown: [], storedTo: 0, claim: 'x', lastBatch: stamp };
      const bytes = RECORD_FORMATS[0].encode({
        kind: 'batch',
        ...batch,
        previous: { position: position - (wrong.positionBy ?? 0), stamp: stamp - (wrong.stampBy ?? 0) },
        stamp: stamp + (wrong.ownStamp ?? 1),
      });
      expect((await journal.append(0, position, 'foreign', bytes)).kind).toBe('stored');
      expect(await refused(world)).toMatchObject({ code: 'internal' });
    }
  });

  test('a stream made anew stops the partition until it is moved there, also one that was never settled [COM4]', async () => {
    const { world } = await prepared();
    world.journal.makeAnew('journal-2');
    expect(await refused(world)).toMatchObject({ code: 'internal' });
    const young = new JournalWorld();
    const process = young.start(
      {},
      {
        writer: (writer) => ({
          ...writer,
          write: async (partition, rows, stamp) => (stamp > 1 ? 'unknown' : writer.write(partition, rows, stamp)),
        }),
      },
    );
    await young.claim(process);
    process.clock.stop();
    young.journal.makeAnew('journal-2');
    expect(await refused(young)).toMatchObject({ code: 'internal' });
  });

  test('a damaged record and one of an unknown format stop the partition [COM3] [COM11]', async () => {
    for (const bytes of [new Uint8Array([1, 2, 3]), new Uint8Array([9]), new Uint8Array(0)]) {
      const { world } = await prepared();
      expect(
        (await openMemoryJournal(world.journal).append(0, world.checkpoint()?.position ?? 0, 'odd', bytes)).kind,
      ).toBe('stored');
      expect(
        await world.run(
          world
            .start()
            .ledger.claim(0)
            .catch((error: unknown) => error),
        ),
      ).toMatchObject({ code: 'internal' });
    }
  });

  test('a journal that is only stale is waited for [COM4]', async () => {
    const { world } = await prepared();
    const before = openMemoryJournal(world.journal);
    let stale = 5;
    const process = world.start(
      {},
      {
        journal: (journal) => ({
          ...journal,
          read: async (...asked) => (--stale >= 0 ? [] : journal.read(...asked)),
          state: async (partition) =>
            stale >= 0 ? { ...(await before.state(partition)), first: 0, last: 0 } : journal.state(partition),
        }),
      },
    );
    expect((await world.claim(process)).unsettled).toEqual([]);
    expect(process.notices.map(({ kind }) => kind)).toEqual(['claimed']);
  });

  test('an owner that moves the checkpoint and trims while another reads is no misfit [COM4]', async () => {
    const world = new JournalWorld();
    const old = world.start();
    const claim = await world.claim(old);
    for (let n = 1; n <= 5; n++) await world.run(old.ledger.commit(batchOf(claim, n, { parcels: [told(1, 'x')] })));
    let reads = 0;
    const rival = world.start(
      {},
      {
        journal: (journal) => ({
          ...journal,
          read: async (...asked) => {
            if (++reads === 1) {
              old.ledger.settle(0, claim.id, claim.stamp + 5);
              await new Promise<void>((resolve) => void world.clock.after(5_000, resolve));
            }
            return journal.read(...asked);
          },
        }),
      },
    );
    const taken = await world.claim(rival);
    expect(reads).toBeGreaterThan(1);
    expect(world.journal.records(0)[0]?.position).toBeGreaterThan(1);
    expect(taken.unsettled).toEqual([]);
    expect(rival.notices.map(({ kind }) => kind)).toEqual(['claimed']);
  });
});

describe('another stream', () => {
  test('a settled partition moves to it, stamps go on rising, and a sleeping owner stays fenced [COM4]', async () => {
    const world = new JournalWorld(4, { ...CALM, delayMs: [1, 3] });
    const old = world.start();
    const claim = await world.claim(old);
    expect(await world.run(old.ledger.commit(batchOf(claim, 1, { parcels: [told(1, 'x')] })))).toBe('stored');
    const operator = world.start();
    const target = { ...operator.journal, state: async () => ({ stream: 'journal-2', first: 0, last: 0 }) };
    expect(await world.run(moveToStream(operator.options, 0, target))).toBe('unsettled');
    const taken = await world.claim(operator);
    operator.ledger.settle(0, taken.id, claim.stamp + 1);
    await world.run(operator.ledger.release(0, taken.id));
    expect(await world.run(moveToStream(operator.options, 0, target))).toBe('moved');
    world.journal.makeAnew('journal-2');
    const process = world.start();
    const moved = await world.claim(process);
    expect(moved.stamp).toBeGreaterThan(taken.stamp);
    expect(await world.run(process.ledger.commit(batchOf(moved, 2)))).toBe('stored');
    // Positions began again: the old owner's expectation would fit by now, but its stream is gone.
    const late = old.ledger.commit(batchOf(claim, 3)).catch((error: unknown) => error);
    await world.clock.advance(20_000);
    old.stopping.abort();
    expect(await world.run(late)).toMatchObject({ code: 'unavailable' });
    expect(new Set(records(world).map(({ claim: by }) => by))).toEqual(new Set([moved.id]));
  });
});
