/** The planted faults of a take-over that are more than a line (plants.ts); never run outside tests. */
import { logRow } from '../../core/rows.ts';
import type { ParcelData } from '../../ports/ledger.ts';
import type { Row } from '../../ports/store.ts';
import { readLogHead } from '../log-head.ts';
import type { Checkpoint } from './checkpoint.ts';
import { decodeRecord } from './records.ts';
import type { Surroundings } from './surroundings.ts';
import { untilAvailable } from './surroundings.ts';
import type { ReadBatch } from './tail.ts';

/** `trust-stale-end`: the batches behind the checkpoint, as far as one read shows them. */
export const asOneReadShows = async <P extends ParcelData>(
  around: Surroundings,
  partition: number,
  checkpoint: Checkpoint,
): Promise<readonly ReadBatch<P>[]> => {
  const page = await untilAvailable(around, () => around.journal.read(partition, checkpoint.position, 64));
  return page.flatMap(({ position, bytes }) => {
    const record = decodeRecord<P>(around.formats, bytes);
    return record.kind === 'batch' ? [{ position, bytes: bytes.length, record }] : [];
  });
};

/** `redecide-on-replay`: message rows at the numbers that a decision made now would give them. */
export const decidedAgain = async (around: Surroundings, rows: readonly Row[]): Promise<readonly Row[]> => {
  const heads = new Map<string, number>();
  const again: Row[] = [];
  for (const row of rows) {
    const [kind, id, bucket] = row.partition.split('/');
    if (kind !== 'c' || bucket === undefined) {
      again.push(row);
      continue;
    }
    const entity = `c/${id}`;
    const seq = (heads.get(entity) ?? (await untilAvailable(around, () => readLogHead(around.store, entity))).head) + 1;
    heads.set(entity, seq);
    again.push({ ...logRow(entity, seq), value: row.value });
  }
  return again;
};
