/**
 * Gathers rows into runs (level-runs.ts), bucket by bucket of the logs. A run of short rows stays open when its batch ends, so
 * that those of later batches come to lie with them; until it is closed, and stored at its place, its rows are kept in a row for
 * all that open runs took in one batch. Short rows are most of all rows, and by themselves each costs more than it is long.
 * Measured in docs/decisions/0012-short-rows-wait-for-others.md.
 */
import type { KeyValue, Row } from '../ports/store.ts';
import { keptKey } from './level-keys.ts';
import { encodeKept } from './level-kept.ts';
import type { LevelLimits } from './level-limits.ts';
import { RUN_CHARS, encodeRun } from './level-runs.ts';
import type { Shelf } from './level-runs.ts';
import type { LevelPlant, WriteBatch } from './level-writer.ts';

/** Rows with longer values do not wait: writing them twice costs more than it saves. */
const SHORT_CHARS = 128;
/** A run of so many rows is closed: who wants one of them reads them all. */
const OPEN_ROWS = 16;

/** What the writer knows of a log's bucket. */
export interface Bucket {
  /** The areas of its shelves, by first character of their keys. */
  readonly areas: (string | undefined)[];
  /** The highest key there is, '' if there is none. */
  last: string;
  /** The run at its end, to which rows may be added. */
  run: Run | undefined;
}

/** Rows of a shelf that are to lie together, in order of key. */
interface Run extends Shelf {
  readonly partition: string;
  readonly bucket: Bucket;
  readonly rows: KeyValue[];
  /** Characters of the values that were appended: those of rows written again do not count. */
  chars: number;
  /** The batch that is being made changes or closes it. */
  touched: boolean;
  /** It is stored with that batch. */
  closing: boolean;
  /** So many of its rows are kept. */
  kept: number;
  /** Number of what keeps the first of them, and characters that had been written by then. */
  since: number;
  after: number;
}

export interface Gathering {
  /** The bucket of a partition that has an open run. */
  bucketOf(partition: string): Bucket | undefined;
  /** Adds a row above all of its bucket to the run at the bucket's end. False: there is none, or it takes no more. */
  append(row: Row, bucket: Bucket): boolean;
  /** The same, with a run of its own, to which more may be added. */
  begin(row: Row, bucket: Bucket, shelf: Shelf): void;
  /**
   * Adds a row that is there already or comes before one that is: its whole run is written again. `stored`: the run that holds its
   * place in the database, empty if none does. False: that must be known first.
   */
  rewrite(row: Row, bucket: Bucket, shelf: Shelf, stored: readonly KeyValue[] | undefined): boolean;
  /** Whether rows of the partition that were written before may not be at their places yet. */
  isWaiting(partition: string): boolean;
  /** The same of any partition. */
  isAnyWaiting(): boolean;
  /** Has the open runs of these partitions (of all, if none are given) stored with the next batch; whether there are any. */
  close(partitions: Iterable<string> | undefined): boolean;
  /** Forgets a partition whose rows are removed with the batch; the batch must have been ended. */
  drop(batch: WriteBatch, partition: string): void;
  /** Adds what was gathered to the batch, and begins another. */
  end(batch: WriteBatch): void;
}

const holds = ({ rows }: Run, key: string): boolean => key >= (rows[0]?.key ?? '') && key <= (rows.at(-1)?.key ?? '');

