/** Every contract over the memory engines, well-behaved and (where the contract still holds) not. */
import { systemClock } from '../../packages/server/src/engines/clock-system.ts';
import { ManualClock } from '../../packages/server/src/engines/clock-manual.ts';
import { CALM, Faults, ROUGH, seededRandom, type Conduct } from '../../packages/server/src/engines/faults.ts';
import { MemoryLedgerWorld, openMemoryLedger } from '../../packages/server/src/engines/ledger-memory.ts';
import { MemoryRows, openMemoryStore } from '../../packages/server/src/engines/store-memory.ts';
import { ledgerContract, type LedgerSubject } from './ledger-contract.ts';
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

const memoryLedger = async (): Promise<LedgerSubject> => {
  const world = new MemoryLedgerWorld();
  const open = (): LedgerSubject => {
    const { ledger, store } = openMemoryLedger(world, { clock: systemClock });
    return {
      ledger,
      other: ledger,
      store,
      run: (promise) => promise,
      restart: async () => open(),
      forgetDigests: async (partition) => world.forgetDigests(partition),
      close: async () => undefined,
    };
  };
  return open();
};
ledgerContract('ledger-memory', memoryLedger);

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
