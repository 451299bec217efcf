import { expect, test } from 'bun:test';
import { LIMITS } from '@duolog/protocol';
import * as fc from 'fast-check';
import { OUTBOX_STRIDE, admit, decodeOutbox, encodeOutbox, isInReach, remember } from './outbox.ts';
import type { Answer, Outbox } from './outbox.ts';

/** An outbox after commands 1 … n whose answers name them. */
const answered = (n: number): Outbox => {
  let outbox: Outbox = [];
  for (let i = 1; i <= n; i++)
    outbox = remember(outbox, { n: i, hash: `hash-${i}`, answer: { result: `{"seq":${i}}` } });
  return outbox;
};

test('n = last + 1 is new, the first is 1 [COM10]', () => {
  expect(admit([], 1, 'a')).toEqual({ kind: 'new' });
  expect(admit(answered(5), 6, 'a')).toEqual({ kind: 'new' });
});

test('a higher n is a gap that names the one expected [COM10]', () => {
  expect(admit([], 2, 'a')).toEqual({ kind: 'gap', expected: 1 });
  expect(admit(answered(20), 22, 'a')).toEqual({ kind: 'gap', expected: 21 });
  expect(admit(answered(20), Number.MAX_SAFE_INTEGER, 'a')).toEqual({ kind: 'gap', expected: 21 });
});

test('the last 8 get their first answer again, older ones are stale [COM10]', () => {
  const outbox = answered(20);
  expect(outbox).toHaveLength(LIMITS.outboxWindow);
  for (let n = 13; n <= 20; n++)
    expect(admit(outbox, n, `hash-${n}`)).toEqual({ kind: 'repeat', answer: { result: `{"seq":${n}}` } });
  for (let n = 1; n <= 12; n++) expect(admit(outbox, n, `hash-${n}`)).toEqual({ kind: 'stale' });
});

test('a known n with another content is a conflict [COM10]', () => {
  expect(admit(answered(3), 2, 'something else')).toEqual({ kind: 'conflict' });
});

test('a refusal is an answer like any other [COM10]', () => {
  const refusal = { code: 'limitExceeded', detail: 'Too many.', facts: { limit: 'maxMembers', max: 100 } } as const;
  const outbox = remember(answered(1), { n: 2, hash: 'b', answer: { refusal } });
  expect(admit(outbox, 2, 'b')).toEqual({ kind: 'repeat', answer: { refusal } });
  expect(admit(outbox, 3, 'c')).toEqual({ kind: 'new' });
  expect(decodeOutbox(encodeOutbox({ answers: outbox, head: 7 }))).toEqual({ answers: outbox, head: 7 });
});

test('an outbox needs a new row when it has none, or when the log has grown by more than is read behind one [COM10]', () => {
  expect(isInReach(undefined, 1)).toBe(false);
  expect(isInReach(10, 11)).toBe(true);
  expect(isInReach(10, 10 + OUTBOX_STRIDE)).toBe(true);
  expect(isInReach(10, 11 + OUTBOX_STRIDE)).toBe(false);
});

test('a row of an unknown format is not read as if it were known [COM11]', () => {
  expect(() => decodeOutbox('9[]')).toThrow();
});

/** Commands as a model knows them: every answer that was ever given. */
class Model {
  readonly given: { readonly hash: string; readonly answer: Answer }[] = [];

  expects(n: number, hash: string): string {
    const known = this.given[n - 1];
    if (n === this.given.length + 1) return 'new';
    if (n > this.given.length) return `gap ${this.given.length + 1}`;
    if (n <= this.given.length - 8 || known === undefined) return 'stale';
    return known.hash === hash ? `repeat ${JSON.stringify(known.answer)}` : 'conflict';
  }
}

test('for any commands in any order the row answers as one would that remembers all, stored and read at any time [COM10]', () => {
  const answer = fc.oneof(
    fc.nat().map((seq): Answer => ({ result: JSON.stringify({ seq, text: '"]} 🙂' }) })),
    fc.constant<Answer>({ refusal: { code: 'forbidden', detail: 'Only an "owner" may.' } }),
  );
  const command = fc.record({
    // Near the end of the outbox, where the rules differ.
    ahead: fc.oneof(
      { weight: 2, arbitrary: fc.constant(0) },
      { weight: 3, arbitrary: fc.integer({ min: -11, max: 3 }) },
    ),
    hash: fc.constantFrom('a', 'b'),
    answer,
    restart: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60, size: 'max' }), (commands) => {
      const model = new Model();
      let outbox: Outbox = [];
      for (const { ahead, hash, answer, restart } of commands) {
        const n = Math.max(1, model.given.length + 1 + ahead);
        if (restart) outbox = decodeOutbox(encodeOutbox({ answers: outbox, head: 0 })).answers;
        const admission = admit(outbox, n, hash);
        const said =
          admission.kind === 'gap'
            ? `gap ${admission.expected}`
            : admission.kind === 'repeat'
              ? `repeat ${JSON.stringify(admission.answer)}`
              : admission.kind;
        expect(said).toBe(model.expects(n, hash));
        if (admission.kind !== 'new') continue;
        outbox = remember(outbox, { n, hash, answer });
        model.given.push({ hash, answer });
      }
      expect(outbox.length).toBeLessThanOrEqual(8);
    }),
    { numRuns: 1_000 },
  );
});
