/** Appends whose outcome is made certain (COM2, COM9). */
import type { JournalRecord } from '../../ports/journal.ts';
import type { Surroundings } from './surroundings.ts';
import { ifAvailable, untilAvailable, waitToRepeat } from './surroundings.ts';

/** What is appended; repeated exactly as it is. */
export interface Append {
  readonly kind: 'claim' | 'batch';
  readonly partition: number;
  /** Position of the record it is to follow. */
  readonly expect: number;
  readonly id: string;
  readonly bytes: Uint8Array;
}

/**
 * `stored`: at this position. `foreign`: another record follows the expected one, so this append has not succeeded and
 * never will, whatever is still under way.
 */
export type Settled =
  | { readonly kind: 'stored'; readonly position: number }
  | { readonly kind: 'foreign'; readonly record: JournalRecord };

/** The id of an append: with the claim in it, no other owner's batch of the same stamp is taken for a repeat. */
export const appendId = (around: Surroundings, partition: number, claim: string, stamp: number): string =>
  around.plants.has('append-id-without-claim') ? `${partition}/${stamp}` : `${partition}/${claim}/${stamp}`;

/**
 * Repeats an append until its own record or another one is read behind the expected position. A refusal or silence
 * proves neither: an earlier copy may be under way, and what a read does not show may be there. `full` is told each time
 * the journal has no room, and when something was stored again: no other answer says that there is room.
 */
export const settleAppend = async (
  around: Surroundings,
  append: Append,
  full: (isFull: boolean) => void,
): Promise<Settled> => {
  const { journal, plants } = around;
  const { partition, id, bytes } = append;
  let { expect } = append;
  for (let n = 0; ; n++) {
    if (n > 0) await waitToRepeat(around, n - 1);
    if (plants.has('no-expectation')) expect = (await untilAvailable(around, () => journal.state(partition))).last;
    const outcome = await ifAvailable(journal.append(partition, expect, id, bytes));
    if (outcome?.answer.kind === 'full') full(true);
    const stored = (position: number): Settled => {
      full(false);
      return { kind: 'stored', position };
    };
    if (outcome?.answer.kind === 'stored') return stored(outcome.answer.position);
    const read = await ifAvailable(journal.read(partition, expect, 1));
    const next = read?.answer[0];
    if (next?.id === id) return stored(next.position);
    if (plants.has('no-expectation')) continue;
    if (plants.has('keep-on-refusal') && outcome?.answer.kind === 'refused') {
      expect = (await untilAvailable(around, () => journal.state(partition))).last;
      continue;
    }
    if (next !== undefined) return { kind: 'foreign', record: next };
    if (plants.has('drop-on-refusal') && append.kind === 'batch' && outcome?.answer.kind === 'refused') {
      return { kind: 'foreign', record: { position: expect + 1, id: 'unknown', bytes } };
    }
  }
};
