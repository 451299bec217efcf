import type { Journal, JournalRecord } from '../../packages/server/src/ports/journal.ts';

/** One journal, empty at first, seen by two processes. */
export interface JournalSubject {
  readonly journal: Journal;
  readonly other: Journal;
  /** From now on there is room for not one byte more. */
  fill(): Promise<void>;
  /** The stream is removed, with all that is in it. */
  removeStream(): Promise<void>;
  /** The stream is removed, and an empty one has its place; the answer is bound to that. */
  makeAnew(): Promise<Journal>;
  /** Resolves once all that is under way has arrived. */
  arrived(): Promise<void>;
  /** Awaits a promise, moving the clock if the engine waits for one that stands still. */
  run<T>(promise: Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (record: JournalRecord): string => new TextDecoder().decode(record.bytes);

/** What the suites do with a journal, however badly it answers. */
export interface JournalSteps {
  /** Asks until there is an answer that fits: reads may be unavailable or stale. */
  readonly eventually: <T>(ask: () => Promise<T>, fits: (answer: T) => boolean) => Promise<T>;
  /** The records of a partition, once there are so many. */
  readonly records: (
    partition: number,
    count: number,
    after?: number,
    journal?: Journal,
  ) => Promise<readonly JournalRecord[]>;
  /** Repeats an append unchanged until its record is stored, by the answer or by reading. */
  readonly append: (
    partition: number,
    expected: number,
    id: string,
    text?: string,
    journal?: Journal,
  ) => Promise<number>;
  /** Appends so many records; their positions. */
  readonly fill: (partition: number, count: number) => Promise<readonly number[]>;
}

export const journalSteps = (subject: () => JournalSubject): JournalSteps => {
  const eventually = async <T>(ask: () => Promise<T>, fits: (answer: T) => boolean): Promise<T> => {
    for (let tries = 0; tries < 2_000; tries++) {
      const answer = await subject().run(ask().catch(() => undefined));
      if (answer !== undefined && fits(answer)) return answer;
    }
    throw new Error('the answer never fits');
  };
  const records = (
    partition: number,
    count: number,
    after = 0,
    journal = subject().journal,
  ): Promise<readonly JournalRecord[]> =>
    eventually(
      () => journal.read(partition, after, 1_000),
      (read) => read.length >= count,
    );
  const append = async (
    partition: number,
    expected: number,
    id: string,
    text = id,
    journal = subject().journal,
  ): Promise<number> => {
    for (let tries = 0; tries < 2_000; tries++) {
      const outcome = await subject().run(journal.append(partition, expected, id, bytesOf(text)));
      if (outcome.kind === 'stored') return outcome.position;
      const read = await subject().run(journal.read(partition, expected, 1).catch(() => []));
      const [next] = read;
      if (next?.id === id) return next.position;
      if (next !== undefined) throw new Error(`${next.id} is where ${id} belonged`);
    }
    throw new Error('the append never succeeds');
  };
  const fill = async (partition: number, count: number): Promise<readonly number[]> => {
    const positions: number[] = [];
    for (let i = 0; i < count; i++) positions.push(await append(partition, positions.at(-1) ?? 0, `${partition}-${i}`));
    return positions;
  };
  return { eventually, records, append, fill };
};
