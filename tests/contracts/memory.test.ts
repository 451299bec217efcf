/** Every contract over the memory engines, well-behaved and (where the contract still holds) not. */
import { systemClock } from '../../packages/server/src/engines/clock-system.ts';
import { ManualClock } from '../../packages/server/src/engines/clock-manual.ts';
import { CALM, Faults, ROUGH, seededRandom, type Conduct } from '../../packages/server/src/engines/faults.ts';
import { MemoryLedgerWorld, openMemoryLedger } from '../../packages/server/src/engines/ledger-memory.ts';
import { MemoryRows, openMemoryStore } from '../../packages/server/src/engines/store-memory.ts';
import { DirectBus, MemoryNetwork } from '../../packages/server/src/engines/bus-memory.ts';
import { MemoryJournal, openMemoryJournal } from '../../packages/server/src/engines/journal-memory.ts';
import { busContract } from './bus-contract.ts';
import { clockContract } from './clock-contract.ts';
import { journalContract } from './journal-contract.ts';
import type { JournalSubject } from './journal-subject.ts';
import { ledgerContract } from './ledger-contract.ts';
import type { LedgerSubject } from './ledger-subject.ts';
import { storeContract, storeWriterContract, type StoreSubject } from './store-contract.ts';

const memoryStore = async (): Promise<StoreSubject> => {
  const store = openMemoryStore(new MemoryRows());
  let stamp = 0;
  return {
    store,
    put: async (rows) => {
      stamp += 1;
      for (const { partition, key, value } of rows) await store.write(partition, [{ key, value }], stamp);
    },
    drop: async (partition) => void (await store.drop(partition, ++stamp)),
    run: (promise) => promise,
    close: async () => undefined,
  };
};
storeContract('store-memory', memoryStore);

type Broken = 'failedDone' | 'failedLost';

/** The troubles of a ledger whose disk misbehaves as told. */
const troubles = (faults: Faults, broken: Broken): Pick<LedgerSubject, 'room' | 'failing'> => {
  const { rates } = faults;
  return {
    room: { fill: () => void (faults.storageFull = true), free: () => void (faults.storageFull = false) },
    failing: {
      rejects: 'writes',
      fail: async () => void (faults.rates = { ...rates, [broken]: 1 }),
      mend: async () => void (faults.rates = rates),
    },
  };
};

/** With a conduct it can be full and fail: the write that fails takes effect or does not. */
const memoryLedger = (clock: ManualClock, conduct?: Conduct, broken: Broken = 'failedLost'): LedgerSubject => {
  const world = new MemoryLedgerWorld();
  const open = (): LedgerSubject => {
    const { ledger, store } = openMemoryLedger(world, {
      clock,
      window: 3,
      ...(conduct === undefined ? {} : { conduct }),
    });
    return {
      ledger,
      other: ledger,
      store,
      run: (promise) => clock.run(promise),
      pass: (ms) => clock.advance(ms),
      restart: async () => open(),
      forgetDigests: async (partition) => world.forgetDigests(partition),
      mostUnsettled: { never: 'parcels are of no weight to it' },
      room: { never: 'memory is all there is' },
      failing: { never: 'it writes to nothing that could fail' },
      ...(conduct === undefined ? {} : troubles(conduct.faults, broken)),
      tellsLoss: false,
      close: async () => undefined,
    };
  };
  return open();
};
ledgerContract('ledger-memory', async () => memoryLedger(new ManualClock()));
for (const broken of ['failedDone', 'failedLost'] as const) {
  ledgerContract(`ledger-memory with slow answers (${broken})`, async () => {
    const clock = new ManualClock();
    const faults = new Faults(seededRandom(3), { ...CALM, delayMs: [0, 20] });
    return memoryLedger(clock, { clock, world: clock, faults }, broken);
  });
}

