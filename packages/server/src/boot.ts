/** The only place that composes: settings and engines become one running node. */
import { DuologError, LIMITS, SOCKET_PATH, randomId } from '@duolog/protocol';
import type { WireError } from '@duolog/protocol';
import { PARTITIONS, openEngines } from './boot/embedded.ts';
import type { Alarms, Engines } from './boot/embedded.ts';
import { listeningFailed } from './boot/failures.ts';
import type { NodeCommands } from './boot/maintenance.ts';
import { measure } from './boot/measures.ts';
import { createWatch } from './boot/watch.ts';
import type { Watch } from './boot/watch.ts';
import type { Config } from './config.ts';
import { bounded } from './data/bounded-store.ts';
import { createQueries } from './data/queries.ts';
import { DirectBus } from './engines/bus-memory.ts';
import { systemClock } from './engines/clock-system.ts';
import { createPasswords } from './engines/passwords-bun.ts';
import type { Context } from './methods/context.ts';
import { methods } from './methods/index.ts';
import { RATE_SETTINGS, createRates, requestsPerSecond } from './methods/rates.ts';
import { METRICS_CONTENT_TYPE } from './metrics.ts';
import type { MetricsRegistry } from './metrics.ts';
import type { Log } from './ports/log.ts';
import type { NodeMessage } from './pump/messages.ts';
import { createNode } from './pump/node.ts';
import type { Node } from './pump/node.ts';
import { chooseServers } from './roles/api/discovery.ts';
import { createApi } from './roles/api/handler.ts';
import type { Api } from './roles/api/handler.ts';
import { USER_CALL_LIMITS } from './roles/api/user-calls.ts';
import { createDispatch } from './roles/dispatch.ts';
import type { Dispatch } from './roles/dispatch.ts';
import { createGateway } from './roles/gateway/gateway.ts';
import type { Gateway } from './roles/gateway/gateway.ts';
import { gatewaySettings } from './roles/gateway/settings.ts';
import { listen, tryListening } from './roles/listener.ts';
import type { Listener } from './roles/listener.ts';

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

const clock = systemClock;

/** Where a server that listens there answers on this machine. */
export const httpUrl = (host: string, port: number): string => {
  const here = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `http://${here.includes(':') ? `[${here}]` : here}:${port}`;
};

const socketUrl = (url: string): string => `${url.replace(/^http/, 'ws').replace(/\/+$/, '')}${SOCKET_PATH}`;

const composeNode = (
  { config, version }: BootOptions,
  engines: Engines,
  { alarm, fatal }: Alarms,
  load: () => number,
): Node =>
  createNode({
    bus: new DirectBus<NodeMessage>().open(`${version}-${randomId(8)}`),
    clock,
    ledger: engines.ledger,
    store: engines.store,
    partitions: PARTITIONS,
    roles: config.roles,
    version,
    ...(config.url === undefined ? {} : { address: socketUrl(config.url) }),
    load,
    alone: true,
    alarm: ({ what, cause, fatal: isFatal }) => (isFatal ? fatal : alarm)(what, cause),
  });

/** The limits that are settings. */
const settingsOf = ({ messagesPerSecond, conversationsPerMinute }: Config) => ({
  messagesPerSecond,
  conversationsPerMinute,
});

const composeContext = (
  config: Config,
  { store, epoch, tokens }: Engines,
  node: Node,
  { alarm, metrics }: Watch,
): Context => ({
  queries: createQueries({ store: bounded(store), epoch, alarm }),
  clock,
  passwords: createPasswords({ atOnce: config.hashesAtOnce, waiting: config.hashesAtOnce * WAITING_PER_HASH }),
  tokens,
  servers: { find: () => chooseServers(node.nodes(), Math.random) },
  rates: createRates(clock, { ...RATE_SETTINGS, ...settingsOf(config) }),
  holes: metrics.counter({
    name: 'duolog_holes_total',
    help: 'Holes that clients saw: messages that should have come with entries. Anything but 0 is an alarm.',
  }),
  limits: { ...LIMITS, ...settingsOf(config) },
});

/** What keeps new work out, for `/ready`. */
const unreadyReasons = (draining: boolean, owned: boolean, readiness: string): readonly string[] => [
  ...(draining ? ['draining'] : []),
  ...(!draining && !owned ? ['a partition has no owner'] : []),
  ...(readiness === 'storageFull' ? ['the disk is full'] : []),
];

/** Of a stop's time, what is left for handing over and closing the store. */
const CLOSING_MS = 1_000;

