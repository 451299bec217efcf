/** Workers over the memory engines, and an edge that only takes notes. */
import { DuologError } from '@duolog/protocol';
import type { Envelope } from '../src/core/commands.ts';
import type { Parcel } from '../src/core/decision.ts';
import { partitionOf } from '../src/core/hash.ts';
import { DirectBus } from '../src/engines/bus-memory.ts';
import { ManualClock } from '../src/engines/clock-manual.ts';
import { MemoryLedgerWorld, openMemoryLedger } from '../src/engines/ledger-memory.ts';
import type { Bus, NodeId } from '../src/ports/bus.ts';
import type { Batch, Claim, Ledger, Readiness } from '../src/ports/ledger.ts';
import type { Store } from '../src/ports/store.ts';
import type { Directory } from '../src/pump/directory.ts';
import type { Link, LinkItem, NodeMessage, Outcome, SoftRequest } from '../src/pump/messages.ts';
import { OWNER_LIMITS, newCounters } from '../src/pump/settings.ts';
import type { OwnerLimits, PumpPlant } from '../src/pump/settings.ts';
import { createWorker } from '../src/pump/worker.ts';
import type { Worker } from '../src/pump/worker.ts';
import { Gate } from './gate.ts';

export interface RigOptions {
  readonly partitions?: number;
  readonly window?: number;
  readonly maxBatchBytes?: number;
  readonly limits?: Partial<OwnerLimits>;
  readonly plants?: readonly PumpPlant[];
}

/** Who owns what, as a test says. */
export class StaticDirectory implements Directory {
  readonly #owners = new Map<number, NodeId>();
  readonly #listeners: ((partition: number) => void)[] = [];

  ownerOf(partition: number): NodeId | undefined {
    return this.#owners.get(partition);
  }

  onChange(listener: (partition: number) => void): void {
    this.#listeners.push(listener);
  }

  set(partition: number, owner: NodeId | undefined): void {
    if (owner === undefined) this.#owners.delete(partition);
    else this.#owners.set(partition, owner);
    for (const listener of this.#listeners) listener(partition);
  }
}

/** A worker with what a test may hold, look at and break. */
export interface RigWorker {
  readonly node: NodeId;
  readonly worker: Worker;
  /** Holds commits before they take effect. */
  readonly commits: Gate;
  /** Holds the answers of commits that have taken effect. */
  readonly answers: Gate;
  /** Holds reads of the store. */
  readonly reads: Gate;
  /** Batches in the order they were given to the ledger. */
  readonly batches: Batch<Parcel>[];
  readonly counters: ReturnType<typeof newCounters>;
  readonly lost: number[];
  readonly broken: unknown[];
  readonly released: number[];
  readonly settled: number[];
  readiness: Readiness;
  /** Makes the next commit fail with this. */
  failure: Error | undefined;
  /** How many of the next reads are answered `unavailable`. */
  badReads: number;
  /** Messages to this worker that are thrown away. */
  deaf: (message: NodeMessage) => boolean;
}

export class PumpRig {
  readonly clock = new ManualClock();
  readonly world = new MemoryLedgerWorld<Parcel>();
  readonly directory = new StaticDirectory();
  readonly bus = new DirectBus<NodeMessage>();
  readonly partitions: number;
  /** Everything the edge got, in order. */
  readonly heard: NodeMessage[] = [];
  readonly outcomes = new Map<number, Outcome>();
  readonly #options: RigOptions;
  readonly #edge: Bus<NodeMessage>;
  #ref = 0;

  constructor(options: RigOptions = {}) {
    this.#options = options;
    this.partitions = options.partitions ?? 1;
    this.#edge = this.openEdge('edge');
  }

  /** Another edge; what it hears is noted like that of the first. */
  openEdge(node: NodeId): Bus<NodeMessage> {
    const edge = this.bus.open(node);
    edge.listen((_from, message) => {
      this.heard.push(message);
      if (message.type === 'notTaken') {
        for (const ref of message.refs) this.outcomes.set(ref, { ok: false, failure: message.failure });
      } else if (message.type === 'link') {
        for (const item of message.items) {
          if (item.kind === 'result') this.outcomes.set(item.ref, { ok: true, result: item.result });
          if (item.kind === 'failure') this.outcomes.set(item.ref, { ok: false, failure: item.failure });
        }
      }
    });
    return edge;
  }

