import type { Wire } from '../system.ts';
import { Connection, channelOf } from './connection.ts';

const atOnce = 32;

/** Runs `task` for 0 to `count - 1`, a few at a time. */
export const forEachSeat = async (
  count: number,
  task: (seat: number) => Promise<void>,
  parallel = atOnce,
): Promise<void> => {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: Math.min(parallel, count) }, lane));
};

export const connect = (wire: Wire, port: number): Promise<Connection> =>
  Connection.open({
    port,
    path: wire.path,
    ...(wire.subprotocol === undefined ? {} : { subprotocol: wire.subprotocol }),
  });

/** A signed-in connection. */
export const openSeat = async (wire: Wire, port: number, seat: number): Promise<Connection> => {
  const connection = await connect(wire, port);
  await wire.signIn(seat, channelOf(connection));
  return connection;
};

/** One signed-in connection for each seat. */
export const openAll = async (wire: Wire, port: number, count: number): Promise<readonly Connection[]> => {
  const connections: Connection[] = [];
  await forEachSeat(count, async (seat) => {
    connections[seat] = await openSeat(wire, port, seat);
  });
  return connections;
};
