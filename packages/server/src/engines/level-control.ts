/**
 * How commands reach a running server on the same machine: a socket in the data folder, for its owner alone. A request is
 * one line of JSON, `{ "command": …, … }`; so is the answer, `{ "result": … }` or `{ "error": … }`.
 */
import { chmod, rm } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DuologError } from '@duolog/protocol';
import type { WireError } from '@duolog/protocol';
import { CONTROL_SOCKET, codeOf, messageOf } from './level-folder.ts';

export interface ControlRequest {
  readonly command: string;
  readonly [name: string]: unknown;
}

export interface Control {
  close(): Promise<void>;
}

/** The longest path a socket may have; longer ones are cut off silently on some systems. */
const MAX_PATH_BYTES = 100;

const socketPath = (directory: string): string => join(directory, CONTROL_SOCKET);

const requestOf = (line: string): ControlRequest => {
  const malformed = new DuologError('invalid', 'A request is a line of JSON, {"command": …}.');
  let request: unknown;
  try {
    request = JSON.parse(line);
  } catch (cause) {
    throw cause instanceof SyntaxError ? malformed : cause;
  }
  if (typeof request !== 'object' || request === null || !('command' in request)) throw malformed;
  const { command } = request;
  if (typeof command !== 'string') throw malformed;
  return { ...request, command };
};

const answer = async (line: string, handle: (request: ControlRequest) => Promise<object>): Promise<object> => {
  try {
    return { result: await handle(requestOf(line)) };
  } catch (cause) {
    return { error: (cause instanceof DuologError ? cause : new DuologError('internal', messageOf(cause))).toWire() };
  }
};

/** Listens in the data folder. Undefined if its path is too long for a socket. Only whoever holds the store may call it. */
export const listenForControl = async (
  directory: string,
  handle: (request: ControlRequest) => Promise<object>,
): Promise<Control | undefined> => {
  const path = socketPath(directory);
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return undefined;
  // Left by a process that was killed: the store is locked by this one, so nobody listens there.
  await rm(path, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A client that goes away takes its answer with it.
    socket.on('error', () => socket.destroy());
    createInterface({ input: socket }).once('line', (line) => {
      void answer(line, handle).then((reply) => socket.end(`${JSON.stringify(reply)}\n`));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
  return {
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
      await rm(path, { force: true });
    },
  };
};

const connect = (path: string): Promise<Socket | undefined> =>
  new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', (cause) => {
      if (['ENOENT', 'ECONNREFUSED', 'ENOTSOCK'].includes(codeOf(cause) ?? '')) resolve(undefined);
      else reject(new DuologError('internal', `The running server cannot be reached: ${cause.message}`, { cause }));
    });
  });

/** Asks the server that runs over this data folder; undefined if none does. Rejects with the error it answers. */
export const askControl = async (directory: string, request: ControlRequest): Promise<unknown> => {
  const path = socketPath(directory);
  const socket = Buffer.byteLength(path) > MAX_PATH_BYTES ? undefined : await connect(path);
  if (socket === undefined) return undefined;
  socket.write(`${JSON.stringify(request)}\n`);
  try {
    for await (const line of createInterface({ input: socket })) {
      const reply = JSON.parse(line) as { readonly result?: unknown; readonly error?: WireError };
      if (reply.error !== undefined) throw DuologError.fromWire(reply.error);
      return reply.result;
    }
  } finally {
    socket.destroy();
  }
  throw new DuologError('unavailable', 'The server ended before it was done.');
};
