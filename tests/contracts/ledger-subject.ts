import type { Batch, Claim, CommitOutcome, Ledger, PartitionParcels } from '../../packages/server/src/ports/ledger.ts';
import type { Row, Store } from '../../packages/server/src/ports/store.ts';
import type { Never } from './states.ts';

/** What was given to one stored world. */
export interface LedgerSubject {
  readonly ledger: Ledger;
  /** Another process of the cluster over the same world; for an engine of one process the same as `ledger`. */
  readonly other: Ledger;
  /** Reads what the ledger stored. */
  readonly store: Store;
  /** Awaits a promise, moving the clock if the engine waits for one that stands still. */
  run<T>(promise: Promise<T>): Promise<T>;
  /** Lets so much time pass for the engine. */
  pass(ms: number): Promise<void>;
  /** Ends the processes without release (as a crash would, where the engine can stand that) and starts new ones over the same world. */
  restart(): Promise<LedgerSubject>;
  /** Forgets the digests of all batches so far, as time does (it moves the clock itself). */
  forgetDigests(partition: number): Promise<void>;
  /** So many batches whose parcels were not accepted are too many. */
  readonly mostUnsettled: number | Never;
  readonly room: Room | Never;
  readonly failing: Failing | Never;
  /** The engine tells an owner of a later claim without a commit. */
  readonly tellsLoss: boolean;
  close(): Promise<void>;
}

/** Where the ledger keeps what it is given. */
interface Room {
  fill(): void;
  free(): void;
}

/** What keeps an engine from going on. */
interface Failing {
  /** `writes`: from then on commits and claims reject. `claims`: commits are not answered any more, claims by new processes reject. */
  readonly rejects: 'writes' | 'claims';
  fail(): Promise<void>;
  /** The cause is gone, as of a disk that is well again. */
  mend(): Promise<void>;
}

export const row = (partition: string, key: string, value: string): Row => ({ partition, key, value: `1${value}` });

interface Said {
  readonly kind: 'said';
  readonly text: string;
}
export const said = (destination: number, ...texts: readonly string[]): PartitionParcels<Said> => ({
  destination,
  parcels: texts.map((text) => ({ kind: 'said', text })),
});

/** The n-th batch after a claim. */
export const batchOf = (claim: Claim, n: number, what: Partial<Batch> = {}): Batch => ({
  partition: claim.partition,
  claim: claim.id,
  stamp: claim.stamp + n,
  rows: [row(`c/p${claim.partition}/0`, String(n).padStart(3, '0'), `message ${n}`)],
  drops: [],
  parcels: [],
  grown: [[`c/p${claim.partition}`, n, n]],
  ...what,
});

/** What the suites do with a ledger. */
export interface LedgerSteps {
  readonly claimBy: (ledger: Ledger, partition?: number) => Promise<Claim>;
  readonly commit: (ledger: Ledger, batch: Batch) => Promise<CommitOutcome>;
  readonly get: (partition: string, key: string) => Promise<string | undefined>;
  /** What {@link batchOf} said that is stored. */
  readonly messages: (partition?: number) => Promise<readonly string[]>;
}

export const ledgerSteps = (subject: () => LedgerSubject): LedgerSteps => {
  const claimBy = async (ledger: Ledger, partition = 0): Promise<Claim> => {
    // A rival may win once; a claim that nobody contests succeeds in the end.
    for (let tries = 0; tries < 20; tries++) {
      const claim = await subject().run(ledger.claim(partition));
      if (claim !== undefined) return claim;
    }
    throw new Error('the claim never succeeds');
  };
  const commit = (ledger: Ledger, batch: Batch): Promise<CommitOutcome> => subject().run(ledger.commit(batch));
  const get = (partition: string, key: string): Promise<string | undefined> =>
    subject().run(subject().store.get(partition, key));
  const messages = async (partition = 0): Promise<readonly string[]> =>
    (await subject().run(subject().store.range(`c/p${partition}/0`, { limit: 1_000 }))).map(({ value }) =>
      value.slice(1),
    );
  return { claimBy, commit, get, messages };
};
