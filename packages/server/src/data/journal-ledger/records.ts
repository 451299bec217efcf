/** Records of the journal: what a batch or a claim is as bytes (COM3, COM11). */
import { DuologError } from '@duolog/protocol';
import type { Grown, ParcelData, PartitionParcels } from '../../ports/ledger.ts';
import type { Row } from '../../ports/store.ts';
import { packTexts, unpackTexts } from './shared-texts.ts';

/** A place in a journal. */
export interface Place {
  readonly position: number;
  readonly stamp: number;
}

interface RecordHead {
  readonly claim: string;
  readonly stamp: number;
  /** The record before this one; position 0 for the first of a stream (COM4). */
  readonly previous: Place;
  /** Stamp of the last batch before this record, 0 if there is none. */
  readonly lastBatch: number;
}

interface ClaimRecord extends RecordHead {
  readonly kind: 'claim';
}

export interface BatchRecord<P extends ParcelData> extends RecordHead {
  readonly kind: 'batch';
  /** All batches up to this stamp had their rows stored when this record was appended: followers may read them. */
  readonly storedTo: number;
  readonly rows: readonly Row[];
  readonly drops: readonly string[];
  readonly parcels: readonly PartitionParcels<P>[];
  readonly grown: Grown;
}

export type LedgerRecord<P extends ParcelData> = ClaimRecord | BatchRecord<P>;

/** One way to write records. Readers skip fields they do not know. */
export interface RecordFormat {
  /** The first byte of every record; 1 to 127. */
  readonly format: number;
  encode<P extends ParcelData>(record: LedgerRecord<P>): Uint8Array;
  decode<P extends ParcelData>(bytes: Uint8Array): LedgerRecord<P>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

type Header = Omit<BatchRecord<ParcelData>, 'kind' | 'rows'> & {
  readonly kind: string;
  readonly rows: readonly (readonly [partition: string, key: string, length: number])[];
  /** Lengths of the texts that parcels share. */
  readonly texts: readonly number[];
};

/**
 * Format 1: its byte, a line of JSON, then the values of the rows one behind the other as they are stored, and the texts
 * that parcels share, so that the bulk of a record is neither escaped nor parsed. Lengths are in UTF-16 units of the
 * decoded text.
 */
const textRecords: RecordFormat = {
  format: 1,
  encode: (record) => {
    if (record.kind === 'claim') return encoder.encode(`\u0001${JSON.stringify(record)}\n`);
    let values = '';
    const rows = record.rows.map(({ partition, key, value }) => {
      values += value;
      return [partition, key, value.length];
    });
    const { parcels, texts } = packTexts(record.parcels);
    const header = { ...record, rows, parcels, texts: texts.map(({ length }) => length) };
    return encoder.encode(`\u0001${JSON.stringify(header)}\n${values}${texts.join('')}`);
  },
  decode: <P extends ParcelData>(bytes: Uint8Array): LedgerRecord<P> => {
    const text = decoder.decode(bytes);
    const end = text.indexOf('\n');
    const header = JSON.parse(text.slice(1, end)) as Header;
    if (header.kind === 'claim') return { ...header, kind: 'claim' };
    if (header.kind !== 'batch') throw new TypeError(`a record of unknown kind ${header.kind}`);
    let from = end + 1;
    const next = (length: number): string => {
      const part = text.slice(from, from + length);
      from += length;
      return part;
    };
    const rows = header.rows.map(([partition, key, length]) => ({ partition, key, value: next(length) }));
    const { texts: lengths, ...batch } = header;
    const texts = lengths.map(next);
    if (from !== text.length) throw new RangeError('a record whose rows and texts do not fill it');
    const parcels = unpackTexts({ parcels: header.parcels, texts }) as readonly PartitionParcels<P>[];
    return { ...batch, kind: 'batch', rows, parcels };
  },
};

/** What this program reads and writes, oldest first. */
export const RECORD_FORMATS: readonly [RecordFormat, ...RecordFormat[]] = [textRecords];

/** The formats of records, rows and parcels this program reads, as it announces them (COM11). */
export const supportedFormats: readonly number[] = RECORD_FORMATS.map(({ format }) => format);

/** The newest of our formats that every live worker reads; the oldest if they have none in common (COM11). */
export const newestCommon = (
  ours: readonly [RecordFormat, ...RecordFormat[]],
  live: readonly (readonly number[])[],
): RecordFormat => ours.findLast(({ format }) => live.every((reads) => reads.includes(format))) ?? ours[0];

/** Reads a record of any format we know. One that cannot be read stops its partition. */
export const decodeRecord = <P extends ParcelData>(
  ours: readonly RecordFormat[],
  bytes: Uint8Array,
): LedgerRecord<P> => {
  const known = ours.find(({ format }) => format === bytes[0]);
  if (known === undefined) {
    throw new DuologError('internal', `A journal record has format ${bytes[0]}, which this version does not read.`);
  }
  try {
    return known.decode<P>(bytes);
  } catch (cause) {
    throw new DuologError('internal', 'A journal record is damaged.', { cause });
  }
};
