import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LAYOUT } from '../../packages/server/src/boot/layout.ts';
import { ManualClock } from '../../packages/server/src/engines/clock-manual.ts';
import { openLevel } from '../../packages/server/src/engines/ledger-level.ts';
import type { Level } from '../../packages/server/src/engines/ledger-level.ts';
import { droppedKey } from '../../packages/server/src/engines/level-keys.ts';
import { LEVEL_LIMITS } from '../../packages/server/src/engines/level-limits.ts';
import type { ParcelData } from '../../packages/server/src/ports/ledger.ts';
import type { Row } from '../../packages/server/src/ports/store.ts';
import { until } from '../../packages/server/testing/until.ts';
import { ledgerContract } from './ledger-contract.ts';
import type { LedgerSubject } from './ledger-subject.ts';
import { storeContract } from './store-contract.ts';

const DAY_MS = 24 * 3600 * 1000;

/** The disk as a test says it is. */
interface Disk {
  full: boolean;
  broken: boolean;
}

interface Opened {
  readonly level: Level<ParcelData>;
  readonly clock: ManualClock;
  readonly directory: string;
  readonly disk: Disk;
}

const RESERVE_BYTES = 1_000_000_000;
const MOST_UNSETTLED = 16;

const openIn = async (directory: string, clock: ManualClock): Promise<Opened> => {
  const disk: Disk = { full: false, broken: false };
  const level = await openLevel<ParcelData>({
    directory,
    partitions: 1,
    clock,
    layout: LAYOUT,
    alarm: (message) => {
      if (!disk.full) throw new Error(message);
    },
    onFatal: (error) => {
      if (!disk.broken) throw error;
    },
    freeBytes: () => (disk.full ? 0 : RESERVE_BYTES),
    limits: { reserveBytes: RESERVE_BYTES, checkedTail: 0, areaChars: 500, maxUnsettled: MOST_UNSETTLED },
  });
  return { level, clock, directory, disk };
};

const ledgerSubject = ({ level, clock, directory, disk }: Opened): LedgerSubject => ({
  ledger: level.ledger,
  other: level.ledger,
  store: level.store,
  run: (promise) => promise,
  pass: (ms) => clock.advance(ms),
  mostUnsettled: MOST_UNSETTLED,
  room: { fill: () => void (disk.full = true), free: () => void (disk.full = false) },
  failing: {
    rejects: 'writes',
    // A closed database takes no write, as a disk that is gone.
    fail: async () => {
      disk.broken = true;
      await level.db.close();
    },
    mend: () => level.db.open(),
  },
  tellsLoss: false,
  restart: async () => {
    await level.close();
    return ledgerSubject(await openIn(directory, clock));
  },
  forgetDigests: async (partition) => {
    await clock.advance(8 * DAY_MS);
    await until('a digest is dropped', async () => {
      await clock.advance(LEVEL_LIMITS.trimEveryMs);
      return (await level.db.get(droppedKey(partition))) !== undefined;
    });
  },
  close: async () => {
    await level.close();
    await rm(directory, { recursive: true });
  },
});

const folder = (): Promise<string> => mkdtemp(join(tmpdir(), 'duolog-level-'));

ledgerContract('ledger-level', async () => ledgerSubject(await openIn(await folder(), new ManualClock())));

storeContract('ledger-level', async () => {
  const directory = await folder();
  const { level } = await openIn(directory, new ManualClock());
  const claim = await level.ledger.claim(0);
  if (claim === undefined) throw new Error('nobody contests this claim');
  let stamp = claim.stamp;
  const commit = async (rows: readonly Row[], drops: readonly string[]): Promise<void> => {
    stamp += 1;
    await level.ledger.commit({ partition: 0, claim: claim.id, stamp, rows, drops, parcels: [], grown: [] });
  };
  return {
    // The row of the installation is in every store; the contract speaks of an empty one.
    store: {
      ...level.store,
      scan: async (after, limit) => {
        const page = await level.store.scan(after, limit);
        return { ...page, rows: page.rows.filter(({ partition }) => partition !== LAYOUT.installation.partition) };
      },
    },
    put: (rows) => commit(rows, []),
    drop: (partition) => commit([], [partition]),
    run: (promise) => promise,
    close: async () => {
      await level.close();
      await rm(directory, { recursive: true });
    },
  };
});
