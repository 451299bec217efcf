/** The partitions one node owns: claims them, brings messages to their owners, gives them up. */
import type { Parcel } from '../core/decision.ts';
import { ACCEPTED_ROWS, decodeJson, partitionKey } from '../core/rows.ts';
import { patient } from '../data/patient-store.ts';
import type { Bus, NodeId } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import type { Claim, Ledger } from '../ports/ledger.ts';
import type { Store } from '../ports/store.ts';
import type { Directory } from './directory.ts';
import type { Accepted, NodeMessage, Parcels, Submission } from './messages.ts';
import { createOwner } from './owner.ts';
import type { Owner } from './owner.ts';
import type { OwnerLimits, PumpCounters, PumpPlant } from './settings.ts';

export interface Worker {
  /** Takes a partition over. Undefined: another worker was faster. Rejects when the ledger cannot. */
  claim(partition: number): Promise<Claim<Parcel> | undefined>;
  /** Gives a partition up in peace. */
  release(partition: number): Promise<void>;
  receive(from: NodeId, message: Submission | Parcels | Accepted): void;
  forgetEdge(edge: NodeId): void;
  owns(partition: number): boolean;
  readonly owned: readonly number[];
  /** Requests queued over all partitions. */
  readonly queued: number;
  /** Stops at once. */
  stop(): void;
}

export interface WorkerOptions {
  readonly ledger: Ledger<Parcel>;
  readonly store: Store;
  readonly bus: Bus<NodeMessage>;
  readonly clock: Clock;
  readonly directory: Directory;
  readonly partitions: number;
  readonly limits: OwnerLimits;
  readonly counters: PumpCounters;
  readonly plants: ReadonlySet<PumpPlant>;
  /** Another worker has the partition now. */
  readonly lost: (partition: number) => void;
  /** Ledger or store broke under this partition. */
  readonly broken: (partition: number, cause: unknown) => void;
}

/** Reads which stamps of which sources this partition has accepted (COM5). One row per source partition. */
const readAccepted = async (
  store: Store,
  partition: number,
  partitions: number,
): Promise<ReadonlyMap<number, number>> => {
  const rows = await store.range(partitionKey(partition), {
    after: ACCEPTED_ROWS,
    before: `${ACCEPTED_ROWS}~`,
    limit: partitions,
  });
  return new Map(
    rows.map(({ key, value }) => [
      Number(key.slice(ACCEPTED_ROWS.length)),
      decodeJson<{ readonly stamp: number }>(value).stamp,
    ]),
  );
};

export const createWorker = (options: WorkerOptions): Worker => {
  const { ledger, store, bus } = options;
  const owners = new Map<number, Owner>();
  let stopped = false;

  const remove = (owner: Owner): void => {
    const { partition } = owner.claim;
    if (owners.get(partition) === owner) owners.delete(partition);
  };

  const claim = async (partition: number): Promise<Claim<Parcel> | undefined> => {
    const taken = await ledger.claim(partition);
    if (taken === undefined) return undefined;
    const accepted = await readAccepted(
      patient(store, options.clock, () => stopped),
      partition,
      options.partitions,
    );
    if (stopped) return undefined;
    owners.get(partition)?.stop();
    const owner: Owner = createOwner({
      ...options,
      claim: taken,
      accepted,
      fenced: () => {
        remove(owner);
        options.lost(partition);
      },
      broken: (cause) => {
        remove(owner);
        options.broken(partition, cause);
      },
    });
    owners.set(partition, owner);
    void taken.lost?.then(() => {
      if (owners.get(partition) !== owner) return;
      owner.stop();
      remove(owner);
      options.lost(partition);
    });
    return taken;
  };

  return {
    claim,
    release: async (partition) => {
      const owner = owners.get(partition);
      if (owner === undefined) return;
      try {
        await owner.release();
      } finally {
        remove(owner);
      }
    },
    receive: (from, message) => {
      if (message.type === 'accepted') return owners.get(message.source)?.accepted(message.destination, message.stamp);
      if (message.type === 'parcels') return owners.get(message.destination)?.takeParcels(from, message);
      const owner = owners.get(message.partition);
      if (owner !== undefined) return owner.take(from, message);
      bus.send(from, {
        type: 'notTaken',
        partition: message.partition,
        refs: message.requests.map(({ ref }) => ref),
        failure: { code: 'unavailable', detail: 'Another node owns this partition.', facts: { retryAfterMs: 200 } },
      });
    },
    forgetEdge: (edge) => {
      for (const owner of owners.values()) owner.forgetEdge(edge);
    },
    owns: (partition) => owners.has(partition),
    get owned() {
      return [...owners.keys()];
    },
    get queued() {
      let queued = 0;
      for (const owner of owners.values()) queued += owner.queued;
      return queued;
    },
    stop: () => {
      stopped = true;
      for (const owner of owners.values()) owner.stop();
      owners.clear();
    },
  };
};
