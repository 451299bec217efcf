/**
 * The gateway: holds the clients' connections, brings their requests to owners and queries, and hands on what the owners'
 * links tell. It knows no runtime: whoever listens brings sockets.
 */
import { CLOSE_CODES, LIMITS, decodeBeat, encodeBeat } from '@duolog/protocol';
import type { CloseReason } from '@duolog/protocol';
import { METHODS, checkFields } from '@duolog/protocol/schema';
import type { Context } from '../../methods/context.ts';
import type { Clock, Timer } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Metrics } from '../../ports/metrics.ts';
import type { Edge } from '../../pump/edge.ts';
import { malformed } from '../dispatch.ts';
import type { Dispatch } from '../dispatch.ts';
import { Connection } from './connection.ts';
import type { Desk, Socket } from './connection.ts';
import { exposeCounts, newGatewayCounts } from './counts.ts';
import type { GatewayCounts } from './counts.ts';
import { createDeliveries } from './deliveries.ts';
import { createRequests } from './requests.ts';
import type { Requests } from './requests.ts';
import { createRoutes } from './routes.ts';
import type { Routes } from './routes.ts';
import { Seats } from './seats.ts';
import type { GatewaySettings } from './settings.ts';
import { createSigningIn } from './signing-in.ts';
import { createWatches } from './watches.ts';
import type { Watches } from './watches.ts';
import { createWriter } from './writer.ts';
import type { Writer } from './writer.ts';

export interface GatewayOptions {
  readonly edge: Edge;
  readonly dispatch: Dispatch;
  readonly context: Context;
  readonly clock: Clock;
  readonly partitions: number;
  readonly settings: GatewaySettings;
  readonly metrics: Metrics;
  readonly log: Log;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** A gateway is made once per node; it attaches itself to the edge. */
export interface Gateway {
  /** A socket was opened. Undefined: it was closed again, for want of room. */
  open(socket: Socket): Connection | undefined;
  /** A frame came: text, or bytes. */
  message(connection: Connection, data: string | Uint8Array): void;
  /** A ping frame came; the runtime has answered it. */
  pinged(connection: Connection): void;
  /** The socket took what waited, or some of it. */
  drained(connection: Connection): void;
  /** The socket is closed, whoever closed it. */
  closed(connection: Connection): void;
  /** Whether it takes connections. */
  readonly accepting: boolean;
  /** Connections held. */
  readonly size: number;
  readonly counts: GatewayCounts;
  /** Takes nothing more, says `bye` to everybody, waits a little for what is unanswered and closes (SYN11). */
  drain(): Promise<void>;
  /** Closes everything at once. */
  stop(): void;
}

const DRAIN_LOOK_MS = 20;
const MIN_RECONNECT_MS = 500;
const MAX_TICK_MS = 1_000;

/** Conversations to watch that count as one more request: their owners are asked one by one. */
const WATCHES_OF_ONE = 10;

/** Whether a frame has too many bytes; its length in UTF-16 units tells, unless it is near the limit. */
const isTooLong = (frame: string, maxBytes: number): boolean =>
  frame.length * 3 > maxBytes && (frame.length > maxBytes || Buffer.byteLength(frame) > maxBytes);

class RunningGateway implements Gateway, Desk {
  readonly counts = newGatewayCounts();
  readonly #options: GatewayOptions;
  readonly #tickMs: number;
  readonly #seats: Seats;
  /** By seat. */
  readonly #connections: (Connection | undefined)[] = [];
  readonly #countClosed: (reason: CloseReason | 'client') => void;
  readonly #writer: Writer;
  readonly #routes: Routes;
  readonly #watches: Watches;
  readonly #requests: Requests;
  readonly #beat = encodeBeat(0);
  readonly #beatView = new DataView(this.#beat.buffer);
  #size = 0;
  #accepting = true;
  #timer: Timer;

