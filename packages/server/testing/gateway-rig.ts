/** A gateway over the real pump and memory engines, and clients whose sockets a test holds in its hands. */
import { LIMITS, encodeBeat } from '@duolog/protocol';
import type { Entry, Event, MethodName, Params, Reply, Result, ServerItem, WireError } from '@duolog/protocol';
import type { Envelope } from '../src/core/commands.ts';
import type { Parcel } from '../src/core/decision.ts';
import { nameKey, userKey } from '../src/core/rows.ts';
import { createQueries } from '../src/data/queries.ts';
import type { SyncPage } from '../src/data/sync.ts';
import { DirectBus } from '../src/engines/bus-memory.ts';
import { ManualClock } from '../src/engines/clock-manual.ts';
import { MemoryLedgerWorld, openMemoryLedger } from '../src/engines/ledger-memory.ts';
import { createTokens } from '../src/engines/tokens-hmac.ts';
import { createLog } from '../src/log.ts';
import { createMetrics } from '../src/metrics.ts';
import type { Context } from '../src/methods/context.ts';
import type { Numbered } from '../src/methods/handler.ts';
import { methods } from '../src/methods/index.ts';
import { RATE_SETTINGS, createRates } from '../src/methods/rates.ts';
import type { RateSettings } from '../src/methods/rates.ts';
import type { Bus } from '../src/ports/bus.ts';
import type { Passwords } from '../src/ports/passwords.ts';
import type { NodeMessage, Outcome } from '../src/pump/messages.ts';
import { createNode } from '../src/pump/node.ts';
import type { Node, Role } from '../src/pump/node.ts';
import { createDispatch } from '../src/roles/dispatch.ts';
import type { Dispatch } from '../src/roles/dispatch.ts';
import type { Connection, Socket } from '../src/roles/gateway/connection.ts';
import { createGateway } from '../src/roles/gateway/gateway.ts';
import type { Gateway } from '../src/roles/gateway/gateway.ts';
import { gatewaySettings } from '../src/roles/gateway/settings.ts';
import type { GatewaySettings } from '../src/roles/gateway/settings.ts';
import { userNamed } from './people.ts';

export const EPOCH = 'epoch-1';

export interface SignedIn {
  readonly user: string;
  readonly device: string;
  readonly token: string;
}

/** Passwords without the work that makes hashes slow; each verification is counted. */
const plainPasswords: Passwords & { verified: number } = {
  verified: 0,
  hash: (password) => Promise.resolve(`plain ${password}`),
  verify: (password, hash) => {
    plainPasswords.verified += 1;
    return Promise.resolve(hash === `plain ${password}`);
  },
};

const utf8 = new TextEncoder();

/** A socket that takes so many bytes and lets the rest wait, as a kernel does whose peer does not read. */
export class TestSocket implements Socket {
  readonly frames: string[] = [];
  readonly beats: number[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  /** Bytes it still takes at once. */
  room = Number.POSITIVE_INFINITY;
  #waiting = 0;

  send(data: string | Uint8Array<ArrayBuffer>): number {
    if (this.closed !== undefined) return 0;
    const bytes = typeof data === 'string' ? utf8.encode(data).byteLength : data.byteLength;
    if (typeof data === 'string') this.frames.push(data);
    else this.beats.push(new DataView(data.buffer).getFloat64(1));
    if (this.#waiting === 0 && bytes <= this.room) {
      this.room -= bytes;
      return bytes;
    }
    this.#waiting += bytes;
    return -1;
  }

  getBufferedAmount(): number {
    return this.#waiting;
  }

  close(code: number, reason: string): void {
    this.closed ??= { code, reason };
  }

  /** The peer reads so much of what waits. */
  read(bytes: number): void {
    this.#waiting = Math.max(0, this.#waiting - bytes);
  }
}

/** A client: a socket and what came over it. */
export class Client {
  readonly socket = new TestSocket();
  readonly #rig: GatewayRig;
  readonly #connection: Connection | undefined;
  #id = 0;
  #seen = 0;

  constructor(rig: GatewayRig) {
    this.#rig = rig;
    this.#connection = rig.gateway.open(this.socket);
  }