let seed = 0;
/** A world whose engines answer late and, if rough, as badly as real ones. */
const roughConduct = (): { readonly clock: ManualClock; readonly conduct: Conduct } => {
  const clock = new ManualClock();
  // Reads that are refused as unavailable are the ledger's business; the suites of Store read once.
  const rates = { ...ROUGH, unavailable: 0 };
  return {
    clock,
    conduct: { clock: clock.view(40, 0.001), world: clock, faults: new Faults(seededRandom(++seed), rates) },
  };
};

storeContract('store-memory with slow answers', async () => {
  const clock = new ManualClock();
  const faults = new Faults(seededRandom(++seed), { ...CALM, delayMs: [0, 30] });
  const rows = new MemoryRows();
  const store = openMemoryStore(rows, { clock, world: clock, faults });
  let stamp = 0;
  return {
    store,
    put: async (changes) => {
      stamp += 1;
      for (const { partition, key, value } of changes) await store.write(partition, [{ key, value }], stamp);
    },
    drop: async (partition) => void (await store.drop(partition, ++stamp)),
    run: (promise) => clock.run(promise),
    close: async () => undefined,
  };
});

storeWriterContract('store-memory', async () => {
  const store = openMemoryStore(new MemoryRows());
  return { store, writer: store, run: (promise) => promise, close: async () => undefined };
});

for (let round = 0; round < 5; round++) {
  storeWriterContract(`store-memory with unknown outcomes (${round})`, async () => {
    const { clock, conduct } = roughConduct();
    const store = openMemoryStore(new MemoryRows(), conduct);
    return { store, writer: store, run: (promise) => clock.run(promise), close: () => clock.advance(10_000) };
  });
}

const passed = (ms: number): Promise<void> => new Promise((resolve) => void setTimeout(resolve, ms));
clockContract('clock-system', () => ({ clock: systemClock, pass: passed }));
clockContract('clock-manual', () => {
  const clock = new ManualClock();
  return { clock, pass: (ms) => clock.advance(ms) };
});
clockContract('clock-manual of a node whose clock is apart and too fast', () => {
  const clock = new ManualClock();
  return { clock: clock.view(-4_000, 0.2), pass: (ms) => clock.advance(ms / 1.2) };
});

busContract('bus-memory (direct)', async () => {
  const bus = new DirectBus<unknown>();
  return {
    open: (node) => bus.open(node),
    arrived: async () => undefined,
    direct: true,
    tooMany: { never: 'a message is taken from within send, so none ever waits' },
    close: async () => undefined,
  };
});
for (const [name, delayMs] of [
  ['without delay', [0, 0]],
  ['with delays', [0, 50]],
] as const) {
  busContract(`bus-memory (network ${name})`, async () => {
    const clock = new ManualClock();
    const network = new MemoryNetwork<unknown>({
      world: clock,
      faults: new Faults(seededRandom(5), { ...CALM, delayMs }),
      maxUnderWay: 1_000,
    });
    return {
      open: (node) => network.open(node, clock.view()),
      arrived: () => clock.advance(1_000),
      direct: false,
      tooMany: 1_001,
      close: async () => undefined,
    };
  });
}

const journalSubject = (conducts: readonly [Conduct?, Conduct?], clock: ManualClock): JournalSubject => {
  const journal = new MemoryJournal();
  return {
    journal: openMemoryJournal(journal, conducts[0]),
    other: openMemoryJournal(journal, conducts[1]),
    fill: async () => void (journal.maxBytes = journal.stream.bytes),
    removeStream: async () => journal.removeStream(),
    makeAnew: async () => {
      journal.makeAnew('journal-2');
      return openMemoryJournal(journal, conducts[0]);
    },
    arrived: () => clock.advance(10_000),
    run: (promise) => clock.run(promise),
    close: () => clock.advance(10_000),
  };
};
journalContract('journal-memory', async () => journalSubject([], new ManualClock()));
for (let round = 0; round < 5; round++) {
  journalContract(`journal-memory behaving badly (${round})`, async () => {
    const clock = new ManualClock();
    const faults = new Faults(seededRandom(++seed), ROUGH);
    const conduct = (): Conduct => ({ clock: clock.view(), world: clock, faults });
    return journalSubject([conduct(), conduct()], clock);
  });
}
