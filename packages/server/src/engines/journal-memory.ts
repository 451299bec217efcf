import { DuologError } from '@duolog/protocol';
import type { AppendOutcome, Journal, JournalRecord, JournalState } from '../ports/journal.ts';
import { ask, tell, type Conduct } from './faults.ts';

interface Kept extends JournalRecord {
  /** World time of the append, to answer as a server would that has not heard of it yet. */
  readonly at: number;
}

interface Subject {
  readonly kept: Kept[];
  last: number;
  /** Copies of appends that have yet to take effect. */
  underWay: number;
  readonly listeners: Set<() => void>;
}

interface Stream {
  readonly name: string;
  readonly subjects: Map<number, Subject>;
  readonly positions: Map<string, number>;
  /** One sequence for all partitions, so positions of one are not dense. */
  last: number;
  bytes: number;
  gone: boolean;
}

const makeStream = (name: string): Stream => ({
  name,
  subjects: new Map(),
  positions: new Map(),
  last: 0,
  bytes: 0,
  gone: false,
});

const subjectOf = (stream: Stream, partition: number): Subject => {
  let subject = stream.subjects.get(partition);
  if (subject === undefined) {
    subject = { kept: [], last: 0, underWay: 0, listeners: new Set() };
    stream.subjects.set(partition, subject);
  }
  return subject;
};

/** The journal kept in memory, shared by the nodes of a world. */
export class MemoryJournal {
  /** Beyond, appends find it full. */
  maxBytes: number;
  /** Told of every record as it is stored, for tests that compare with them. */
  observe: ((partition: number, record: JournalRecord) => void) | undefined;
  #stream: Stream;

  constructor(name = 'journal-1', maxBytes = Number.POSITIVE_INFINITY) {
    this.#stream = makeStream(name);
    this.maxBytes = maxBytes;
  }

  get stream(): Stream {
    return this.#stream;
  }

  /** Loses everything. Nodes that were opened before keep naming the stream, which is gone. */
  removeStream(): void {
    this.#stream.gone = true;
  }

  /** Loses everything and begins a new stream. */
  makeAnew(name: string): void {
    this.removeStream();
    this.#stream = makeStream(name);
  }

  /** All records that are kept, for a test to compare with. */
  records(partition: number): readonly JournalRecord[] {
    return subjectOf(this.#stream, partition).kept;
  }
}

const takeAppend = (
  journal: MemoryJournal,
  stream: Stream,
  append: { readonly partition: number; readonly expect: number; readonly record: Omit<Kept, 'position'> },
  conduct: Conduct | undefined,
): AppendOutcome => {
  const { partition, expect, record } = append;
  const subject = subjectOf(stream, partition);
  const known = stream.positions.get(record.id);
  if (stream.gone) return { kind: 'refused' };
  if (known !== undefined) {
    const refused = conduct?.faults.strikes(conduct.faults.rates.refusedRepeat) ?? false;
    return refused ? { kind: 'refused' } : { kind: 'stored', position: known };
  }
  if (subject.last !== expect) return { kind: 'refused' };
  if (subject.underWay > 0 && conduct?.faults.strikes(conduct.faults.rates.refusedUnderWay) === true) {
    return { kind: 'refused' };
  }
  const full = conduct?.faults.strikes(conduct.faults.rates.full) ?? false;
  if (full || stream.bytes + record.bytes.length > journal.maxBytes) return { kind: 'full' };
  stream.last += 1;
  stream.bytes += record.bytes.length;
  subject.last = stream.last;
  const kept = { ...record, position: stream.last };
  subject.kept.push(kept);
  journal.observe?.(partition, kept);
  stream.positions.set(record.id, stream.last);
  for (const listener of subject.listeners) {
    if (conduct === undefined) queueMicrotask(listener);
    else conduct.world.after(conduct.faults.within(conduct.faults.rates.delayMs), listener);
  }
  return { kind: 'stored', position: stream.last };
};

const takeTrim = (stream: Stream, partition: number, position: number): void => {
  const { kept } = subjectOf(stream, partition);
  const keptFrom = kept.findIndex((record) => record.position >= position);
  const gone = kept.splice(0, keptFrom < 0 ? Math.max(0, kept.length - 1) : keptFrom);
  for (const { bytes } of gone) stream.bytes -= bytes.length;
};

/** Since when a read does not know of records. */
const horizonOf = (conduct: Conduct | undefined): number => {
  if (conduct === undefined) return Number.POSITIVE_INFINITY;
  const { faults, world } = conduct;
  return faults.strikes(faults.rates.stale)
    ? world.monotonic() - faults.within(faults.rates.staleMs)
    : world.monotonic();
};

/** The journal as one node sees it; without a conduct it answers at once and rightly. */
export const openMemoryJournal = (journal: MemoryJournal, conduct?: Conduct): Journal => {
  const { stream } = journal;
  /** What a server shows that may lag behind. */
  const shown = (partition: number): readonly Kept[] => {
    const horizon = horizonOf(conduct);
    if (stream.gone) throw new DuologError('unavailable', `The stream ${stream.name} is gone.`);
    return subjectOf(stream, partition).kept.filter(({ at }) => at <= horizon);
  };
  return {
    append: (partition, expect, id, bytes) => {
      const record = { id, bytes: bytes.slice() };
      const write = (): AppendOutcome => {
        const at = conduct?.world.monotonic() ?? 0;
        return takeAppend(journal, stream, { partition, expect, record: { ...record, at } }, conduct);
      };
      return tell(conduct, write, { kind: 'unknown' }, (copies) => (subjectOf(stream, partition).underWay += copies));
    },
    read: (partition, after, limit) =>
      ask(conduct, () =>
        shown(partition)
          .filter(({ position }) => position > after)
          .slice(0, limit),
      ),
    state: (partition) =>
      ask(conduct, (): JournalState => {
        const records = shown(partition);
        return { stream: stream.name, first: records[0]?.position ?? 0, last: records.at(-1)?.position ?? 0 };
      }),
    watch: (partition, listener) => {
      const { listeners } = subjectOf(stream, partition);
      const call = (): void => {
        if (listeners.has(heard)) listener();
      };
      const heard = (): void => (conduct === undefined ? call() : conduct.clock.soon(call));
      listeners.add(heard);
      return () => void listeners.delete(heard);
    },
    trim: (partition, position) => tell(conduct, () => takeTrim(stream, partition, position), undefined),
  };
};
