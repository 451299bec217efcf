/** The contract of Ledger over the journal-then-store ledger, with engines that behave well and ones that do not. */
import { createJournalLedger } from '../../packages/server/src/data/journal-ledger/journal-ledger.ts';
import { ManualClock, type ClockView } from '../../packages/server/src/engines/clock-manual.ts';
import { CALM, Faults, ROUGH, seededRandom, type FaultRates } from '../../packages/server/src/engines/faults.ts';
import { MemoryJournal, openMemoryJournal } from '../../packages/server/src/engines/journal-memory.ts';
import { MemoryRows, openMemoryStore } from '../../packages/server/src/engines/store-memory.ts';
import type { Ledger } from '../../packages/server/src/ports/ledger.ts';
import { ledgerContract } from './ledger-contract.ts';
import type { LedgerSubject } from './ledger-subject.ts';

/** A world of two processes whose clocks are apart. */
const journalWorld = (seed: number, rates: FaultRates): LedgerSubject => {
  const clock = new ManualClock();
  const faults = new Faults(seededRandom(seed), rates);
  const [rows, journal] = [new MemoryRows(), new MemoryJournal()];
  const stop: AbortController[] = [];
  let followedTo = 0;
  const process = (offsetMs: number): { readonly ledger: Ledger; readonly view: ClockView } => {
    const view = clock.view(offsetMs);
    const conduct = { clock: view, world: clock, faults };
    const store = openMemoryStore(rows, conduct);
    const stopping = new AbortController();
    stop.push(stopping);
    const ledger = createJournalLedger({
      journal: openMemoryJournal(journal, conduct),
      store,
      writer: store,
      clock: view,
      signal: stopping.signal,
      followedTo: () => followedTo,
    });
    return { ledger, view };
  };
  const open = (): LedgerSubject => {
    const [one, two] = [process(5_000), process(-3_000)];
    return {
      ledger: one.ledger,
      other: two.ledger,
      // What tests read must be there, however slow; only the ledger has to bear refused reads.
      store: openMemoryStore(rows),
      run: (promise) => clock.run(promise),
      pass: (ms) => clock.advance(ms),
      mostUnsettled: 64,
      room: {
        fill: () => void (journal.maxBytes = journal.stream.bytes),
        free: () => void (journal.maxBytes = Number.POSITIVE_INFINITY),
      },
      failing: {
        rejects: 'claims',
        fail: async () => journal.makeAnew('journal-2'),
        mend: async () => undefined,
      },
      tellsLoss: true,
      restart: async () => {
        one.view.stop();
        two.view.stop();
        return open();
      },
      forgetDigests: async () => {
        followedTo = Number.POSITIVE_INFINITY;
        // A trim that gets lost is made up for by the next one; here there is none.
        faults.rates = CALM;
        await clock.advance(70_000);
        faults.rates = rates;
      },
      close: async () => stop.forEach((stopping) => stopping.abort()),
    };
  };
  return open();
};

ledgerContract('journal-then-store', async () => journalWorld(1, CALM));
ledgerContract('journal-then-store over slow engines', async () => journalWorld(2, { ...CALM, delayMs: [1, 40] }));
let seed = 100;
for (let round = 0; round < 4; round++) {
  ledgerContract(`journal-then-store over rough engines (${round})`, async () => journalWorld(++seed, ROUGH));
}