  constructor(options: GatewayOptions) {
    const { edge, clock, settings, context, partitions, log } = options;
    const { counts } = this;
    this.#options = options;
    this.#tickMs = Math.min(MAX_TICK_MS, settings.heartbeatMs);
    const tokensPerTick = (settings.requestsPerSecond * this.#tickMs) / 1_000;
    const seats = new Seats({ tokensPerTick, maxTokens: 2 * settings.requestsPerSecond });
    this.#seats = seats;
    this.#countClosed = exposeCounts(options.metrics, counts, () => this.#size);
    const end = (connection: Connection, reason: CloseReason): void => this.#end(connection, reason);
    const ticksOf = (ms: number): number => this.#ticksOf(ms);
    const { epoch } = context.queries;
    const stalledTicks = ticksOf(settings.stalledMs);
    const caughtUp = (connection: Connection): void => this.#requests.resume(connection);
    const writer = createWriter({ clock, seats, settings, stalledTicks, epoch, counts, end, caughtUp });
    this.#writer = writer;
    const learnt = (connection: Connection, head: number): void => this.#learnHead(connection, head);
    const routes = createRoutes({ edge, clock, partitions, end, learnt });
    this.#routes = routes;
    this.#watches = createWatches({ edge, clock, partitions });
    this.#requests = createRequests({
      dispatch: options.dispatch,
      seats,
      settings,
      counts,
      end,
      push: (connection, item) => writer.push(connection, item),
      pushAnswer: (connection, item) => writer.pushAnswer(connection, item),
      hello: createSigningIn({ context, settings, seats, counts, routes, writer, log, end, ticksOf }),
      watch: (connection, id, params) => this.#watch(connection, id, params),
      connections: () => this.#size,
      broken: (connection, cause) => {
        log.error('a request broke its connection', {}, cause);
        this.#end(connection, 'internal');
      },
    });
    edge.attach({
      item: createDeliveries({ routes, seats, writer, end }),
      turnEnd: () => writer.flush(),
      resync: (partition) => this.#resync(partition),
    });
    this.#timer = clock.after(this.#tickMs, () => this.#tick());
  }

  get accepting(): boolean {
    return this.#accepting;
  }

  get size(): number {
    return this.#size;
  }

