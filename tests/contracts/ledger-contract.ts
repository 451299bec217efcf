/** The contract of `Ledger` as tests: each sentence of ports/ledger.ts, run over every engine. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { CommitOutcome, Digest } from '../../packages/server/src/ports/ledger.ts';
import { UNTIL_TEST_MS } from '../../packages/server/testing/until.ts';
import { batchOf, ledgerSteps, row, said } from './ledger-subject.ts';
import type { LedgerSubject } from './ledger-subject.ts';
import { ledgerTroubleContract } from './ledger-trouble-contract.ts';

/** Runs the contract of `Ledger` over an engine. `makeSubject` is called before every test. */
export const ledgerContract = (engine: string, makeSubject: () => Promise<LedgerSubject>): void => {
  describe(`${engine} keeps the contract of Ledger`, () => {
    let subject: LedgerSubject;
    beforeEach(async () => {
      subject = await makeSubject();
    });
    afterEach(() => subject.close());

    const { claimBy, commit, get, messages } = ledgerSteps(() => subject);

    /** The next digests a follower sees, `reset` among them. */
    const followed = async (
      partition: number,
      after: number,
      count: number,
    ): Promise<readonly (Digest | 'reset')[]> => {
      const stop = new AbortController();
      const reading = (async (): Promise<readonly (Digest | 'reset')[]> => {
        const seen: (Digest | 'reset')[] = [];
        for await (const item of subject.ledger.follow(partition, after, stop.signal)) {
          seen.push(item.kind === 'reset' ? 'reset' : item.digest);
          if (seen.length === count) return seen;
        }
        return seen;
      })();
      const seen = await subject.run(reading);
      stop.abort();
      return seen;
    };

    test('a partition that nobody had is claimed with nothing left to send [COM4]', async () => {
      const claim = await claimBy(subject.ledger);
      expect(claim.partition).toBe(0);
      expect(claim.unsettled).toEqual([]);
      expect(claim.stamp).toBeGreaterThan(0);
      expect(Number.isSafeInteger(claim.stamp)).toBe(true);
    });

    test('a batch is readable as a whole when its commit resolves [COM1]', async () => {
      const claim = await claimBy(subject.ledger);
      const rows = ['c/a', 'c/a/0', 'u/a', 'u/a/0', 'u/b', 'u/b/0', 't/a/0', 'n/alice', 'p/0'].flatMap((partition) => [
        row(partition, 'x', `x of ${partition}`),
        row(partition, 'y', `ÄÖ中文\u{1F600}\u0000 of ${partition}`),
      ]);
      expect(await commit(subject.ledger, batchOf(claim, 1, { rows }))).toBe('stored');
      for (const { partition, key, value } of rows) expect(await get(partition, key)).toBe(value);
    });

    test('a batch may have no rows [COM1]', async () => {
      const claim = await claimBy(subject.ledger);
      expect(await commit(subject.ledger, batchOf(claim, 1, { rows: [], grown: [] }))).toBe('stored');
      expect(await commit(subject.ledger, batchOf(claim, 2))).toBe('stored');
    });

    test('commits of one window resolve and take effect in call order [COM1]', async () => {
      const claim = await claimBy(subject.ledger);
      expect(subject.ledger.window).toBeGreaterThanOrEqual(1);
      const resolved: number[] = [];
      let n = 0;
      for (let round = 0; round < 5; round++) {
        const under = Array.from({ length: subject.ledger.window }, async () => {
          const mine = ++n;
          const rows = [row('c/p0', 'log', `${mine}`), row('c/p0/0', String(mine).padStart(3, '0'), `message ${mine}`)];
          expect(await subject.ledger.commit(batchOf(claim, mine, { rows }))).toBe('stored');
          resolved.push(mine);
        });
        await subject.run(Promise.all(under));
        expect(await get('c/p0', 'log')).toBe(`1${n}`);
      }
      expect(resolved).toEqual(Array.from({ length: n }, (_, i) => i + 1));
      expect(await messages()).toEqual(Array.from({ length: n }, (_, i) => `message ${i + 1}`));
    });

    test('a batch of maxBatchBytes is taken [COM1]', async () => {
      const claim = await claimBy(subject.ledger);
      expect(subject.ledger.maxBatchBytes).toBeGreaterThanOrEqual(64 * 1024);
      const size = Math.floor(subject.ledger.maxBatchBytes / 4);
      const rows = [0, 1, 2].map((i) => row(`c/big/${i}`, '000', 'x'.repeat(size - 200)));
      const parcels = [said(1, 'y'.repeat(size - 400))];
      expect(await commit(subject.ledger, batchOf(claim, 1, { rows, parcels }))).toBe('stored');
      expect((await get('c/big/2', '000'))?.length).toBe(size - 199);
    });

    test('a claim fences the owner before it: nothing of it is stored any more [COM2]', async () => {
      const first = await claimBy(subject.ledger);
      expect(await commit(subject.ledger, batchOf(first, 1))).toBe('stored');
      const second = await claimBy(subject.other);
      expect(second.id).not.toBe(first.id);
      expect(await commit(subject.ledger, batchOf(first, 2_000_000))).toBe('fenced');
      expect(await commit(subject.ledger, batchOf(first, 2_000_001))).toBe('fenced');
      expect(await commit(subject.other, batchOf(second, 2))).toBe('stored');
      expect(await messages()).toEqual(['message 1', 'message 2']);
    });

    test('a claim by the same process fences its earlier one too [COM2]', async () => {
      const first = await claimBy(subject.ledger);
      const second = await claimBy(subject.ledger);
      expect(second.stamp).toBeGreaterThan(first.stamp);
      expect(await commit(subject.ledger, batchOf(first, 3_000_000))).toBe('fenced');
      expect(await commit(subject.ledger, batchOf(second, 1))).toBe('stored');
      expect(await messages()).toEqual(['message 1']);
    });

    test('a claim nobody made commits nothing [COM2]', async () => {
      const claim = await claimBy(subject.ledger);
      expect(await commit(subject.ledger, batchOf({ ...claim, id: 'somebody' }, 1))).toBe('fenced');
      expect(await messages()).toEqual([]);
    });

    test('what was under way at a claim is stored or fenced, and the new owner sees which [COM2]', async () => {
      for (let round = 0; round < 5; round++) {
        const partition = 10 + round;
        const first = await claimBy(subject.ledger, partition);
        const outcomes: (CommitOutcome | undefined)[] = [];
        const under = Array.from({ length: subject.ledger.window }, async (_, i) => {
          outcomes[i] = await subject.ledger.commit(batchOf(first, i + 1));
        });
        const second = await claimBy(subject.other, partition);
        const seen = await messages(partition);
        await subject.run(Promise.all(under));
        const stored = outcomes.filter((outcome) => outcome === 'stored').length;
        // In order: none is stored behind one that is not.
        expect(outcomes).toEqual(outcomes.map((_, i) => (i < stored ? 'stored' : 'fenced')));
        expect(seen).toEqual(Array.from({ length: stored }, (_, i) => `message ${i + 1}`));
        expect(await messages(partition)).toEqual(seen);
        expect(second.stamp).toBeGreaterThan(first.stamp + stored);
      }
    });

    test('partitions have owners of their own [COM2]', async () => {
      const zero = await claimBy(subject.ledger, 0);
      const one = await claimBy(subject.other, 1);
      expect(await commit(subject.ledger, batchOf(zero, 1))).toBe('stored');
      expect(await commit(subject.other, batchOf(one, 1))).toBe('stored');
      expect(await messages(0)).toEqual(['message 1']);
      expect(await messages(1)).toEqual(['message 1']);
    });

    test('stamps rise over claims, whatever the clock says [COM4]', async () => {
      const first = await claimBy(subject.ledger);
      const ahead = batchOf(first, 3_600_000_000);
      expect(await commit(subject.ledger, ahead)).toBe('stored');
      const second = await claimBy(subject.other);
      expect(second.stamp).toBeGreaterThan(ahead.stamp);
      const third = await claimBy(subject.ledger);
      expect(third.stamp).toBeGreaterThan(second.stamp);
    });

    test('parcels that were not accepted are given to the next owner, oldest first and as they were [COM4]', async () => {
      const first = await claimBy(subject.ledger);
      const parcels = [
        [said(1, 'one', 'Zwölf \u{1F600}'), said(3, '')],
        [said(1, 'two')],
        [said(2, 'three\u0000"\\\n')],
      ];
      for (const [i, told] of parcels.entries()) {
        expect(await commit(subject.ledger, batchOf(first, 1 + i, { parcels: told }))).toBe('stored');
      }
      const second = await claimBy(subject.other);
      expect(second.unsettled).toEqual(parcels.map((told, i) => ({ stamp: first.stamp + 1 + i, parcels: told })));
    });

    test('batches settled before a release are not given again, those after are [COM4]', async () => {
      const first = await claimBy(subject.ledger);
      for (let n = 1; n <= 4; n++) {
        expect(await commit(subject.ledger, batchOf(first, n, { parcels: [said(1, `told ${n}`)] }))).toBe('stored');
      }
      subject.ledger.settle(0, first.id, first.stamp + 2);
      await subject.run(subject.ledger.release(0, first.id));
      const second = await claimBy(subject.other);
      expect(second.unsettled.map(({ stamp }) => stamp - first.stamp)).toEqual([3, 4]);
      subject.other.settle(0, second.id, first.stamp + 4);
      await subject.run(subject.other.release(0, second.id));
      expect((await claimBy(subject.ledger)).unsettled).toEqual([]);
    });

    test('only the owner settles [COM4]', async () => {
      const first = await claimBy(subject.ledger);
      expect(await commit(subject.ledger, batchOf(first, 1, { parcels: [said(1, 'told')] }))).toBe('stored');
      subject.ledger.settle(0, 'somebody', first.stamp + 1);
      await subject.run(subject.ledger.release(0, first.id));
      expect((await claimBy(subject.other)).unsettled.length).toBe(1);
    });

    test('a released claim commits nothing more [COM2]', async () => {
      const first = await claimBy(subject.ledger);
      expect(await commit(subject.ledger, batchOf(first, 1))).toBe('stored');
      await subject.run(subject.ledger.release(0, first.id));
      expect(await commit(subject.ledger, batchOf(first, 2))).toBe('fenced');
      expect(await messages()).toEqual(['message 1']);
      await subject.run(subject.ledger.release(0, 'somebody'));
      expect(await commit(subject.ledger, batchOf(await claimBy(subject.ledger), 2))).toBe('stored');
    });

    test('a release waits for what is under way [COM1]', async () => {
      const first = await claimBy(subject.ledger);
      const outcomes: CommitOutcome[] = [];
      const under = Array.from({ length: subject.ledger.window }, async (_, i) => {
        outcomes.push(await subject.ledger.commit(batchOf(first, i + 1)));
      });
      await subject.run(subject.ledger.release(0, first.id));
      await subject.run(Promise.all(under));
      expect(outcomes).toEqual(outcomes.map(() => 'stored'));
      await claimBy(subject.other);
      expect((await messages()).length).toBe(subject.ledger.window);
    });

    test('dropped partitions are empty, whoever takes over [COM1]', async () => {
      const claim = await claimBy(subject.ledger);
      const rows = ['u/a/0', 'u/a/1', 'u/a/2'].map((partition) => row(partition, '000', partition));
      expect(await commit(subject.ledger, batchOf(claim, 1, { rows }))).toBe('stored');
      expect(await commit(subject.ledger, batchOf(claim, 2, { drops: ['u/a/0', 'u/a/1'] }))).toBe('stored');
      await claimBy(subject.other);
      expect(await get('u/a/0', '000')).toBeUndefined();
      expect(await get('u/a/1', '000')).toBeUndefined();
      expect(await get('u/a/2', '000')).toBe('1u/a/2');
    });

    test('what was acknowledged is there after a restart, and so are the parcels [COM1] [COM4]', async () => {
      const first = await claimBy(subject.ledger);
      for (let n = 1; n <= 3; n++) {
        expect(await commit(subject.ledger, batchOf(first, n, { parcels: [said(2, `told ${n}`)] }))).toBe('stored');
      }
      subject = await subject.restart();
      const second = await claimBy(subject.ledger);
      expect(await messages()).toEqual(['message 1', 'message 2', 'message 3']);
      expect(second.unsettled).toEqual(
        [1, 2, 3].map((n) => ({ stamp: first.stamp + n, parcels: [said(2, `told ${n}`)] })),
      );
      expect(second.stamp).toBeGreaterThan(first.stamp + 3);
      expect(await commit(subject.ledger, batchOf(second, 4))).toBe('stored');
    });

    test('a follower sees the digests of committed batches in order, and what they name is readable [COM7]', async () => {
      const claim = await claimBy(subject.ledger);
      for (let n = 1; n <= 5; n++) expect(await commit(subject.ledger, batchOf(claim, n))).toBe('stored');
      const expected = (from: number): readonly Digest[] =>
        Array.from({ length: 6 - from }, (_, i) => ({
          partition: 0,
          stamp: claim.stamp + from + i,
          grown: [['c/p0', from + i, from + i]],
        }));
      expect(await followed(0, 0, 5)).toEqual(expected(1));
      expect(await followed(0, claim.stamp + 2, 3)).toEqual(expected(3));
      expect((await messages()).length).toBe(5);
    });

    test('a follower that waits sees batches to come, over changes of the owner, until it stops [COM7]', async () => {
      const first = await claimBy(subject.ledger);
      const stop = new AbortController();
      const seen: (readonly [number, boolean])[] = [];
      const following = (async () => {
        for await (const item of subject.ledger.follow(0, first.stamp, stop.signal)) {
          if (item.kind === 'reset') throw new Error('there was nothing to reset');
          const [, from] = item.digest.grown.find(([entity]) => entity === 'c/p0') ?? ['', 0];
          seen.push([from, (await subject.store.get('c/p0/0', String(from).padStart(3, '0'))) !== undefined]);
          if (seen.length === 4) stop.abort();
        }
      })();
      for (let n = 1; n <= 2; n++) expect(await commit(subject.ledger, batchOf(first, n))).toBe('stored');
      const second = await claimBy(subject.other);
      for (let n = 3; n <= 4; n++) expect(await commit(subject.other, batchOf(second, n))).toBe('stored');
      await subject.run(following);
      expect(seen).toEqual([
        [1, true],
        [2, true],
        [3, true],
        [4, true],
      ]);
    });

    test('a follower that stops at once sees nothing [COM7]', async () => {
      const claim = await claimBy(subject.ledger);
      expect(await commit(subject.ledger, batchOf(claim, 1))).toBe('stored');
      let seen = 0;
      const reading = (async () => {
        for await (const item of subject.ledger.follow(0, 0, AbortSignal.abort()))
          seen += item.kind === 'digest' ? 1 : 0;
      })();
      await subject.run(reading);
      expect(seen).toBe(0);
    });

    test(
      'a follower behind what is kept is told to reset, then goes on [COM7]',
      async () => {
        const claim = await claimBy(subject.ledger);
        for (let n = 1; n <= 6; n++) expect(await commit(subject.ledger, batchOf(claim, n))).toBe('stored');
        await subject.forgetDigests(0);
        expect(await commit(subject.ledger, batchOf(claim, 7))).toBe('stored');
        const seen = await followed(0, claim.stamp + 1, 2);
        expect(seen[0]).toBe('reset');
        expect(await followed(0, claim.stamp + 6, 1)).toEqual([
          { partition: 0, stamp: claim.stamp + 7, grown: [['c/p0', 7, 7]] },
        ]);
      },
      UNTIL_TEST_MS,
    );
  });
  ledgerTroubleContract(engine, makeSubject);
};
