/** The only place that composes: settings and engines become one running node. */
import { DuologError, LIMITS, SOCKET_PATH, randomId } from '@duolog/protocol';
import { PARTITIONS, openEngines } from './boot/embedded.ts';
import { measure } from './boot/measures.ts';
import type { Config } from './config.ts';
import { createQueries } from './data/queries.ts';
import { DirectBus } from './engines/bus-memory.ts';
import { systemClock } from './engines/clock-system.ts';
import { createPasswords } from './engines/passwords-bun.ts';
import type { Context } from './methods/context.ts';
import { methods } from './methods/index.ts';
import { RATE_SETTINGS, createRates } from './methods/rates.ts';
import { METRICS_CONTENT_TYPE, createMetrics } from './metrics.ts';
import type { Log } from './ports/log.ts';
import type { NodeMessage } from './pump/messages.ts';
import { createNode } from './pump/node.ts';
import { chooseServers } from './roles/api/discovery.ts';
import { createApi } from './roles/api/handler.ts';
import { createDispatch } from './roles/dispatch.ts';
import { listenHttp } from './roles/listener-http.ts';

export interface BootOptions {
  readonly config: Config;
  readonly version: string;
  readonly log: Log;
}

export interface Server {
  /** Where it can be reached from this machine, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Resolves if it breaks: the process has to end, and nothing unanswered is answered any more. */
  readonly failed: Promise<void>;
  /** Takes nothing new, finishes what is under way, tells clients to come back, closes everything. */
  stop(): Promise<void>;
}

/** Passwords that may wait to be hashed, for each one that is. */
const WAITING_PER_HASH = 32;

const socketUrl = (url: string): string => `${url.replace(/^http/, 'ws').replace(/\/+$/, '')}${SOCKET_PATH}`;

/** What keeps new work out, for `/ready`. */
const unreadyReasons = (draining: boolean, owned: boolean, readiness: string): readonly string[] => [
  ...(draining ? ['draining'] : []),
  ...(!draining && !owned ? ['a partition has no owner'] : []),
  ...(readiness === 'storageFull' ? ['the disk is full'] : []),
];

/** Starts a server. Rejects, leaving nothing open, with a message for whoever started it. */
export const boot = async ({ config, version, log }: BootOptions): Promise<Server> => {
  const clock = systemClock;
  const startedAt = clock.now();
  const metrics = createMetrics();
  const alarms = metrics.counter({
    name: 'duolog_alarms_total',
    help: 'Things an operator has to know; the log says what.',
  });
  const failure = Promise.withResolvers<void>();
  const alarm = (message: string, cause?: unknown): void => {
    alarms.add();
    log.error(message, {}, cause);
  };
  const fatal = (message: string, cause?: unknown): void => {
    alarm(`${message}; the process ends`, cause);
    failure.resolve();
  };
  const engines = await openEngines(config, clock, { alarm, fatal });
  const { ledger, store, tokens, epoch } = engines;
  const bus = new DirectBus<NodeMessage>().open(`${version}-${randomId(8)}`);
  const node = createNode({
    bus,
    clock,
    ledger,
    store,
    partitions: PARTITIONS,
    roles: config.roles,
    version,
    ...(config.url === undefined ? {} : { address: socketUrl(config.url) }),
    load: () => 0,
    alone: true,
    alarm: ({ what, cause, fatal: isFatal }) => (isFatal ? fatal : alarm)(what, cause),
  });
  const queries = createQueries({ store, epoch, alarm });
  const context: Context = {
    queries,
    clock,
    passwords: createPasswords({ atOnce: config.hashesAtOnce, waiting: config.hashesAtOnce * WAITING_PER_HASH }),
    tokens,
    servers: { find: () => chooseServers(node.nodes(), Math.random) },
    rates: createRates(clock, { ...RATE_SETTINGS, messagesPerSecond: config.messagesPerSecond }),
    limits: { ...LIMITS, messagesPerSecond: config.messagesPerSecond },
  };
  const dispatch = createDispatch({ edge: node.edge, methods, context, log });
  let draining = false;
  const unready = (): readonly string[] => unreadyReasons(draining, node.ready(), ledger.readiness(0));
  const api = createApi({
    version,
    clock,
    log,
    metrics,
    metricsText: () => ({ text: metrics.text(), contentType: METRICS_CONTENT_TYPE }),
    dispatch,
    authenticate: async (token) => {
      const holder = tokens.readToken(token);
      if (holder === undefined || !(await queries.hasDevice(holder.user, holder.device)))
        throw new DuologError('unauthenticated');
      return holder;
    },
    unready,
    rates: config,
    origins: config.origins,
    proxies: config.proxies,
    url: config.url,
  });
  measure(metrics, { version, node, connections: () => 0, ready: () => unready().length === 0, startedAt });
  await node.start();
  const listener = listenHttp({ host: config.host, port: config.port, api });
  return {
    url: `http://${config.host}:${listener.port}`,
    failed: failure.promise,
    stop: async () => {
      draining = true;
      await listener.stop();
      await node.drain();
      bus.close();
      await engines.close();
    },
  };
};
