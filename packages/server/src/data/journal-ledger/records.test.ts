import { expect, test } from 'bun:test';
import * as fc from 'fast-check';
import type { ParcelData, PartitionParcels } from '../../ports/ledger.ts';
import type { BatchRecord } from './records.ts';
import { RECORD_FORMATS, decodeRecord } from './records.ts';

const [format] = RECORD_FORMATS;

const recordOf = (parcels: readonly PartitionParcels[]): BatchRecord<ParcelData> => ({
  kind: 'batch',
  claim: 'claim',
  stamp: 7,
  previous: { position: 3, stamp: 6 },
  lastBatch: 6,
  storedTo: 5,
  rows: [{ partition: 'c/x/0', key: '001', value: '1{"text":"中🙂\\n"}' }],
  drops: ['u/x/0'],
  parcels,
  grown: [['c/x', 1, 1]],
});

test('a record is read as it was written, whatever its parcels hold [COM3]', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 200, size: 'max' }),
    fc.constantFrom('\0', '\u00000', '\0'.repeat(80), 'x'.repeat(63), 'x'.repeat(64), '"'.repeat(100), '\n'.repeat(70)),
  );
  const parcel = fc.record({
    kind: text,
    to: fc.array(text),
    deep: fc.record({ a: text, b: fc.integer(), c: fc.boolean() }),
  });
  const parcels = fc.array(fc.record({ destination: fc.nat(), parcels: fc.array(parcel, { maxLength: 4 }) }), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(parcels, (given) => {
      const record = recordOf(given);
      expect(decodeRecord(RECORD_FORMATS, format.encode(record))).toEqual(record);
    }),
    { numRuns: 300 },
  );
});

test('a text that goes to many partitions stands in the record once, and without escapes [COM5] [COM1]', () => {
  const fields = `"kind":"message","message":{"text":"${'\\"'.repeat(4_096)}"}`;
  const to = Array.from({ length: 64 }, (_, destination) => ({
    destination,
    parcels: [{ kind: 'message', to: [`u${destination}`], fields }],
  }));
  const bytes = format.encode(recordOf(to)).byteLength;
  expect(bytes).toBeLessThan(fields.length + 64 * 100 + 1_000);
});

test('a record whose texts are missing is damaged, not guessed [COM3]', () => {
  const parcels = [{ destination: 1, parcels: [{ kind: 'message', fields: 'x'.repeat(100) }] }];
  const bytes = format.encode(recordOf(parcels));
  expect(() => decodeRecord(RECORD_FORMATS, bytes.slice(0, -1))).toThrow();
});