  openWorker(node: NodeId = 'worker'): RigWorker {
    const bus = this.bus.open(node);
    const commits = new Gate();
    const reads = new Gate();
    const answers = new Gate();
    const inner = openMemoryLedger<Parcel>(this.world, { clock: this.clock, window: this.#options.window ?? 1 });
    const rig: Omit<RigWorker, 'worker'> = {
      node,
      commits,
      answers,
      reads,
      batches: [],
      counters: newCounters(),
      lost: [],
      broken: [],
      released: [],
      settled: [],
      readiness: 'ready',
      failure: undefined,
      badReads: 0,
      deaf: () => false,
    };
    const worker = createWorker({
      ledger: this.#ledger(rig, inner.ledger),
      store: gatedStore(inner.store, rig),
      bus,
      clock: this.clock,
      directory: this.directory,
      partitions: this.partitions,
      limits: { ...OWNER_LIMITS, ...this.#options.limits },
      counters: rig.counters,
      plants: new Set(this.#options.plants),
      lost: (partition) => void rig.lost.push(partition),
      broken: (_partition, cause) => void rig.broken.push(cause),
    });
    bus.listen((from, message) => {
      if (rig.deaf(message)) return;
      if (message.type === 'submission' || message.type === 'parcels' || message.type === 'accepted') {
        worker.receive(from, message);
      }
    });
    return Object.assign(rig, { worker });
  }

  #ledger(rig: Omit<RigWorker, 'worker'>, inner: Ledger<Parcel>): Ledger<Parcel> {
    return {
      ...inner,
      maxBatchBytes: this.#options.maxBatchBytes ?? inner.maxBatchBytes,
      readiness: () => rig.readiness,
      commit: async (batch) => {
        rig.batches.push(batch);
        await rig.commits.pass();
        if (rig.failure !== undefined) throw rig.failure;
        const outcome = await inner.commit(batch);
        await rig.answers.pass();
        return outcome;
      },
      settle: (partition, claim, stamp) => {
        rig.settled.push(stamp);
        inner.settle(partition, claim, stamp);
      },
      release: async (partition, claim) => {
        rig.released.push(partition);
        await inner.release(partition, claim);
      },
    };
  }

  /** A worker that owns these partitions (all, if none is named). */
  async openOwner(node: NodeId = 'worker', partitions?: readonly number[]): Promise<RigWorker> {
    const worker = this.openWorker(node);
    for (const partition of partitions ?? Array.from({ length: this.partitions }, (_, i) => i)) {
      await this.claim(worker, partition);
    }
    return worker;
  }

  async claim(worker: RigWorker, partition: number): Promise<Claim<Parcel>> {
    const claim = await worker.worker.claim(partition);
    if (claim === undefined) throw new Error('the claim was lost');
    this.directory.set(partition, worker.node);
    return claim;
  }

  partitionOf(entity: string): number {
    return partitionOf(entity, this.partitions);
  }

  /** Sends commands of one partition in one message; the answers appear in {@link outcomes} under these numbers. */
  send(...envelopes: readonly Envelope[]): readonly number[] {
    const [first] = envelopes;
    if (first === undefined) throw new Error('nothing to send');
    const requests = envelopes.map((envelope) => ({ ref: ++this.#ref, envelope }));
    const partition = this.partitionOf(first.entity);
    this.#edge.send(this.directory.ownerOf(partition) ?? '', { type: 'submission', partition, requests });
    return requests.map(({ ref }) => ref);
  }

  /** The answers once all that can go on has gone on; undefined where there is none yet. */
  async ask(...envelopes: readonly Envelope[]): Promise<readonly (Outcome | undefined)[]> {
    const refs = this.send(...envelopes);
    await this.clock.advance(0);
    return refs.map((ref) => this.outcomes.get(ref));
  }

  /** Results of commands that all succeed, as data. */
  async results(...envelopes: readonly Envelope[]): Promise<readonly Record<string, unknown>[]> {
    return (await this.ask(...envelopes)).map((outcome) => {
      if (outcome?.ok !== true) throw new Error(`no result: ${JSON.stringify(outcome)}`);
      return JSON.parse(outcome.result) as Record<string, unknown>;
    });
  }

  async soft(request: SoftRequest, from: Bus<NodeMessage> = this.#edge): Promise<Outcome | undefined> {
    const ref = ++this.#ref;
    const partition = this.partitionOf(request.kind === 'route' ? `u/${request.user}` : `c/${request.conversation}`);
    from.send(this.directory.ownerOf(partition) ?? '', {
      type: 'submission',
      partition,
      requests: [{ ref, soft: request }],
    });
    await this.clock.advance(0);
    return this.outcomes.get(ref);
  }

  get links(): readonly Link[] {
    return this.heard.filter((message) => message.type === 'link');
  }

  /** Items of all link messages so far but answers. */
  get items(): readonly LinkItem[] {
    return this.links.flatMap(({ items }) => items).filter(({ kind }) => kind !== 'result' && kind !== 'failure');
  }

  /** What the world holds. */
  row(partition: string, key: string): string | undefined {
    return this.world.rows.get(partition, key);
  }
}

const gatedStore = (inner: Store, rig: Pick<RigWorker, 'reads' | 'badReads'>): Store => {
  const pass = async (): Promise<void> => {
    await rig.reads.pass();
    if (rig.badReads > 0) {
      rig.badReads -= 1;
      throw new DuologError('unavailable');
    }
  };
  return {
    get: async (partition, key) => {
      await pass();
      return inner.get(partition, key);
    },
    getMany: async (rows) => {
      await pass();
      return inner.getMany(rows);
    },
    range: async (partition, range) => {
      await pass();
      return inner.range(partition, range);
    },
    scan: (after, limit) => inner.scan(after, limit),
  };
};