  open(socket: Socket): Connection | undefined {
    const { settings } = this.#options;
    if (!this.#accepting || this.#size >= settings.maxConnections) {
      const reason = this.#accepting ? 'overloaded' : 'goingAway';
      this.#countClosed(reason);
      socket.close(CLOSE_CODES[reason].code, CLOSE_CODES[reason].text);
      return undefined;
    }
    const connection = new Connection(socket, this, this.#seats.take(this.#ticksOf(settings.helloMs)));
    this.#connections[connection.seat] = connection;
    this.#size += 1;
    this.counts.opened += 1;
    return connection;
  }

  message(connection: Connection, data: string | Uint8Array): void {
    if (connection.state === 'ended') return;
    this.counts.framesIn += 1;
    this.#seats.heard(connection.seat);
    if (typeof data !== 'string') this.#takeBeat(connection, data);
    else if (isTooLong(data, connection.state === 'new' ? LIMITS.maxSignInBytes : LIMITS.maxFrameBytes))
      this.#end(connection, 'tooLarge');
    else this.#requests.take(connection, data);
  }

  pinged(connection: Connection): void {
    if (connection.state === 'ended') return;
    // Who asks and does not take the answers would have them pile up.
    if (connection.socket.getBufferedAmount() > this.#options.settings.stopEntriesBytes)
      this.#end(connection, 'slowReader');
    else this.#rate(connection);
  }

  drained(connection: Connection): void {
    this.#writer.drained(connection);
  }

  closed(connection: Connection): void {
    if (connection.state === 'ended') return;
    this.#forget(connection);
    this.#countClosed('client');
  }

  async drain(): Promise<void> {
    const { clock, settings } = this.#options;
    this.#accepting = false;
    this.#requests.close();
    this.#sayBye();
    const until = clock.monotonic() + settings.drainMs;
    while (this.#requests.underWay > 0 && clock.monotonic() < until) {
      await new Promise<void>((resolve) => void clock.after(DRAIN_LOOK_MS, resolve));
    }
    this.stop();
  }

  stop(): void {
    this.#accepting = false;
    this.#requests.close();
    for (const connection of this.#held()) this.#end(connection, 'goingAway');
    this.#timer.cancel();
  }

  answered(connection: Connection, id: number, resultJson: string): void {
    this.#requests.answered(connection, id, resultJson);
  }

  refused(connection: Connection, id: number, error: Parameters<Requests['refused']>[2]): void {
    this.#requests.refused(connection, id, error);
  }

  headOf(seat: number): number {
    return this.#seats.head(seat);
  }

  #held(): readonly Connection[] {
    return this.#connections.filter((connection) => connection !== undefined);
  }

  /** Ticks after which so much time has passed for certain. */
  #ticksOf(ms: number): number {
    return Math.ceil(ms / this.#tickMs) + 1;
  }

  #tick(): void {
    this.#timer = this.#options.clock.after(this.#tickMs, () => this.#tick());
    this.#seats.advance((seat) => {
      const connection = this.#connections[seat];
      if (connection !== undefined) this.#end(connection, connection.state === 'open' ? 'missedBeats' : 'helloTimeout');
    });
    this.#writer.watchSlow();
  }

  #takeBeat(connection: Connection, bytes: Uint8Array): void {
    if (connection.state === 'new' || decodeBeat(bytes) === undefined) return this.#end(connection, 'badFrame');
    this.counts.beats += 1;
    if (!this.#rate(connection) || connection.state !== 'open') return;
    this.#beatView.setFloat64(1, this.#seats.head(connection.seat));
    this.#writer.sendBytes(connection, this.#beat);
  }

  /** Whether one more frame without an answer is within the rate. */
  #rate(connection: Connection): boolean {
    if (this.#seats.spend(connection.seat)) return true;
    if (this.#seats.exceed(connection.seat) > this.#options.settings.maxExcess) this.#end(connection, 'abuse');
    return false;
  }

  #watch(connection: Connection, id: number, params: unknown): void {
    const checked = checkFields(METHODS.watch.params, params);
    if (checked.ok) {
      const { conversations } = checked.value;
      this.#seats.charge(connection.seat, Math.floor(conversations.length / WATCHES_OF_ONE));
      return this.#watches.replace(connection, conversations, id);
    }
    connection.refused(id, malformed(checked.refusal));
  }

  #learnHead(connection: Connection, head: number): void {
    if (!this.#seats.raiseHead(connection.seat, head)) return;
    const { epoch } = this.#options.context.queries;
    this.#writer.push(connection, `{"type":"head","epoch":"${epoch}","useq":${head}}`);
  }

  #resync(partition: number): void {
    this.counts.resyncs += 1;
    this.#options.log.debug('announces routes and watches again', { partition });
    this.#routes.resync(partition);
    this.#watches.resync(partition);
  }

  #sayBye(): void {
    const { settings, random } = this.#options;
    const spreadMs = Math.max(MIN_RECONNECT_MS, (this.#size / settings.reconnectsPerSecond) * 1_000);
    for (const connection of this.#held()) {
      const reconnectAfterMs = Math.round(MIN_RECONNECT_MS + random() * spreadMs);
      this.#writer.push(connection, `{"type":"bye","reconnectAfterMs":${reconnectAfterMs}}`);
    }
    this.#writer.flush();
  }

  #end(connection: Connection, reason: CloseReason): void {
    // What has gathered may hold the reply that explains the end; a client that reads too slowly ends here already.
    if (connection.state !== 'ended') this.#writer.flushOne(connection);
    if (connection.state === 'ended') return;
    this.#forget(connection);
    this.#countClosed(reason);
    this.#options.log.debug('closed a connection', { reason, user: connection.user });
    connection.socket.close(CLOSE_CODES[reason].code, CLOSE_CODES[reason].text);
  }

  #forget(connection: Connection): void {
    const joined = connection.state === 'joining' || connection.state === 'open';
    connection.state = 'ended';
    this.#size -= 1;
    this.#connections[connection.seat] = undefined;
    this.#seats.give(connection.seat);
    this.#writer.forget(connection);
    this.#requests.forget(connection);
    if (!joined) return;
    this.#watches.remove(connection);
    this.#routes.remove(connection);
  }
}

export const createGateway = (options: GatewayOptions): Gateway => new RunningGateway(options);
