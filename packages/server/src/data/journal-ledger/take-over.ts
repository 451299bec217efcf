/** Taking a partition over: claim, then finish what earlier owners left (COM2, COM4). */
import { DuologError } from '@duolog/protocol';
import type { ParcelData } from '../../ports/ledger.ts';
import { appendId, settleAppend } from './append.ts';
import type { Checkpoint } from './checkpoint.ts';
import { readCheckpoint } from './checkpoint.ts';
import { asOneReadShows, decidedAgain } from './planted-take-over.ts';
import type { Place } from './records.ts';
import { newestCommon } from './records.ts';
import { RowsInOrder } from './rows-in-order.ts';
import type { Surroundings } from './surroundings.ts';
import { untilAvailable, waitToRepeat } from './surroundings.ts';
import type { ReadBatch } from './tail.ts';
import { Tail } from './tail.ts';

/** A partition whose earlier owners are fenced and whose journal is stored up to the claim. */
export interface TakenOver<P extends ParcelData> {
  readonly claim: string;
  /** Where the claim's record is. */
  readonly place: Place;
  /** Stamp of the last batch before it, 0 if there is none. */
  readonly lastBatch: number;
  readonly checkpoint: Checkpoint;
  /** Batches behind the checkpoint; their rows are stored. */
  readonly batches: readonly ReadBatch<P>[];
}

/** `misfit`: the journal does not continue this checkpoint. */
type Attempt<P extends ParcelData> = TakenOver<P> | 'lost' | { readonly misfit: string };

/** How often a journal may answer without showing the record at the checkpoint before the claim is given up. */
const MAX_STALE_READS = 30;

/**
 * Reads up to where the journal shows the checkpoint's record. A stale answer may not show it yet, and one that was
 * trimmed away never will.
 */
const readFromCheckpoint = async <P extends ParcelData>(
  around: Surroundings,
  partition: number,
  tail: Tail<P>,
  checkpoint: Checkpoint,
): Promise<string | undefined> => {
  for (let n = 0; n < MAX_STALE_READS; n++) {
    if (n > 0) await waitToRepeat(around, n);
    const { misfit } = await tail.readOn();
    if (misfit !== undefined || tail.anchored) return misfit;
    const { first } = await untilAvailable(around, () => around.journal.state(partition));
    if (first > checkpoint.position)
      return `The journal begins at ${first}, behind the checkpoint ${checkpoint.position}.`;
  }
  throw new DuologError(
    'unavailable',
    `The journal of partition ${partition} does not show its checkpoint: it is stale, or an old copy.`,
  );
};

/** Appends a claim behind the end of the tail; behind what foreign batches made of it, again and again. */
const appendClaim = async <P extends ParcelData>(
  around: Surroundings,
  partition: number,
  tail: Tail<P>,
): Promise<{ readonly claim: string; readonly place: Place } | 'lost' | { readonly misfit: string }> => {
  for (;;) {
    const claim = around.randomId();
    const stamp = Math.max(tail.end.stamp + 1, Math.floor(around.clock.now() * 1_000));
    const bytes = newestCommon(around.formats, around.liveFormats()).encode({
      kind: 'claim',
      claim,
      stamp,
      previous: { position: tail.end.position, stamp: tail.end.stamp },
      lastBatch: tail.lastBatch,
    });
    const id = appendId(around, partition, claim, stamp);
    const settled = await settleAppend(
      around,
      { kind: 'claim', partition, expect: tail.end.position, id, bytes },
      () => undefined,
    );
    if (settled.kind === 'stored') return { claim, place: { position: settled.position, stamp } };
    const added = tail.add(settled.record);
    if (added.misfit !== undefined) return { misfit: added.misfit };
    const read = await tail.readOn();
    if (read.misfit !== undefined) return { misfit: read.misfit };
    if (added.sawClaim || read.sawClaim) return 'lost';
  }
};

const attempt = async <P extends ParcelData>(
  around: Surroundings,
  partition: number,
  checkpoint: Checkpoint,
): Promise<Attempt<P>> => {
  const tail = new Tail<P>(around, partition, checkpoint);
  const misfit = await readFromCheckpoint(around, partition, tail, checkpoint);
  if (misfit !== undefined) return { misfit };
  const claimed = await appendClaim(around, partition, tail);
  if (claimed === 'lost' || 'misfit' in claimed) return claimed;
  const batches = around.plants.has('trust-stale-end')
    ? await asOneReadShows<P>(around, partition, checkpoint)
    : tail.batches;
  const rows = new RowsInOrder(around);
  if (around.plants.has('redecide-on-replay')) {
    for (const { record } of batches) await rows.store({ ...record, rows: await decidedAgain(around, record.rows) });
  } else await Promise.all(batches.map(({ record }) => rows.store(record)));
  return { ...claimed, lastBatch: tail.lastBatch, checkpoint, batches };
};

/**
 * Takes the partition over; undefined if another one claims it meanwhile. A journal that does not fit its checkpoint
 * rejects with `internal`: somebody must look before this partition goes on.
 */
export const takeOver = async <P extends ParcelData>(
  around: Surroundings,
  partition: number,
): Promise<TakenOver<P> | undefined> => {
  const { stream } = await untilAvailable(around, () => around.journal.state(partition));
  let checkpoint = await readCheckpoint(around, partition, stream);
  for (;;) {
    const attempted =
      checkpoint.stream === stream
        ? await attempt<P>(around, partition, checkpoint)
        : { misfit: `The checkpoint is of the stream ${checkpoint.stream}, the journal is ${stream}.` };
    if (attempted === 'lost') return undefined;
    if (!('misfit' in attempted)) return attempted;
    // The owner may have moved the checkpoint meanwhile, and trimmed what this one needs.
    const newer = await readCheckpoint(around, partition, stream);
    if (newer.stream === checkpoint.stream && newer.stamp === checkpoint.stamp) {
      const text = `The journal of partition ${partition} does not fit its checkpoint. ${attempted.misfit}`;
      around.notice({ partition, kind: 'alarm', text });
      throw new DuologError('internal', text);
    }
    checkpoint = newer;
  }
};
