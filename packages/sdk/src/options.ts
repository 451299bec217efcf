import { DuologError } from '@duolog/protocol';
import type { Cache } from './cache/cache.ts';
import { memoryCache } from './cache/memory.ts';
import { systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import type { Credentials, Fetch } from './http.ts';
import type { SessionOptions } from './session.ts';
import type { SocketConstructor } from './socket.ts';

export interface ClientOptions {
  /** Address of the server, e.g. `https://chat.example.org`. */
  readonly url: string;
  /** Token of a device that is signed in. Either this or `credentials`. */
  readonly token?: string;
  /** Signs in when that has to be done; the session is kept in the cache. */
  readonly credentials?: Credentials;
  /** Where the local copy lives: one cache per account. In memory if left out. */
  readonly cache?: Cache;
  /** Ask the server which chat server to use before each connection. */
  readonly discover?: boolean;
  /** Name and version of the program, for the server's logs. */
  readonly clientName?: string;
  /** The program is in the background: beats are rarer. */
  readonly background?: boolean;
  /** Newest messages of a conversation that the cache keeps at least; 1,000 if left out. */
  readonly cachedMessages?: number;
  /** A WebSocket where the platform has none, such as that of `ws` on Node 20. */
  readonly webSocket?: SocketConstructor;
  readonly fetch?: Fetch;
  readonly clock?: Clock;
  /** Numbers from 0 up to 1, for waiting times. */
  readonly random?: () => number;
}

/** The options with their defaults. */
export interface Settings extends SessionOptions {
  readonly cache: Cache;
  readonly cachedMessages: number;
  readonly webSocket: SocketConstructor;
  readonly clock: Clock;
  readonly random: () => number;
}

export const settingsOf = (options: ClientOptions): Settings => {
  const { clock = systemClock, webSocket = (globalThis as { WebSocket?: SocketConstructor }).WebSocket } = options;
  if (webSocket === undefined)
    throw new DuologError('invalid', 'This platform has no WebSocket: pass one as `webSocket`.');
  return {
    http: { url: options.url, fetch: options.fetch, clock },
    token: options.token,
    credentials: options.credentials,
    discover: options.discover ?? false,
    clientName: options.clientName,
    background: options.background ?? false,
    cache: options.cache ?? memoryCache(),
    cachedMessages: options.cachedMessages ?? 1000,
    webSocket,
    clock,
    random: options.random ?? Math.random,
  };
};
