/** Which devices this gateway holds, told to the owners of their users, and told again when a link had a gap (COM8). */
import type { DeviceId, UserId } from '@duolog/protocol';
import { partitionOf } from '../../core/hash.ts';
import { userKey } from '../../core/rows.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Edge } from '../../pump/edge.ts';
import type { Outcome } from '../../pump/messages.ts';
import type { Connection, EndConnection } from './connection.ts';

export interface Routes {
  /** The user's connections, linked by `sibling`. */
  first(user: UserId): Connection | undefined;
  /** Adds a connection whose user and device are known, and asks its owner to let it in. */
  join(connection: Connection, answered: (outcome: Outcome) => void): void;
  remove(connection: Connection): void;
  /** Announces the devices of this partition's users again, and learns their heads. */
  resync(partition: number): void;
}

/** Announcements under way at once while a partition is announced again. */
const RESYNC_WINDOW = 256;
const RETRY_MS = 1_000;

/** Head of the user log in the answer to a route. */
export const headIn = (result: string): number => (JSON.parse(result) as { readonly head: number }).head;

export const createRoutes = (options: {
  readonly edge: Edge;
  readonly clock: Clock;
  readonly partitions: number;
  readonly end: EndConnection;
  /** The user's head as the owner says it. */
  readonly learnt: (connection: Connection, head: number) => void;
}): Routes => {
  const { edge, clock, partitions, end, learnt } = options;
  const users = new Map<UserId, Connection>();
  /** By partition: the announcing under way; a newer one takes over. */
  const resyncs = new Map<number, object>();

  const holds = (user: UserId, device: DeviceId): boolean => {
    for (let one = users.get(user); one !== undefined; one = one.sibling) if (one.device === device) return true;
    return false;
  };

  const eachOpen = (user: UserId, device: DeviceId, act: (connection: Connection) => void): void => {
    let one = users.get(user);
    while (one !== undefined) {
      const next = one.sibling;
      if (one.device === device && one.state === 'open') act(one);
      one = next;
    }
  };

  const route = (user: UserId, device: DeviceId, on: boolean, answered: (outcome: Outcome) => void): void =>
    edge.ask({ kind: 'route', user, device, on }, answered);

  /** Tells that the device is held, until it is known to be, or is not held any more. */
  const announce = (user: UserId, device: DeviceId, done: () => void): void =>
    route(user, device, true, (outcome) => {
      if (outcome.ok) {
        const head = headIn(outcome.result);
        eachOpen(user, device, (connection) => learnt(connection, head));
      } else if (outcome.failure.code === 'unauthenticated') {
        eachOpen(user, device, (connection) => end(connection, 'unauthenticated'));
      } else if (holds(user, device)) {
        clock.after(RETRY_MS, () => {
          if (holds(user, device)) announce(user, device, done);
          else done();
        });
        return;
      }
      if (!holds(user, device)) withdraw(user, device);
      done();
    });

  const withdraw = (user: UserId, device: DeviceId): void =>
    // The two may overtake each other on their way: what holds is said last.
    route(user, device, false, () => {
      if (holds(user, device)) announce(user, device, () => undefined);
    });

  const devicesOf = (user: UserId): ReadonlySet<DeviceId> => {
    const devices = new Set<DeviceId>();
    // Those that are still joining too: the owner that let them in may not be the owner any more.
    for (let one = users.get(user); one !== undefined; one = one.sibling) devices.add(one.device);
    return devices;
  };

  const resync = (partition: number): void => {
    const run = {};
    resyncs.set(partition, run);
    const waiting = [...users.keys()];
    let underWay = 0;
    const more = (): void => {
      while (underWay < RESYNC_WINDOW && resyncs.get(partition) === run) {
        const user = waiting.pop();
        if (user === undefined) {
          if (underWay === 0) resyncs.delete(partition);
          return;
        }
        if (partitionOf(userKey(user), partitions) !== partition) continue;
        for (const device of devicesOf(user)) {
          underWay += 1;
          announce(user, device, () => {
            underWay -= 1;
            more();
          });
        }
      }
    };
    more();
  };

  return {
    first: (user) => users.get(user),
    join: (connection, answered) => {
      const { user, device } = connection;
      connection.sibling = users.get(user);
      users.set(user, connection);
      route(user, device, true, answered);
    },
    remove: (connection) => {
      const { user, device, sibling } = connection;
      const first = users.get(user);
      if (first === connection) {
        if (sibling === undefined) users.delete(user);
        else users.set(user, sibling);
      } else {
        let one = first;
        while (one !== undefined && one.sibling !== connection) one = one.sibling;
        if (one === undefined) return;
        one.sibling = sibling;
      }
      connection.sibling = undefined;
      if (!holds(user, device)) withdraw(user, device);
    },
    resync,
  };
};
