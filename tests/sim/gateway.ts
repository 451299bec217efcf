/** A gateway of the simulated world: a real edge, and connections that can break. */
import type { Entry } from '@duolog/protocol';
import type { Envelope } from '../../packages/server/src/core/commands.ts';
import { partitionOf } from '../../packages/server/src/core/hash.ts';
import { userKey } from '../../packages/server/src/core/rows.ts';
import type { HistoryPage } from '../../packages/server/src/data/history.ts';
import { patient } from '../../packages/server/src/data/patient-store.ts';
import { createQueries } from '../../packages/server/src/data/queries.ts';
import type { Queries } from '../../packages/server/src/data/queries.ts';
import type { Node } from '../../packages/server/src/pump/node.ts';
import type { LinkItem, Outcome } from '../../packages/server/src/pump/messages.ts';
import type { Clock } from '../../packages/server/src/ports/clock.ts';
import type { Store } from '../../packages/server/src/ports/store.ts';
import type { Device } from './device.ts';
import type { Planted } from './plants.ts';

/** What a pull brings. */
export interface Run {
  readonly entries: readonly Entry[];
  readonly head: number;
}

const PAGE = 100;

export class Connection {
  readonly #gateway: Gateway;
  readonly device: Device;
  closed = false;

  constructor(gateway: Gateway, device: Device) {
    this.#gateway = gateway;
    this.device = device;
  }

  /** What travels to the client arrives a little later, in order, unless the connection breaks before. */
  #deliver(action: () => void): void {
    const { world } = this.#gateway;
    world.clock.after(world.connectionDelayMs, () => {
      if (!this.closed) action();
    });
  }

  hello(reply: (outcome: { readonly ok: true; readonly head: number } | { readonly ok: false }) => void): void {
    this.#gateway.route(this.device, (outcome) => this.#deliver(() => reply(outcome)));
  }

  submit(envelope: Envelope, reply: (outcome: Outcome) => void): void {
    this.#gateway.clock.soon(() =>
      this.#gateway.node.edge.submit(envelope, (outcome) => this.#deliver(() => reply(outcome))),
    );
  }

  live(useq: number, fields: string): void {
    this.#deliver(() => this.device.live(useq, fields));
  }

  head(head: number): void {
    this.#deliver(() => this.device.head(head));
  }

  /** Undefined: the connection broke before the answer. */
  async sync(cursor: number): Promise<Run | undefined> {
    const run = await this.#gateway.readRun(this.device.user, cursor);
    return this.closed ? undefined : run;
  }

  /** The result of `message.list`. Undefined: the connection broke before the answer. */
  async history(conversation: string, page: HistoryPage): Promise<string | undefined> {
    const result = await this.#gateway.readHistory(this.device.user, conversation, page);
    return this.closed ? undefined : result;
  }

  close(): void {
    this.closed = true;
    this.#gateway.closed(this);
  }
}

/** What a gateway needs of the world around it. */
export interface Surroundings {
  readonly clock: Clock;
  readonly connectionDelayMs: number;
  readonly partitions: number;
  readonly epoch: string;
  readonly planted: Planted;
  violated(rule: string, detail: string): void;
}

export class Gateway {
  readonly name: string;
  readonly node: Node;
  readonly clock: Clock;
  readonly world: Surroundings;
  readonly #queries: Queries;
  readonly #history: Queries;
  readonly #connections = new Map<string, Set<Connection>>();
  #dead = false;

  /** `history`: the store for reads of history, which have chances of their own. */
  constructor(name: string, node: Node, clock: Clock, store: Store, history: Store, world: Surroundings) {
    this.name = name;
    this.node = node;
    this.clock = clock;
    this.world = world;
    this.#queries = this.#queriesOf(store);
    this.#history = this.#queriesOf(history);
    node.edge.attach({
      item: (item) => this.#item(item),
      turnEnd: () => undefined,
      resync: (partition) => this.#resync(partition),
    });
  }

  #queriesOf(store: Store): Queries {
    const { clock, world } = this;
    return createQueries({
      store: patient(store, clock, () => this.#dead),
      epoch: world.epoch,
      alarm: (message) => world.violated('SYN1', message),
      plants: world.planted.queries,
    });
  }

  open(device: Device): Connection {
    const connection = new Connection(this, device);
    const connections = this.#connections.get(device.user) ?? new Set();
    connections.add(connection);
    this.#connections.set(device.user, connections);
    return connection;
  }

  /** Announces the device to the owner of its user. The head is the store's if the owner, who may be an old one, knows less. */
  route(
    device: Device,
    reply: (outcome: { readonly ok: true; readonly head: number } | { readonly ok: false }) => void,
  ): void {
    const { user } = device;
    this.node.edge.ask({ kind: 'route', user, device: device.device, on: true }, (outcome) => {
      if (!outcome.ok) return reply({ ok: false });
      const { head } = JSON.parse(outcome.result) as { head: number };
      void this.#queries.userHead(user).then((stored) => reply({ ok: true, head: Math.max(head, stored) }));
    });
  }

  closed(connection: Connection): void {
    const { user, device } = connection.device;
    const connections = this.#connections.get(user);
    connections?.delete(connection);
    if (connections?.size === 0) this.#connections.delete(user);
    if (!this.#dead) this.node.edge.ask({ kind: 'route', user, device, on: false }, () => undefined);
  }

  /** The process dies: its connections break. */
  die(): void {
    this.#dead = true;
    for (const connections of this.#connections.values()) {
      for (const connection of connections) {
        connection.closed = true;
        connection.device.dropped(connection);
      }
    }
    this.#connections.clear();
  }

  #item(item: Exclude<LinkItem, { kind: 'result' | 'failure' }>): void {
    if (item.kind !== 'entry') return;
    const { sent } = item;
    for (const [i, user] of item.to.entries()) {
      for (const connection of this.#connections.get(user) ?? []) {
        const own = sent?.user === user && sent.device === connection.device.device;
        connection.live(item.useqs[i] ?? 0, own ? sent.fields : item.fields);
      }
    }
  }

  /** Something was missed: routes are announced again, and clients told the heads (COM8). */
  #resync(partition: number): void {
    for (const [user, connections] of this.#connections) {
      if (partitionOf(userKey(user), this.world.partitions) !== partition) continue;
      for (const connection of connections) {
        this.route(connection.device, (outcome) => {
          if (outcome.ok) connection.head(outcome.head);
        });
      }
    }
  }

  readHistory(user: string, conversation: string, page: HistoryPage): Promise<string> {
    return this.#history.history(user, conversation, page);
  }

  /** Entries after a cursor with their messages. */
  async readRun(user: string, cursor: number): Promise<Run> {
    const page = await this.#queries.sync(user, { epoch: this.world.epoch, useq: cursor }, PAGE);
    if (page.state === 'reset') throw new Error(`${user} is reset at ${cursor}, though nothing was lost [SYN3]`);
    return { entries: JSON.parse(`[${page.entries}]`) as Entry[], head: page.head };
  }
}
