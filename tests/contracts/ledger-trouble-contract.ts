/** The contract of `Ledger` where it has too much, has no room, fails, or has another owner: part of ledger-contract.ts. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { Claim } from '../../packages/server/src/ports/ledger.ts';
import { batchOf, ledgerSteps, said } from './ledger-subject.ts';
import type { LedgerSubject } from './ledger-subject.ts';
import { isNever } from './states.ts';

const failureOf = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

export const ledgerTroubleContract = (engine: string, makeSubject: () => Promise<LedgerSubject>): void => {
  describe(`${engine} keeps the contract of Ledger in trouble`, () => {
    let subject: LedgerSubject;
    beforeEach(async () => {
      subject = await makeSubject();
    });
    afterEach(() => subject.close());
    const { claimBy, commit, get, messages } = ledgerSteps(() => subject);

    const commitTo = async (claim: Claim, to: number): Promise<void> => {
      for (let n = 1; n <= to; n++) expect(await commit(subject.ledger, batchOf(claim, n))).toBe('stored');
    };
    const toldUpTo = (to: number): readonly string[] => Array.from({ length: to }, (_, i) => `message ${i + 1}`);

    test('commands are welcome at the start', async () => {
      const claim = await claimBy(subject.ledger);
      expect(subject.ledger.readiness(claim.partition)).toBe('ready');
    });

    test('with too much unsettled commands are not welcome, parcels are, and settled they are again [COM4]', async () => {
      const claim = await claimBy(subject.ledger);
      const most = isNever(subject.mostUnsettled) ? 200 : subject.mostUnsettled;
      const commitParcels = async (n: number): Promise<void> => {
        const batch = batchOf(claim, n, { parcels: [said(1, `told ${n}`)] });
        expect(await commit(subject.ledger, batch)).toBe('stored');
      };
      for (let n = 1; n <= most; n++) {
        expect(subject.ledger.readiness(0)).toBe('ready');
        await commitParcels(n);
      }
      expect(subject.ledger.readiness(0)).toBe(isNever(subject.mostUnsettled) ? 'ready' : 'overloaded');
      expect(subject.ledger.readiness(1)).toBe('ready');
      await commitParcels(most + 1);
      subject.ledger.settle(0, claim.id, claim.stamp + most + 1);
      await subject.pass(1_000);
      expect(subject.ledger.readiness(0)).toBe('ready');
      await subject.run(subject.ledger.release(0, claim.id));
      expect((await claimBy(subject.other)).unsettled).toEqual([]);
    });

    test('without room commands are not welcome, what is given is stored at last, and reading goes on [LIM9]', async () => {
      const claim = await claimBy(subject.ledger);
      await commitTo(claim, 1);
      const { room } = subject;
      if (!isNever(room)) room.fill();
      const given = [subject.ledger.commit(batchOf(claim, 2))];
      await subject.pass(2_000);
      expect(subject.ledger.readiness(0)).toBe(isNever(room) ? 'ready' : 'storageFull');
      given.push(subject.ledger.commit(batchOf(claim, 3)));
      expect(await get('c/p0/0', '001')).toBe('1message 1');
      if (!isNever(room)) room.free();
      expect(await subject.run(Promise.all(given))).toEqual(['stored', 'stored']);
      await subject.pass(2_000);
      expect(subject.ledger.readiness(0)).toBe('ready');
      expect(await commit(subject.ledger, batchOf(claim, 4))).toBe('stored');
      expect(await messages()).toEqual(toldUpTo(4));
    });

    test('an engine that cannot go on answers no commit, and all it was given is refused with internal [COM9]', async () => {
      const { failing } = subject;
      const claim = await claimBy(subject.ledger);
      await commitTo(claim, 3);
      if (isNever(failing)) return expect(await commit(subject.ledger, batchOf(claim, 4))).toBe('stored');
      await failing.fail();
      let answers = 0;
      const given = [4, 5].map((n) =>
        failureOf(subject.ledger.commit(batchOf(claim, n)).finally(() => (answers += 1))),
      );
      if (failing.rejects === 'claims') {
        await subject.pass(20_000);
        expect(answers).toBe(0);
        subject = await subject.restart();
        return expect(await subject.run(failureOf(subject.ledger.claim(0)))).toMatchObject({ code: 'internal' });
      }
      for (const failure of await subject.run(Promise.all(given))) expect(failure).toMatchObject({ code: 'internal' });
      await failing.mend();
      for (const asked of [() => subject.ledger.commit(batchOf(claim, 6)), () => subject.ledger.claim(0)])
        expect(await subject.run(failureOf(asked()))).toMatchObject({ code: 'internal' });
      expect((await messages()).length).toBeLessThan(6);
    });

    test('opened anew after a failed write it has what was acknowledged, and of the rest nothing without what was before [COM1] [COM9]', async () => {
      const { failing } = subject;
      const claim = await claimBy(subject.ledger);
      await commitTo(claim, 3);
      // One whose commits never fail is opened anew as well.
      const fails = !isNever(failing) && failing.rejects === 'writes';
      if (fails) await failing.fail();
      const given = [4, 5].map((n) => failureOf(subject.ledger.commit(batchOf(claim, n))));
      await subject.run(Promise.all(given));
      if (fails) await failing.mend();
      subject = await subject.restart();
      const next = await claimBy(subject.ledger);
      const stored = await messages();
      expect(stored).toEqual(toldUpTo(stored.length));
      expect(stored.length).toBeGreaterThanOrEqual(3);
      expect(next.stamp).toBeGreaterThanOrEqual(claim.stamp + stored.length);
      expect(await commit(subject.ledger, batchOf(next, stored.length + 1))).toBe('stored');
      expect(await messages()).toEqual(toldUpTo(stored.length + 1));
    });

    test('an owner is told of a later claim, and of nothing else, where the engine says so [COM2]', async () => {
      const first = await claimBy(subject.ledger);
      expect(first.lost !== undefined).toBe(subject.tellsLoss);
      const told: string[] = [];
      void first.lost?.then(() => told.push('first'));
      await commitTo(first, 1);
      await subject.pass(10_000);
      expect(told).toEqual([]);
      const second = await claimBy(subject.other);
      void second.lost?.then(() => told.push('second'));
      await subject.pass(10_000);
      expect(told).toEqual(subject.tellsLoss ? ['first'] : []);
      expect(await commit(subject.ledger, batchOf(first, 2_000_000))).toBe('fenced');
      expect(await commit(subject.other, batchOf(second, 2))).toBe('stored');
    });
  });
};
