/** Workers of a small cluster over the journal-then-store ledger: they claim, decide about commands, and tell each other. */
import { DuologError } from '@duolog/protocol';
import type { Claim, CommitOutcome, PartitionParcels } from '../src/ports/ledger.ts';
import type { Row } from '../src/ports/store.ts';
import type { Judge } from './journal-judge.ts';
import type { JournalWorld, Process } from './journal-world.ts';
import { row } from './journal-world.ts';

export interface Command {
  readonly name: string;
  readonly partition: number;
  answered: number | undefined;
}

/** A parcel of the other partition, on its way. */
interface Told {
  readonly stamp: number;
  readonly commands: string;
  readonly accept: (stamp: number) => void;
}

/** A partition as its owner has it in memory. */
interface Held {
  readonly claim: Claim;
  stamp: number;
  head: number;
  readonly done: Map<string, number>;
  /** Stamps of parcels: decided, and known to be stored. */
  decidedTo: number;
  acceptedTo: number;
  underWay: number;
  last: Promise<unknown>;
  readonly commands: Set<Command>;
  readonly told: Map<number, Told>;
  readonly outgoing: { readonly stamp: number; readonly commands: string }[];
}

export interface Cluster {
  readonly world: JournalWorld;
  readonly judge: Judge;
  readonly workers: Worker[];
  readonly window: number;
  /** How often a worker claims what another one has. */
  suspicion: number;
}

const toldIn = (parcels: readonly PartitionParcels[]): string =>
  parcels.flatMap(({ parcels: items }) => items.map((item) => ('text' in item ? String(item.text) : ''))).join(',');

export class Worker {
  readonly process: Process;
  readonly held = new Map<number, Held>();
  readonly #cluster: Cluster;
  readonly #claiming = new Set<number>();

  constructor(cluster: Cluster, process: Process) {
    this.#cluster = cluster;
    this.process = process;
    this.#tick();
  }

  get awake(): boolean {
    return this.process.clock.state === 'running';
  }

  /** A command arrives; it counts only once it is answered. */
  take(command: Command): void {
    this.process.clock.soon(() => {
      this.held.get(command.partition)?.commands.add(command);
      this.#turn(command.partition);
    });
  }

  hear(partition: number, told: Told): void {
    this.process.clock.soon(() => {
      const held = this.held.get(partition);
      if (held === undefined) return;
      if (told.stamp <= held.acceptedTo) return told.accept(told.stamp);
      if (told.stamp > held.decidedTo) held.told.set(told.stamp, told);
      this.#turn(partition);
    });
  }

  #tick(): void {
    const { world, judge, workers, suspicion } = this.#cluster;
    for (const partition of judge.folds.keys()) {
      const owned = workers.some((worker) => worker.awake && worker.held.has(partition));
      if (this.held.has(partition) || this.#claiming.has(partition) || (owned && world.random() >= suspicion)) continue;
      this.#claiming.add(partition);
      void this.#claim(partition);
    }
    for (const [partition, held] of this.held) this.#send(partition, held);
    this.process.clock.after(100 + world.random() * 300, () => this.#tick());
  }

  async #claim(partition: number): Promise<void> {
    try {
      const claim = await this.process.ledger.claim(partition);
      if (claim === undefined) return;
      const held = await this.#load(claim);
      this.held.set(partition, held);
      void claim.lost?.then(() => this.#drop(partition, held));
    } catch (error) {
      this.#fail(`claim of ${partition}`, error);
    } finally {
      this.#claiming.delete(partition);
    }
  }

  /** The state of a partition from its rows alone. */
  async #load(claim: Claim): Promise<Held> {
    const { store } = this.process;
    const { partition, stamp, unsettled } = claim;
    const patiently = async <T>(read: () => Promise<T>): Promise<T> => {
      for (;;) {
        try {
          return await read();
        } catch (error) {
          if (!(error instanceof DuologError && error.code === 'unavailable')) throw error;
        }
      }
    };
    const newest = await patiently(() => store.range(`c/p${partition}/0`, { reverse: true, limit: 1 }));
    const done = await patiently(() =>
      store.range(`c/p${partition}`, { after: 'done/', before: 'done/~', limit: 1_000 }),
    );
    const accepted = await patiently(() => store.get(`p/${partition}`, 'accepted'));
    const acceptedTo = Number(accepted?.slice(1) ?? 0);
    return {
      claim,
      stamp,
      head: Number(newest[0]?.key ?? 0),
      done: new Map(done.map(({ key, value }) => [key.slice(5), Number(value.slice(1))])),
      decidedTo: acceptedTo,
      acceptedTo,
      underWay: 0,
      last: Promise.resolve(),
      commands: new Set(),
      told: new Map(),
      outgoing: unsettled.map((batch) => ({ stamp: batch.stamp, commands: toldIn(batch.parcels) })),
    };
  }