/** For a database that keeps nothing yet: what it keeps is put at its places first (level-kept.ts). `plant`: it is not kept, which a torture test must find. */
export const gatherRuns = (
  { openRuns, openChars }: Pick<LevelLimits, 'openRuns' | 'openChars'>,
  plant?: LevelPlant,
): Gathering => {
  /** Those that the batch being made changes or closes. */
  let touched: Run[] = [];
  /** By partition, the oldest first. */
  const open = new Map<string, Run>();
  /** Partitions of which the newest batch stores runs that had been open. */
  let leaving = new Set<string>();
  let written = 0;
  /** What is kept has the numbers from `oldest` to below `next`. */
  let [oldest, next] = [0, 0];

  const touch = (run: Run): void => {
    if (run.touched) return;
    run.touched = true;
    touched.push(run);
  };

  const closeRun = (run: Run): void => {
    run.closing = true;
    touch(run);
  };

  const runOf = (partition: string, bucket: Bucket, { prefix, first }: Shelf, rows: KeyValue[], chars: number): Run => {
    const run: Run = {
      prefix,
      first,
      partition,
      bucket,
      rows,
      chars,
      touched: false,
      closing: chars > SHORT_CHARS,
      kept: 0,
      since: 0,
      after: 0,
    };
    touch(run);
    return run;
  };

  const store = (batch: WriteBatch, run: Run): void => {
    const { prefix, partition, bucket, rows } = run;
    batch.put(prefix + (rows.at(-1)?.key ?? ''), encodeRun(rows));
    if (bucket.run === run) bucket.run = undefined;
    if (run.kept > 0) leaving.add(partition);
    if (open.get(partition) === run) open.delete(partition);
  };

  /** Adds to `kept` what the run took in this batch. */
  const keep = (run: Run, kept: string[]): void => {
    const { partition, rows } = run;
    if (run.kept === 0) {
      run.since = next;
      run.after = written;
      open.set(partition, run);
    }
    for (; run.kept < rows.length; run.kept++) {
      const row = rows[run.kept];
      if (row !== undefined) kept.push(partition, row.key, row.value);
    }
  };

  return {
    bucketOf: (partition) => open.get(partition)?.bucket,
    append: (row, bucket) => {
      const { run } = bucket;
      const { key, value } = row;
      if (run === undefined || run.chars + value.length > RUN_CHARS || key.charCodeAt(0) !== run.first.charCodeAt(0))
        return false;
      touch(run);
      run.rows.push(row);
      run.chars += value.length;
      written += value.length;
      if (value.length > SHORT_CHARS) run.closing = true;
      bucket.last = key;
      return true;
    },
    begin: (row, bucket, shelf) => {
      if (bucket.run !== undefined) closeRun(bucket.run);
      bucket.run = runOf(row.partition, bucket, shelf, [row], row.value.length);
      written += row.value.length;
      bucket.last = row.key;
    },
    rewrite: (row, bucket, shelf, stored) => {
      const { key } = row;
      const holding = (other: Run | undefined): boolean => other?.prefix === shelf.prefix && holds(other, key);
      let run = holding(bucket.run) ? bucket.run : touched.find(holding);
      if (run === undefined) {
        if (stored === undefined) return false;
        run = runOf(row.partition, bucket, shelf, [...stored], 0);
      }
      closeRun(run);
      const above = run.rows.findIndex((other) => other.key >= key);
      const at = above < 0 ? run.rows.length : above;
      run.rows.splice(at, run.rows[at]?.key === key ? 1 : 0, row);
      return true;
    },
    isWaiting: (partition) => open.has(partition) || leaving.has(partition),
    isAnyWaiting: () => open.size + leaving.size > 0,
    close: (partitions) => {
      for (const partition of partitions ?? open.keys()) {
        const run = open.get(partition);
        if (run !== undefined) closeRun(run);
      }
      return touched.length > 0;
    },
    drop: (batch, partition) => {
      const run = open.get(partition);
      if (run !== undefined) run.bucket.run = undefined;
      open.delete(partition);
      if (oldest < next) batch.put(keptKey(next++), encodeKept([partition, '', '']));
    },
    end: (batch) => {
      leaving = new Set();
      const kept: string[] = [];
      for (const run of touched) {
        run.touched = false;
        if (run.closing || run.rows.length >= OPEN_ROWS) store(batch, run);
        else keep(run, kept);
      }
      touched = [];
      for (const run of open.values()) {
        if (open.size <= openRuns && written - run.after <= openChars) break;
        store(batch, run);
      }
      if (kept.length > 0 && plant !== 'not-kept') batch.put(keptKey(next++), encodeKept(kept));
      const [first] = open.values();
      for (const needed = first?.since ?? next; oldest < needed; oldest++) batch.del(keptKey(oldest));
    },
  };
};
