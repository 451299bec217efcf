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

/** What the system says of a place where nobody listens. */
const NOBODY: readonly string[] = ['ENOENT', 'ENOTDIR', 'ECONNREFUSED', 'ENOTSOCK'];
/** What it says to whoever may not write to the folder. */
const NO_RIGHT: readonly string[] = ['EACCES', 'EPERM'];

const connect = (path: string, nobody: readonly string[]): Promise<Socket | undefined> =>
  new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', (cause) => {
      if (nobody.includes(codeOf(cause) ?? '')) resolve(undefined);
      else reject(new DuologError('internal', `The running server cannot be reached: ${cause.message}`, { cause }));
    });
  });

/** The server that runs over the folder answered something this version does not know. */
export const otherVersion = (directory: string): DuologError =>
  new DuologError(
    'internal',
    `The server that runs over ${directory} is another version of duolog. Use the command of that version, or start the server again.`,
  );

const isWireError = (error: unknown): error is WireError =>
  typeof error === 'object' &&
  error !== null &&
  'code' in error &&
  typeof error.code === 'string' &&
  'detail' in error &&
  typeof error.detail === 'string';

/** The result of a reply; undefined if it is neither a result nor an error. Throws the error. */
const resultOf = (line: string): unknown => {
  let reply: unknown;
  try {
    reply = JSON.parse(line);
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
  if (typeof reply !== 'object' || reply === null) return undefined;
  if ('error' in reply && isWireError(reply.error)) throw DuologError.fromWire(reply.error);
  return 'result' in reply ? reply.result : undefined;
};

/**
 * Asks the server that runs over this data folder; undefined if none does. Rejects with the error it answers. Without the
 * right to ask it rejects, too, unless `withoutRight` says that this is as if nobody were there.
 */
export const askControl = async (
  directory: string,
  request: ControlRequest,
  withoutRight: 'fails' | 'isNobody' = 'fails',
): Promise<unknown> => {
  const path = socketPath(directory);
  const nobody = withoutRight === 'fails' ? NOBODY : [...NOBODY, ...NO_RIGHT];
  const socket = Buffer.byteLength(path) > MAX_PATH_BYTES ? undefined : await connect(path, nobody);
  if (socket === undefined) return undefined;
  socket.write(`${JSON.stringify(request)}\n`);
  try {
    for await (const line of createInterface({ input: socket })) {
      const result = resultOf(line);
      if (result === undefined) throw otherVersion(directory);
      return result;
    }
  } finally {
    socket.destroy();
  }
  throw new DuologError('unavailable', 'The server ended before it was done.');
};
