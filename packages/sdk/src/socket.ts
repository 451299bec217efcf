import { SOCKET_PATH } from '@duolog/protocol';

/**
 * What the client needs of a WebSocket: the browser's, Bun's, React Native's, Node's (22 and later) and that of the
 * package `ws` fit.
 */
export interface SocketLike {
  binaryType: string;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'open' | 'error', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { code: number }) => void): void;
}

// The listeners' parameter types differ from platform to platform; a constructor is all that can be asked for.
export type SocketConstructor = new (url: string) => object;

/** The address of the socket and of HTTP calls that belong to a server's URL (`http:`, `https:`, `ws:` or `wss:`). */
export const addressesOf = (url: string): { readonly http: string; readonly socket: string } => {
  const http = url.replace(/\/+$/, '').replace(/^ws/, 'http');
  return { http, socket: `${http.replace(/^http/, 'ws')}${SOCKET_PATH}` };
};
