/** The contract of `Journal` where it is full, or its stream is gone: part of journal-contract.ts. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { bytesOf, journalSteps } from './journal-subject.ts';
import type { JournalSubject } from './journal-subject.ts';

export const journalTroubleContract = (engine: string, makeSubject: () => Promise<JournalSubject>): void => {
  describe(`${engine} keeps the contract of Journal in trouble`, () => {
    let subject: JournalSubject;
    beforeEach(async () => {
      subject = await makeSubject();
    });
    afterEach(() => subject.close());
    const { eventually, records, append, fill } = journalSteps(() => subject);

    /** What becomes of appends with ids of their own that expect the same; never `stored`. */
    const tryAppends = async (expected: number, id: string, count: number): Promise<ReadonlySet<string>> => {
      const kinds = new Set<string>();
      for (let i = 0; i < count; i++)
        kinds.add((await subject.run(subject.journal.append(0, expected, `${id}-${i}`, bytesOf('no')))).kind);
      await subject.arrived();
      expect([...kinds]).not.toContain('stored');
      return kinds;
    };

    test('a full journal stores nothing, drops nothing old for it and is read as before [LIM9]', async () => {
      const [, second = 0] = await fill(0, 2);
      const [only = 0] = await fill(1, 1);
      await subject.fill();
      expect([...(await tryAppends(second, 'no-room', 20))]).toContain('full');
      expect((await records(0, 2)).map(({ id }) => id)).toEqual(['0-0', '0-1']);
      expect((await records(1, 1)).map(({ position }) => position)).toEqual([only]);
      const state = await eventually(
        () => subject.other.state(0),
        ({ last: newest }) => newest === second,
      );
      expect(state.first).toBeGreaterThan(0);
      expect(state.first).toBeLessThan(second);
    });

    test('a trim makes room in a full journal, and what was answered full never appears [COM9]', async () => {
      const [, second = 0] = await fill(0, 2);
      await subject.fill();
      await tryAppends(second, 'no-room', 20);
      await eventually(
        async () => {
          await subject.journal.trim(0, second);
          return subject.journal.state(0);
        },
        ({ first }) => first === second,
      );
      await append(0, second, '0-2');
      await subject.arrived();
      expect((await records(0, 2)).map(({ id }) => id)).toEqual(['0-1', '0-2']);
    });

    /** Nothing is read of a stream that is gone, by whomever. */
    const nothingIsRead = async (): Promise<void> => {
      for (const journal of [subject.journal, subject.other]) {
        for (const ask of [() => journal.read(0, 0, 10), () => journal.state(0)])
          expect(await subject.run(ask().catch((error: unknown) => error))).toMatchObject({ code: 'unavailable' });
      }
    };

    test('a stream that is gone takes nothing and shows nothing [COM2]', async () => {
      const [first = 0, second = 0] = await fill(0, 2);
      await subject.removeStream();
      for (const expected of [0, first, second])
        expect([...(await tryAppends(expected, `gone-${expected}`, 10))]).toContain('refused');
      await nothingIsRead();
    });

    test('a stream made anew takes nothing of one who is bound to the old, whatever he expects [COM2]', async () => {
      const [first = 0] = await fill(0, 2);
      const { stream } = await eventually(
        () => subject.journal.state(0),
        () => true,
      );
      const anew = await subject.makeAnew();
      const position = await append(0, 0, 'anew', 'anew', anew);
      // Positions began again: these expectations would hold in the new stream.
      for (const expected of [0, first, position])
        expect([...(await tryAppends(expected, `old-${expected}`, 10))]).toContain('refused');
      const repeat = await subject.run(subject.journal.append(0, 0, '0-0', bytesOf('0-0')));
      expect(repeat.kind).not.toBe('stored');
      await nothingIsRead();
      expect((await records(0, 1, 0, anew)).map(({ id }) => id)).toEqual(['anew']);
      const state = await eventually(
        () => anew.state(0),
        ({ last: newest }) => newest === position,
      );
      expect(state.stream).not.toBe(stream);
    });
  });
};
