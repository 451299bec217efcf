/** The contract of `Journal` as tests: each sentence of ports/journal.ts, run over every engine, however badly it answers. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { Journal, JournalRecord } from '../../packages/server/src/ports/journal.ts';
import { bytesOf, journalSteps, textOf } from './journal-subject.ts';
import type { JournalSubject } from './journal-subject.ts';
import { journalTroubleContract } from './journal-trouble-contract.ts';

/** Runs the contract of `Journal` over an engine. `makeSubject` is called before every test. */
export const journalContract = (engine: string, makeSubject: () => Promise<JournalSubject>): void => {
  describe(`${engine} keeps the contract of Journal`, () => {
    let subject: JournalSubject;
    beforeEach(async () => {
      subject = await makeSubject();
    });
    afterEach(() => subject.close());

    const { eventually, records, append, fill } = journalSteps(() => subject);

    test('records get rising positions above 0 and are read as they were appended [COM3]', async () => {
      const positions = await fill(3, 8);
      expect(positions[0]).toBeGreaterThan(0);
      expect(positions).toEqual(positions.toSorted((a, b) => a - b));
      expect(new Set(positions).size).toBe(8);
      const read = await records(3, 8);
      expect(read.map(({ position }) => position)).toEqual([...positions]);
      expect(read.map(({ id }) => id)).toEqual(positions.map((_, i) => `3-${i}`));
      expect(read.map(textOf)).toEqual(positions.map((_, i) => `3-${i}`));
    });

    test('any bytes are a record, up to a megabyte', async () => {
      const bytes = new Uint8Array(1_000_000).map((_, i) => (i * 31) & 255);
      const kept = bytes.slice();
      let outcome = await subject.run(subject.journal.append(0, 0, 'big', bytes));
      while (outcome.kind !== 'stored') {
        if ((await subject.run(subject.journal.read(0, 0, 1).catch(() => []))).length > 0) break;
        outcome = await subject.run(subject.journal.append(0, 0, 'big', kept));
      }
      bytes.fill(0);
      const [record] = await records(0, 1);
      expect(record !== undefined && Buffer.compare(record.bytes, kept)).toBe(0);
    });

    test('an append whose expectation does not hold is never stored [COM2]', async () => {
      const [first = 0, second = 0] = await fill(0, 2);
      for (const wrong of [0, first, second + 1_000]) {
        for (let tries = 0; tries < 20; tries++) {
          const outcome = await subject.run(subject.journal.append(0, wrong, `wrong-${wrong}`, bytesOf('wrong')));
          expect(outcome.kind).not.toBe('stored');
        }
      }
      await append(0, second, 'right');
      expect((await records(0, 3)).map(({ id }) => id)).toEqual(['0-0', '0-1', 'right']);
    });

    test('of two processes that expect the same, one wins and the other reads why [COM2]', async () => {
      let position = 0;
      for (let round = 0; round < 10; round++) {
        const expected = position;
        const tryAppend = async (journal: Journal, id: string): Promise<'won' | 'lost'> => {
          for (;;) {
            const outcome = await journal.append(0, expected, id, bytesOf(id));
            if (outcome.kind === 'stored') return 'won';
            const [next] = await journal.read(0, expected, 1).catch(() => []);
            if (next !== undefined) return next.id === id ? 'won' : 'lost';
          }
        };
        const both = Promise.all([tryAppend(subject.journal, `a${round}`), tryAppend(subject.other, `b${round}`)]);
        expect((await subject.run(both)).toSorted()).toEqual(['lost', 'won']);
        position = (await records(0, round + 1)).at(-1)?.position ?? 0;
      }
      expect((await records(0, 10)).length).toBe(10);
    });

    test('the same append again is stored once [COM9]', async () => {
      const [first = 0] = await fill(0, 1);
      const second = await append(0, first, 'again');
      for (let i = 0; i < 20; i++) {
        const outcome = await subject.run(subject.journal.append(0, first, 'again', bytesOf('again')));
        if (outcome.kind === 'stored') expect(outcome.position).toBe(second);
      }
      await append(0, second, 'next');
      expect((await records(0, 3)).map(({ id }) => id)).toEqual(['0-0', 'again', 'next']);
    });

    test('an append is known by its id in every partition', async () => {
      await append(0, 0, 'x');
      await append(1, 0, 'y');
      expect((await records(0, 1)).map(({ id }) => id)).toEqual(['x']);
      expect((await records(1, 1)).map(({ id }) => id)).toEqual(['y']);
    });

    test('partitions expect for themselves', async () => {
      const zero = await append(0, 0, 'zero-1');
      const one = await append(1, 0, 'one-1');
      await append(0, zero, 'zero-2');
      await append(1, one, 'one-2', 'one-2', subject.other);
      expect((await records(0, 2)).map(({ id }) => id)).toEqual(['zero-1', 'zero-2']);
      expect((await records(1, 2)).map(({ id }) => id)).toEqual(['one-1', 'one-2']);
    });

    test('a read begins behind a position and keeps to its limit', async () => {
      const positions = await fill(0, 6);
      const behind = (after: number, count: number): Promise<readonly JournalRecord[]> => records(0, count, after);
      expect((await behind(positions[2] ?? 0, 3)).map(({ id }) => id)).toEqual(['0-3', '0-4', '0-5']);
      const two = await eventually(
        () => subject.journal.read(0, positions[0] ?? 0, 2),
        ({ length }) => length === 2,
      );
      expect(two.map(({ id }) => id)).toEqual(['0-1', '0-2']);
      expect(
        await eventually(
          () => subject.journal.read(0, positions[5] ?? 0, 10),
          () => true,
        ),
      ).toEqual([]);
      expect(
        await eventually(
          () => subject.journal.read(7, 0, 10),
          () => true,
        ),
      ).toEqual([]);
    });

    test('a read may be stale but never leaves out what lies before what it shows', async () => {
      const seen: number[] = [];
      let position = 0;
      for (let i = 0; i < 15; i++) {
        position = await append(0, position, `r${i}`);
        const read = await subject.run(subject.other.read(0, 0, 100).catch(() => []));
        expect(read.map(({ id }) => id)).toEqual(read.map((_, place) => `r${place}`));
        seen.push(read.length);
      }
      expect(Math.max(...seen)).toBeGreaterThan(0);
    });

    test('the state names the stream, the oldest record and the newest', async () => {
      const empty = await eventually(
        () => subject.journal.state(0),
        () => true,
      );
      expect(empty).toEqual({ stream: empty.stream, first: 0, last: 0 });
      const positions = await fill(0, 3);
      const state = await eventually(
        () => subject.journal.state(0),
        ({ last: newest }) => newest === positions[2],
      );
      expect(state).toEqual({ stream: empty.stream, first: positions[0] ?? 0, last: positions[2] ?? 0 });
      const others = await eventually(
        () => subject.other.state(1),
        () => true,
      );
      expect(others).toEqual({ stream: empty.stream, first: 0, last: 0 });
    });

    test('a trim forgets what lies below, in its partition alone [COM4]', async () => {
      const positions = await fill(0, 5);
      await fill(1, 2);
      const to = positions[3] ?? 0;
      await eventually(
        async () => {
          await subject.journal.trim(0, to);
          return subject.journal.state(0);
        },
        ({ first }) => first === to,
      );
      expect((await records(0, 2)).map(({ id }) => id)).toEqual(['0-3', '0-4']);
      expect((await records(1, 2)).length).toBe(2);
    });

    test('a trim leaves the last record, so that one can append behind it [COM4]', async () => {
      const [, second = 0] = await fill(0, 2);
      for (let i = 0; i < 10; i++) await subject.run(subject.journal.trim(0, second + 1_000).catch(() => undefined));
      await eventually(
        () => subject.journal.read(0, 0, 10),
        (read) => read.at(-1)?.position === second,
      );
      await append(0, second, 'behind');
      expect((await records(0, 1, second)).map(({ id }) => id)).toEqual(['behind']);
    });

    test('one who watches hears of new records until he stops', async () => {
      const hints: string[] = [];
      const stop = subject.other.watch(0, () => hints.push('hint'));
      const [, second = 0] = await fill(0, 2);
      // A hint may be lost, so there may have to be more than one record.
      let position = second;
      for (let i = 0; i < 50 && hints.length === 0; i++) position = await append(0, position, `more-${i}`);
      expect(hints.length).toBeGreaterThan(0);
      stop();
      await eventually(
        () => subject.journal.state(0),
        () => true,
      );
      const before = hints.length;
      await append(0, position, 'unheard');
      await eventually(
        () => subject.journal.state(0),
        ({ last: newest }) => newest > position,
      );
      expect(hints.length).toBe(before);
    });
  });
  journalTroubleContract(engine, makeSubject);
};
