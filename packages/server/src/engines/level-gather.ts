/** Gathers the rows of one batch into runs (level-runs.ts), bucket by bucket of the logs. */
import type { KeyValue } from '../ports/store.ts';
import { RUN_CHARS, encodeRun } from './level-runs.ts';
import type { Shelf } from './level-runs.ts';
import type { WriteBatch } from './level-writer.ts';

/** What the writer knows of a log's bucket. */
export interface Bucket {
  /** The areas of its shelves, by first character of their keys. */
  readonly areas: (string | undefined)[];
  /** The highest key there is, '' if there is none. */
  last: string;
  /** The run to which the batch that is being made adds rows. */
  run: Run | undefined;
}

/** Rows of a shelf that are to lie together, in order of key. */
interface Run extends Shelf {
  readonly bucket: Bucket;
  readonly rows: KeyValue[];
  /** Characters of the values that were appended: those of rows written again do not count. */
  chars: number;
}

export interface Gathering {
  /** Adds a row above all of its bucket to the run that its bucket has begun. False: none takes it. */
  append(row: KeyValue, bucket: Bucket): boolean;
  /** The same, with a run of its own, to which more may be added. */
  begin(row: KeyValue, bucket: Bucket, shelf: Shelf): void;
  /**
   * Adds a row that is there already or comes before one that is: its whole run is written again. `stored`: the run that holds its
   * place in the database, empty if none does. False: that must be known first.
   */
  rewrite(row: KeyValue, bucket: Bucket, shelf: Shelf, stored: readonly KeyValue[] | undefined): boolean;
  /** Adds all runs to the batch, and begins another. */
  end(batch: WriteBatch): void;
}

const holds = ({ rows }: Run, key: string): boolean => key >= (rows[0]?.key ?? '') && key <= (rows.at(-1)?.key ?? '');

export const gatherRuns = (): Gathering => {
  let runs: Run[] = [];
  return {
    append: (row, bucket) => {
      const { run } = bucket;
      const { key, value } = row;
      if (run === undefined || run.chars + value.length > RUN_CHARS || key.charCodeAt(0) !== run.first.charCodeAt(0))
        return false;
      run.rows.push(row);
      run.chars += value.length;
      bucket.last = key;
      return true;
    },
    begin: (row, bucket, shelf) => {
      const run = { prefix: shelf.prefix, first: shelf.first, bucket, rows: [row], chars: row.value.length };
      bucket.run = run;
      bucket.last = row.key;
      runs.push(run);
    },
    rewrite: (row, bucket, shelf, stored) => {
      const { key } = row;
      let run = runs.find((other) => other.prefix === shelf.prefix && holds(other, key));
      if (run === undefined) {
        if (stored === undefined) return false;
        run = { prefix: shelf.prefix, first: shelf.first, bucket, rows: [...stored], chars: 0 };
        runs.push(run);
      }
      const above = run.rows.findIndex((other) => other.key >= key);
      const at = above < 0 ? run.rows.length : above;
      run.rows.splice(at, run.rows[at]?.key === key ? 1 : 0, row);
      return true;
    },
    end: (batch) => {
      for (const { prefix, bucket, rows } of runs) {
        batch.put(prefix + (rows.at(-1)?.key ?? ''), encodeRun(rows));
        bucket.run = undefined;
      }
      runs = [];
    },
  };
};