/** Starts a server. Rejects, leaving nothing open, with a message for whoever started it. */
export const boot = async (options: BootOptions): Promise<Server> => {
  // Listening comes last, when there is somebody to answer; by then there would be a store.
  await tryListening(options.config).catch((cause: unknown) => {
    throw listeningFailed(options.config, cause);
  });
  const watch = createWatch(options.log);
  const engines = await openEngines(options.config, clock, watch);
  try {
    return await serve(options, engines, watch);
  } catch (cause) {
    await engines.close();
    throw cause;
  }
};

/** What a running node is made of. */
interface Parts {
  readonly node: Node;
  readonly api: Api;
  readonly gateway: Gateway | undefined;
  readonly commands: NodeCommands;
  /** Keeps new work out from now on. */
  drain(): void;
}

const composeGateway = (
  { config, log }: BootOptions,
  metrics: MetricsRegistry,
  node: Node,
  context: Context,
  dispatch: Dispatch,
): Gateway => {
  const { heartbeatMs, backgroundHeartbeatMs, maxConnections, messagesPerSecond } = config;
  return createGateway({
    edge: node.edge,
    dispatch,
    context,
    clock,
    partitions: PARTITIONS,
    settings: gatewaySettings({ heartbeatMs, backgroundHeartbeatMs, maxConnections, messagesPerSecond }),
    metrics,
    log,
    random: Math.random,
  });
};

/** Signs an account up as `account.signUp` does, past the limits for strangers: whoever asks may write to the data folder. */
const addUser = (dispatch: Dispatch, account: object): Promise<object> =>
  new Promise((resolve, reject) => {
    const answers = {
      answered: (_id: number, result: string) => resolve(JSON.parse(result) as object),
      refused: (_id: number, error: WireError) => reject(DuologError.fromWire(error)),
    };
    void dispatch({ method: 'account.signUp', params: account, caller: undefined }, answers, 0)?.catch(reject);
  });

const compose = (options: BootOptions, engines: Engines, watch: Watch): Parts => {
  const { config, version, log } = options;
  const { metrics } = watch;
  let gateway: Gateway | undefined;
  const node = composeNode(options, engines, watch, () => gateway?.size ?? 0);
  const context = composeContext(config, engines, node, watch);
  const dispatch = createDispatch({ edge: node.edge, methods, context, log });
  let draining = false;
  const unready = (): readonly string[] => unreadyReasons(draining, node.ready(), engines.ledger.readiness(0));
  const api = createApi({
    version,
    clock,
    log,
    metrics,
    metricsText: () => ({ text: metrics.text(), contentType: METRICS_CONTENT_TYPE }),
    dispatch,
    readToken: (token) => context.tokens.readToken(token),
    isSignedIn: ({ user, device }) => context.queries.hasDevice(user, device),
    userCalls: { ...USER_CALL_LIMITS, callsPerSecond: requestsPerSecond(config.messagesPerSecond) },
    metricsFor: config.metrics,
    unready,
    rates: config,
    answersCalls: config.roles.includes('api'),
    origins: config.origins,
    proxies: config.proxies,
    url: config.url,
  });
  if (config.roles.includes('gateway')) gateway = composeGateway(options, metrics, node, context, dispatch);
  measure(metrics, { version, node, ready: () => unready().length === 0 });
  return {
    node,
    api,
    gateway,
    commands: { addUser: (account) => addUser(dispatch, account) },
    drain: () => {
      draining = true;
    },
  };
};

const open = ({ config, log }: BootOptions, { api, gateway }: Parts): Listener => {
  const { host, port } = config;
  const fetch = (request: Request, socketAddress: string): Promise<Response> => api.handle(request, socketAddress);
  try {
    return listen({ host, port, fetch, mayConnect: (request) => api.allowsOrigin(request), gateway, log });
  } catch (cause) {
    throw listeningFailed(config, cause);
  }
};

const serve = async (options: BootOptions, engines: Engines, watch: Watch): Promise<Server> => {
  const parts = compose(options, engines, watch);
  const { node, gateway } = parts;
  try {
    await node.start();
    // First: "user add" that finds nobody here asks over HTTP, where it is a stranger.
    await engines.answerCommands(parts.commands);
    const listener = open(options, parts);
    return {
      url: httpUrl(listener.host, listener.port),
      failed: watch.failed,
      stop: async () => {
        parts.drain();
        await gateway?.drain();
        await listener.close(Math.max(0, options.config.drainMs - CLOSING_MS));
        await node.drain();
        await engines.close();
      },
    };
  } catch (cause) {
    gateway?.stop();
    node.stop();
    throw cause;
  }
};