  #turn(partition: number): void {
    const held = this.held.get(partition);
    if (held === undefined || held.underWay >= this.#cluster.window || held.commands.size + held.told.size === 0)
      return;
    const commands = [...held.commands].slice(0, 2);
    const told = [...held.told.values()].toSorted((a, b) => a.stamp - b.stamp).slice(0, 2);
    const rows: Row[] = [];
    const fresh = commands.filter(({ name }) => !held.done.has(name)).map(({ name }) => name);
    for (const name of fresh) {
      held.head += 1;
      const key = String(held.head).padStart(4, '0');
      held.done.set(name, held.head);
      rows.push(
        row(`u/p${partition}/0`, key, name),
        row(`c/p${partition}/0`, key, name),
        row(`c/p${partition}`, `done/${name}`, String(held.head)),
      );
    }
    for (const { stamp, commands: heard } of told) {
      held.told.delete(stamp);
      if (stamp <= held.decidedTo) continue;
      held.decidedTo = stamp;
      rows.push(row(`c/p${partition}`, `heard/${stamp}`, heard), row(`p/${partition}`, 'accepted', String(stamp)));
    }
    for (const command of commands) held.commands.delete(command);
    held.underWay += 1;
    const turn = this.#commit(partition, held, rows, fresh.join(','));
    held.last = turn;
    const finish = async (): Promise<void> => {
      const stored = await turn;
      held.underWay -= 1;
      if (!stored) return;
      for (const command of commands) this.#answer(command, held);
      for (const { accept } of told) accept(held.acceptedTo);
      this.#turn(partition);
    };
    void finish();
  }

  /** Whether everything decided up to this turn is stored. */
  async #commit(partition: number, held: Held, rows: readonly Row[], fresh: string): Promise<unknown> {
    const before = held.last;
    if (rows.length === 0) return (await before) ?? true;
    held.stamp = Math.max(held.stamp + 1, Math.floor(this.process.clock.now() * 1_000));
    const { stamp, decidedTo } = held;
    const parcels = fresh === '' ? [] : [{ destination: 1 - partition, parcels: [{ kind: 'told', text: fresh }] }];
    const outcome = await this.process.ledger
      .commit({ partition, claim: held.claim.id, stamp, rows, drops: [], parcels, grown: [] })
      .catch((error: unknown): CommitOutcome | 'failed' => {
        this.#fail(`commit to ${partition}`, error);
        return 'failed';
      });
    if (outcome === 'stored') {
      held.acceptedTo = Math.max(held.acceptedTo, decidedTo);
      if (fresh !== '') held.outgoing.push({ stamp, commands: fresh });
      return true;
    }
    if (outcome === 'fenced') this.#drop(partition, held);
    else this.held.delete(partition);
    return false;
  }

  #drop(partition: number, held: Held): void {
    const { judge } = this.#cluster;
    if (this.held.get(partition) === held) this.held.delete(partition);
    const overtaken = judge.fold(partition).claims.some((claim) => claim.stamp > held.claim.stamp);
    judge.expect(overtaken, `COM2: the owner of ${partition} gave up though nobody else claimed`);
  }

  #answer(command: Command, held: Held): void {
    const { judge } = this.#cluster;
    const number = held.done.get(command.name);
    const stored = judge.fold(command.partition).done.get(command.name);
    judge.expect(
      number !== undefined && number === stored,
      `COM1: ${command.name} was answered with ${number} and is ${stored}`,
    );
    command.answered ??= number;
  }

  /** Tells the other partition the oldest of what it has not accepted (COM5). */
  #send(partition: number, held: Held): void {
    const [first] = held.outgoing;
    if (first === undefined) return;
    const { world, workers } = this.#cluster;
    const accept = (stamp: number): void => {
      world.clock.after(world.random() * 20, () =>
        this.process.clock.soon(() => this.#accepted(partition, held, stamp)),
      );
    };
    for (const worker of workers) {
      if (world.random() < 0.8)
        world.clock.after(world.random() * 50, () => worker.hear(1 - partition, { ...first, accept }));
    }
  }

  #accepted(partition: number, held: Held, stamp: number): void {
    const before = held.outgoing.length;
    while (held.outgoing[0] !== undefined && held.outgoing[0].stamp <= stamp) {
      this.process.ledger.settle(partition, held.claim.id, held.outgoing[0].stamp);
      held.outgoing.shift();
    }
    if (held.outgoing.length < before) this.#send(partition, held);
  }

  #fail(what: string, error: unknown): void {
    const expected = error instanceof DuologError && error.code === 'unavailable';
    if (!expected) this.#cluster.judge.violations.push(`COM4: ${what} failed: ${String(error)}`);
  }
}
