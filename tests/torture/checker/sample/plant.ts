/** A bad history: one rule is broken, and only that one, at one place of a good history. */
import { hashOf } from '../../hash.ts';
import type { RuleId } from '../verdict.ts';
import type { History } from './edit-history.ts';
import type { SampleOptions } from './good-history.ts';

export interface Plant {
  readonly rule: RuleId;
  /** What is wrong, as the end of a sentence that begins with "a history in which". */
  readonly name: string;
  readonly options?: Partial<SampleOptions>;
  readonly plant: (history: History) => History;
}

/** The hash of a text that nobody sent. */
export const ghost = hashOf('nobody sent this');
