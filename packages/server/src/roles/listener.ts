/** The one port of a process: HTTP for the api, WebSocket for the gateway. Alone here Bun's own server is used. */
import type { Server, WebSocketHandler } from 'bun';
import { LIMITS, SOCKET_PATH } from '@duolog/protocol';
import type { Log } from '../ports/log.ts';
import type { Connection } from './gateway/connection.ts';
import type { Gateway } from './gateway/gateway.ts';
import { createSpareFiles } from './spare-files.ts';

export interface ListenerOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Answers everything that is no WebSocket; never rejects. */
  readonly fetch: (request: Request, socketAddress: string) => Promise<Response>;
  /** Whether this request may open a WebSocket: pages of foreign origins may not. */
  readonly mayConnect: (request: Request) => boolean;
  /** Undefined: this process holds no connections. */
  readonly gateway: Gateway | undefined;
  readonly log: Log;
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Takes no new requests; those under way are answered, but no longer than `withinMs`. */
  close(withinMs: number): Promise<void>;
}

/** Frames up to twice the limit are read, so that one over it can be answered with a close code. */
const MAX_READ_BYTES = 2 * LIMITS.maxFrameBytes;
/**
 * The gateway ends a connection long before this much waits for it; the largest single answer is a page of previews, some
 * 5 MB.
 */
const BACKPRESSURE_LIMIT_BYTES = 32 * 1024 * 1024;
const HTTP_IDLE_SECONDS = 30;
/** Files that are kept for the store, and how often it is looked whether sockets have taken all others. */
const SPARE_FILES = 64;
const LOOK_MS = 200;

type Data = { connection: Connection | undefined };

const plain = (status: number, text: string): Response =>
  new Response(`${text}\n`, { status, headers: { 'content-type': 'text/plain; charset=utf-8' } });

const isSocketRequest = (request: Request): boolean => {
  const path = request.url.slice(request.url.indexOf('/', 'https://'.length));
  return path === SOCKET_PATH || path.startsWith(`${SOCKET_PATH}?`);
};

const socketHandlers = (gateway: Gateway | undefined): WebSocketHandler<Data> => ({
  // Beats are counted by the gateway (PRE5): no timer and no pings per connection.
  idleTimeout: 0,
  sendPings: false,
  perMessageDeflate: false,
  maxPayloadLength: MAX_READ_BYTES,
  backpressureLimit: BACKPRESSURE_LIMIT_BYTES,
  closeOnBackpressureLimit: true,
  open: (socket) => {
    socket.data.connection = gateway?.open(socket);
  },
  message: ({ data: { connection } }, frame) => {
    if (connection !== undefined) gateway?.message(connection, frame);
  },
  ping: ({ data: { connection } }) => {
    if (connection !== undefined) gateway?.pinged(connection);
  },
  drain: ({ data: { connection } }) => {
    if (connection !== undefined) gateway?.drained(connection);
  },
  close: ({ data: { connection } }) => {
    if (connection !== undefined) gateway?.closed(connection);
  },
});

/** Answers requests and takes connections at a port, until it is stopped. */
const serve = ({ host, fetch, mayConnect, gateway, log }: ListenerOptions, port: number): Server<Data> => {
  const connect = (request: Request, server: Server<Data>): Response | undefined => {
    if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') return plain(426, 'This is a WebSocket.');
    if (gateway === undefined || !gateway.accepting)
      return plain(503, 'This server takes no connections at the moment.');
    if (!mayConnect(request)) return plain(403, 'Pages of this origin may not connect.');
    return server.upgrade(request, { data: { connection: undefined } })
      ? undefined
      : plain(400, 'This is no WebSocket handshake.');
  };
  return Bun.serve<Data>({
    hostname: host,
    port,
    idleTimeout: HTTP_IDLE_SECONDS,
    maxRequestBodySize: MAX_READ_BYTES,
    development: false,
    // Without development mode Bun shares ports by itself: a second server would take half of the connections.
    reusePort: false,
    fetch: (request, bun) => {
      if (isSocketRequest(request)) return connect(request, bun);
      return fetch(request, bun.requestIP(request)?.address ?? '');
    },
    error: (cause) => {
      log.error('a request could not be answered', {}, cause);
      return plain(500, 'A fault of the server.');
    },
    websocket: socketHandlers(gateway),
  });
};

/**
 * Stops listening while the process may open no more files, and gives what it kept to the store; connections that are
 * there stay. Accepting first and closing then would not do: the store's open may come in between.
 */
const createGuard = (
  log: Log,
  server: { stopListening(): void; listenAgain(): void },
): { readonly end: () => void } => {
  const spare = createSpareFiles(SPARE_FILES);
  let listening = true;
  if (!spare.keep()) {
    log.warn('few files may be open: a crowd of connections could keep the store from opening its own');
    return { end: () => undefined };
  }
  const look = (): void => {
    if (listening && spare.exhausted()) {
      server.stopListening();
      spare.release();
      listening = false;
      log.warn('as many files and sockets are open as may be: no new connections for the moment');
    } else if (!listening && spare.keep()) {
      server.listenAgain();
      listening = true;
      log.info('takes connections again');
    }
  };
  const timer = setInterval(() => {
    try {
      look();
    } catch (cause) {
      log.error('the port cannot be listened on again', {}, cause);
    }
  }, LOOK_MS);
  return {
    end: () => {
      clearInterval(timer);
      spare.release();
    },
  };
};

/** Listens for a moment. Rejects as `listen` would throw, when it cannot be listened there. */
export const tryListening = async ({ host, port }: Pick<ListenerOptions, 'host' | 'port'>): Promise<void> => {
  const starting = (): Response => plain(503, 'This server is starting.');
  await Bun.serve({ hostname: host, port, reusePort: false, development: false, fetch: starting }).stop(true);
};

export const listen = (options: ListenerOptions): Listener => {
  let server = serve(options, options.port);
  const port = server.port ?? options.port;
  /** Those that listen no more but still have connections. */
  const before = new Set<Server<Data>>();
  const guard = createGuard(options.log, {
    stopListening: () => {
      const stopped = server;
      before.add(stopped);
      void stopped.stop(false).then(() => before.delete(stopped));
    },
    listenAgain: () => {
      server = serve(options, port);
    },
  });
  return {
    host: options.host,
    port,
    close: async (withinMs) => {
      guard.end();
      const servers = [...before, server];
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, withinMs);
      });
      await Promise.race([Promise.all(servers.map((one) => one.stop(false))), late]);
      clearTimeout(timer);
      await Promise.all(servers.map((one) => one.stop(true)));
    },
  };
};
