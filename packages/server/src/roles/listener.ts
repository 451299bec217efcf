/** The one port of a process: HTTP for the api, WebSocket for the gateway. Alone here Bun's own server is used. */
import type { Server, WebSocketHandler } from 'bun';
import { LIMITS, SOCKET_PATH } from '@duolog/protocol';
import type { Log } from '../ports/log.ts';
import type { Connection } from './gateway/connection.ts';
import type { Gateway } from './gateway/gateway.ts';

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
  drain: ({ data: { connection } }) => {
    if (connection !== undefined) gateway?.drained(connection);
  },
  close: ({ data: { connection } }) => {
    if (connection !== undefined) gateway?.closed(connection);
  },
});

export const listen = (options: ListenerOptions): Listener => {
  const { gateway, log } = options;

  const connect = (request: Request, server: Server<Data>): Response | undefined => {
    if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') return plain(426, 'This is a WebSocket.');
    if (gateway === undefined || !gateway.accepting)
      return plain(503, 'This server takes no connections at the moment.');
    if (!options.mayConnect(request)) return plain(403, 'Pages of this origin may not connect.');
    return server.upgrade(request, { data: { connection: undefined } })
      ? undefined
      : plain(400, 'This is no WebSocket handshake.');
  };

  const server = Bun.serve<Data>({
    hostname: options.host,
    port: options.port,
    idleTimeout: HTTP_IDLE_SECONDS,
    maxRequestBodySize: MAX_READ_BYTES,
    development: false,
    // Without development mode Bun shares ports by itself: a second server would take half of the connections.
    reusePort: false,
    fetch: (request, bun) => {
      if (isSocketRequest(request)) return connect(request, bun);
      return options.fetch(request, bun.requestIP(request)?.address ?? '');
    },
    error: (cause) => {
      log.error('a request could not be answered', {}, cause);
      return plain(500, 'A fault of the server.');
    },
    websocket: socketHandlers(gateway),
  });

  return {
    host: options.host,
    port: server.port ?? options.port,
    close: async (withinMs) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, withinMs);
      });
      await Promise.race([server.stop(false), late]);
      clearTimeout(timer);
      await server.stop(true);
    },
  };
};