  /** Sends a frame as it is. */
  frame(data: string | Uint8Array): void {
    if (this.#connection !== undefined) this.#rig.gateway.message(this.#connection, data);
  }

  /** Sends a request and returns its id. */
  say(method: string, params: unknown, more: object = {}): number {
    const id = ++this.#id;
    this.frame(JSON.stringify({ id, method, params, ...more }));
    return id;
  }

  /** Sends a request and waits for its reply, moving the clock by at most `withinMs`. */
  async ask<M extends MethodName>(method: M, params: Params<M>, more: object = {}): Promise<Reply<M>> {
    const id = this.say(method, params, more);
    return this.#rig.until(() => this.reply<M>(id));
  }

  /** The result of a request that succeeds. */
  async result<M extends MethodName>(method: M, params: Params<M>, more: object = {}): Promise<Result<M>> {
    const reply = await this.ask(method, params, more);
    if ('error' in reply) throw new Error(`${method}: ${JSON.stringify(reply.error)}`);
    return reply.result;
  }

  /** The error of a request that is refused. */
  async error(method: MethodName, params: unknown, more: object = {}): Promise<WireError> {
    const id = this.say(method, params, more);
    const reply = await this.#rig.until(() => this.reply(id));
    if (!('error' in reply)) throw new Error(`${method} was not refused: ${JSON.stringify(reply.result)}`);
    return reply.error;
  }

  reply<M extends MethodName>(id: number): Reply<M> | undefined {
    return this.items.find((item): item is Reply<M> => item.type === 'reply' && item.id === id);
  }

  beat(cursor = 0): void {
    this.frame(encodeBeat(cursor));
  }

  ping(): void {
    if (this.#connection !== undefined) this.#rig.gateway.pinged(this.#connection);
  }

  /** The socket has taken something: the runtime tells the gateway. */
  drained(): void {
    if (this.#connection !== undefined) this.#rig.gateway.drained(this.#connection);
  }

  /** The peer is gone, and the runtime noticed. */
  vanish(): void {
    this.socket.close(1006, '');
    if (this.#connection !== undefined) this.#rig.gateway.closed(this.#connection);
  }

  get items(): readonly ServerItem[] {
    return this.socket.frames.flatMap((frame) => JSON.parse(frame) as readonly ServerItem[]);
  }

  get entries(): readonly Entry[] {
    return this.items.filter((item): item is Entry => item.type === 'entry');
  }

  events<T extends Event['type']>(type: T): readonly Extract<Event, { readonly type: T }>[] {
    return this.items.filter((item): item is Extract<Event, { readonly type: T }> => item.type === type);
  }

  /** Items that came since this was asked last. */
  news(): readonly ServerItem[] {
    const all = this.items;
    const news = all.slice(this.#seen);
    this.#seen = all.length;
    return news;
  }

  get code(): number | undefined {
    return this.socket.closed?.code;
  }
}

export type Called<M extends MethodName> = { readonly result: Result<M> } | { readonly error: WireError };

export interface GatewayRigOptions {
  readonly settings?: Partial<GatewaySettings>;
  readonly rates?: Partial<RateSettings>;
  readonly partitions?: number;
  /** Owners are nodes of their own: {@link GatewayRig.startWorker}. */
  readonly apart?: boolean;
  /** Chance as it comes; else always the middle. */
  readonly random?: boolean;
}

/** A bus that loses the messages a test names. */
const losing = (bus: Bus<NodeMessage>, isLost: (message: NodeMessage) => boolean): Bus<NodeMessage> => ({
  ...bus,
  send: (to, message) => isLost(message) || bus.send(to, message),
});

export class GatewayRig {
  readonly clock = new ManualClock();
  readonly metrics = createMetrics();
  readonly logged: string[] = [];
  readonly world = new MemoryLedgerWorld<Parcel>();
  readonly node: Node;
  readonly gateway: Gateway;
  readonly context: Context;
  readonly dispatch: Dispatch;
  readonly alarms: string[] = [];
  /** Messages between edge and owner that are lost. */
  lost: (message: NodeMessage) => boolean = () => false;
  /** What a store that is behind would answer instead. */
  behind: (page: SyncPage) => SyncPage = (page) => page;
  readonly #buses = new DirectBus<NodeMessage>();
  /** Delivers under the gateway's name what was held back. */
  readonly #late: Bus<NodeMessage> = { ...this.#buses.open('gateway') };
  readonly #partitions: number;
  readonly #apart: boolean;
  readonly #workers = new Map<string, Node>();
  #devices = 0;

  private constructor(options: GatewayRigOptions) {
    const { clock, metrics } = this;
    const { partitions = 1 } = options;
    const log = createLog({
      level: 'warn',
      format: 'json',
      write: (line) => void this.logged.push(line),
      now: () => clock.now(),
    });
    this.#partitions = partitions;
    this.#apart = options.apart === true;
    const { store } = openMemoryLedger<Parcel>(this.world, { clock });
    this.node = this.#makeNode('gateway', this.#apart ? ['gateway', 'api'] : ['gateway', 'api', 'worker']);
    const queries = createQueries({ store, epoch: EPOCH, alarm: (message) => void this.alarms.push(message) });
    this.context = {
      queries: { ...queries, sync: async (...asked) => this.behind(await queries.sync(...asked)) },
      clock,
      passwords: plainPasswords,
      tokens: createTokens('a secret for tests that is long enough'),
      servers: { find: () => ['ws://127.0.0.1/v1/connect'] },
      rates: createRates(clock, { ...RATE_SETTINGS, ...options.rates }),
      holes: metrics.counter({ name: 'duolog_holes_total', help: 'Holes.' }),
      limits: LIMITS,
    };
    const { edge } = this.node;
    this.dispatch = createDispatch({ edge, methods, context: this.context, log });
    this.gateway = createGateway({
      edge,
      dispatch: this.dispatch,
      context: this.context,
      clock,
      partitions,
      settings: gatewaySettings(options.settings ?? {}),
      metrics,
      log,
      random: options.random === true ? Math.random : () => 0.5,
    });
  }

  static async open(options: GatewayRigOptions = {}): Promise<GatewayRig> {
    const rig = new GatewayRig(options);
    await rig.clock.run(rig.node.start());
    if (rig.#apart) {
      await rig.startWorker('first');
      await rig.until(() => rig.node.ready() || undefined);
    }
    return rig;
  }

  #makeNode(name: string, roles: readonly Role[]): Node {
    const { clock } = this;
    const bus = losing(this.#buses.open(name), (message) => this.lost(message));
    return createNode({
      bus,
      clock,
      ...openMemoryLedger<Parcel>(this.world, { clock }),
      partitions: this.#partitions,
      roles,
      version: 'test',
      load: () => 0,
      alone: !this.#apart,
      alarm: ({ what }) => void this.alarms.push(what),
    });
  }

  /** Another node, which owns partitions once it finds that nobody else does. */
  async startWorker(name: string): Promise<Node> {
    const worker = this.#makeNode(name, ['worker']);
    this.#workers.set(name, worker);
    await this.clock.run(worker.start());
    return worker;
  }

  /** Ends it in peace. */
  async stopWorker(name: string): Promise<void> {
    await this.#workers.get(name)?.drain();
  }

  /** Brings a message to its receiver that was lost before. */
  deliver(to: string, message: NodeMessage): void {
    this.#late.send(to, message);
  }

  /** Moves the clock until something is there. */
  async until<T>(look: () => T | undefined, withinMs = 20_000): Promise<T> {
    const endsAt = this.clock.monotonic() + withinMs;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (this.clock.monotonic() > endsAt) throw new Error('what is waited for does not come');
      await this.clock.advance(1);
    }
  }

  /** Lets everything happen that can happen now. */
  async settle(): Promise<void> {
    await this.clock.advance(5);
  }

  async do(envelope: Envelope): Promise<Outcome> {
    let outcome: Outcome | undefined;
    this.node.edge.submit(envelope, (answer) => {
      outcome = answer;
    });
    return this.until(() => outcome);
  }

  /** A user with one device. */
  async signUp(name: string): Promise<SignedIn> {
    const user = userNamed(name);
    const command = { kind: 'signUp', user, name, passwordHash: '' } as const;
    await this.do({ entity: nameKey(name), user, hash: '', command });
    return this.addDevice(user);
  }

  async addDevice(user: string, device = `device-${++this.#devices}`): Promise<SignedIn> {
    await this.do({ entity: userKey(user), user, hash: '', command: { kind: 'addDevice', device, name: device } });
    return { user, device, token: this.context.tokens.token({ user, device }) };
  }

  /** Calls a method as HTTP would. */
  async call<M extends MethodName>(
    method: M,
    params: Params<M>,
    caller?: SignedIn,
    numbered?: Numbered,
  ): Promise<Called<M>> {
    let answer: Called<M> | undefined;
    const answers = {
      answered: (_id: number, json: string): void => void (answer = { result: JSON.parse(json) as Result<M> }),
      refused: (_id: number, error: WireError): void => void (answer = { error }),
    };
    void this.dispatch({ method, params, caller, ...numbered }, answers, 0);
    return this.until(() => answer);
  }

  connect(): Client {
    return new Client(this);
  }

  /** A client that has said hello. */
  async join({ token }: SignedIn, more: Partial<Params<'hello'>> = {}): Promise<Client> {
    const client = this.connect();
    await client.result('hello', { versions: [1], token, ...more });
    return client;
  }

  /** Two users with a direct conversation, both connected. */
  async pair(): Promise<{
    readonly a: Client;
    readonly b: Client;
    readonly alice: SignedIn;
    readonly bob: SignedIn;
    readonly conversation: string;
  }> {
    const [alice, bob] = [await this.signUp('alice'), await this.signUp('bob')];
    const [a, b] = [await this.join(alice), await this.join(bob)];
    const { conversation } = await a.result('direct.create', { user: bob.user });
    await this.settle();
    a.news();
    b.news();
    return { a, b, alice, bob, conversation };
  }
}
