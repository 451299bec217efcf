import { describe, expect, test } from 'bun:test';
import { JournalWorld, batchOf, told } from '../../../testing/journal-world.ts';
import { RECORD_FORMATS } from './records.ts';
import type { RecordFormat } from './records.ts';

describe('formats', () => {
  /** What a later version may write: another byte in front, and a field that this one does not know. */
  const newer: RecordFormat = {
    format: 2,
    encode: (record) => {
      const bytes = RECORD_FORMATS[0].encode(Object.assign({ later: true }, record));
      bytes[0] = 2;
      return bytes;
    },
    decode: (bytes) => RECORD_FORMATS[0].decode(bytes),
  };

  test('a new format is written once every live worker reads it [COM11]', async () => {
    const world = new JournalWorld();
    let live: readonly (readonly number[])[] = [[1], [1, 2]];
    const process = world.start({ formats: [RECORD_FORMATS[0], newer], liveFormats: () => live });
    const claim = await world.claim(process);
    await world.run(process.ledger.commit(batchOf(claim, 1)));
    live = [
      [1, 2],
      [1, 2, 3],
    ];
    await world.run(process.ledger.commit(batchOf(claim, 2)));
    live = [[7], [1, 2]];
    await world.run(process.ledger.commit(batchOf(claim, 3)));
    expect(world.journal.records(0).map(({ bytes }) => bytes[0])).toEqual([1, 1, 2, 1]);
  });

  test('a newer program replays what an older one appended, and unknown fields are skipped [COM3] [COM11]', async () => {
    const world = new JournalWorld();
    const older = world.start();
    const claim = await world.claim(older);
    const parcels = [told(1, 'x')];
    await world.run(older.ledger.commit(batchOf(claim, 1, { parcels })));
    older.clock.stop();
    const process = world.start({ formats: [RECORD_FORMATS[0], newer], liveFormats: () => [[1, 2]] });
    const taken = await world.claim(process);
    expect(taken.unsettled).toEqual([{ stamp: claim.stamp + 1, parcels }]);
    await world.run(process.ledger.commit(batchOf(taken, 1, { parcels })));
    const last = world.start({ formats: [RECORD_FORMATS[0], newer] });
    expect((await world.claim(last)).unsettled.map(({ stamp }) => stamp)).toEqual([claim.stamp + 1, taken.stamp + 1]);
    expect(
      await world.run(
        world
          .start()
          .ledger.claim(0)
          .catch((error: unknown) => error),
      ),
    ).toMatchObject({ code: 'internal' });
  });
});
