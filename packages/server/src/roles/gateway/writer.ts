/**
 * What goes out: items gather per connection and leave as one frame when the turn ends. Slow readers first lose events,
 * then live entries, then the connection (SYN9).
 */
import { entryItem } from '@duolog/protocol';
import type { Clock } from '../../ports/clock.ts';
import type { Connection, EndConnection, Lag } from './connection.ts';
import type { GatewayCounts } from './counts.ts';
import type { Seats } from './seats.ts';
import type { GatewaySettings } from './settings.ts';

/** Characters after which a frame leaves before the turn ends. */
const MAX_FRAME_LENGTH = 512 * 1024;
/** UTF-8 bytes of a UTF-16 unit, at most. */
const BYTES_PER_UNIT = 3;

export interface Writer {
  /** Adds an item to what leaves with this turn. */
  push(connection: Connection, item: string): void;
  /** Adds the answer to a query: what a client asked for may wait, however long it is. */
  pushAnswer(connection: Connection, item: string): void;
  /** Adds a live entry, unless the client is slow and has to pull. */
  pushEntry(connection: Connection, useq: number, fields: string): void;
  /** Adds an event, unless the client is slow. */
  pushEvent(connection: Connection, item: string): void;
  sendBytes(connection: Connection, bytes: Uint8Array<ArrayBuffer>): void;
  /** Sends what has gathered for all. */
  flush(): void;
  /** Sends what has gathered for one. */
  flushOne(connection: Connection): void;
  /** The socket took what waited, or some of it. */
  drained(connection: Connection): void;
  /** Looks at those that are slow; once a tick. */
  watchSlow(): void;
  forget(connection: Connection): void;
}

export const createWriter = (options: {
  readonly clock: Clock;
  readonly seats: Seats;
  readonly settings: GatewaySettings;
  readonly stalledTicks: number;
  readonly epoch: string;
  readonly counts: GatewayCounts;
  readonly end: EndConnection;
  /** Nothing waits for this connection any more: what was held back may go on. */
  readonly caughtUp: (connection: Connection) => void;
}): Writer => {
  const { clock, seats, settings, counts, end } = options;
  let gathered: Connection[] = [];
  let flushing = false;
  const slow = new Set<Connection>();
  /** Bytes that wait for all of them. */
  let waitingBytes = 0;

  const flush = (): void => {
    flushing = false;
    if (gathered.length === 0) return;
    const connections = gathered;
    gathered = [];
    for (let i = 0; i < connections.length; i++) {
      const connection = connections[i];
      if (connection !== undefined && connection.out !== '') flushOne(connection);
    }
  };

  const add = (connection: Connection, item: string): void => {
    if (connection.out === '') {
      connection.out = item;
      gathered.push(connection);
      // Most turns end by themselves; what does not come with one must not wait for it.
      if (!flushing) {
        flushing = true;
        clock.soon(flush);
      }
      return;
    }
    connection.out += `,${item}`;
    if (connection.out.length > MAX_FRAME_LENGTH) flushOne(connection);
  };

  const flushOne = (connection: Connection): void => {
    const frame = `[${connection.out}]`;
    connection.out = '';
    if (connection.state === 'ended' || isFull(connection)) return;
    counts.framesOut += 1;
    noteSent(connection, connection.socket.send(frame));
  };

  /** Whether too much waits for this connection; then it is ended. */
  const isFull = (connection: Connection): boolean => {
    const { lag } = connection;
    if (lag === undefined) return false;
    noteProgress(connection, lag);
    if (lag.waitingBytes <= settings.maxSendQueueBytes + BYTES_PER_UNIT * connection.askedLength) return false;
    end(connection, 'slowReader');
    return true;
  };

  const noteWaiting = (lag: Lag, bytes: number): void => {
    waitingBytes += bytes - lag.waitingBytes;
    lag.waitingBytes = bytes;
  };

  const noteSent = (connection: Connection, status: number): void => {
    if (status > 0) {
      connection.askedLength = 0;
      return;
    }
    if (status === 0) return end(connection, 'slowReader');
    if (connection.lag === undefined) {
      connection.lag = { waitingBytes: 0, progressAt: seats.tick, behind: false };
      slow.add(connection);
    }
    noteWaiting(connection.lag, connection.socket.getBufferedAmount());
    if (waitingBytes > settings.maxTotalWaitingBytes) endSlowest();
  };

  /** What waits for all together is bounded: the one for whom most waits goes first. */
  const endSlowest = (): void => {
    let slowest: Connection | undefined;
    for (const connection of slow)
      if ((connection.lag?.waitingBytes ?? 0) > (slowest?.lag?.waitingBytes ?? 0)) slowest = connection;
    if (slowest !== undefined) end(slowest, 'slowReader');
  };

  const noteProgress = (connection: Connection, lag: Lag): void => {
    const bytes = connection.socket.getBufferedAmount();
    if (bytes < lag.waitingBytes) lag.progressAt = seats.tick;
    noteWaiting(lag, bytes);
  };

  const drained = (connection: Connection): void => {
    const { lag } = connection;
    if (lag === undefined || connection.state === 'ended') return;
    noteProgress(connection, lag);
    if (lag.waitingBytes > 0) return;
    connection.lag = undefined;
    connection.askedLength = 0;
    slow.delete(connection);
    if (lag.behind) add(connection, `{"type":"head","epoch":"${options.epoch}","useq":${seats.head(connection.seat)}}`);
    options.caughtUp(connection);
  };

  return {
    push: add,
    pushAnswer: (connection, item) => {
      connection.askedLength += item.length;
      add(connection, item);
    },
    pushEntry: (connection, useq, fields) => {
      const { lag } = connection;
      // After one entry was left out, the next would only be a gap.
      if (lag !== undefined && (lag.behind || lag.waitingBytes > settings.stopEntriesBytes)) {
        lag.behind = true;
        counts.entriesLeftOut += 1;
        return;
      }
      counts.entriesOut += 1;
      add(connection, entryItem(useq, fields));
    },
    pushEvent: (connection, item) => {
      if (connection.lag === undefined) add(connection, item);
      else counts.eventsLeftOut += 1;
    },
    sendBytes: (connection, bytes) => {
      if (connection.lag === undefined) noteSent(connection, connection.socket.send(bytes));
    },
    flush,
    flushOne: (connection) => {
      if (connection.out !== '') flushOne(connection);
    },
    drained,
    watchSlow: () => {
      for (const connection of slow) {
        drained(connection);
        const { lag } = connection;
        if (lag !== undefined && seats.tick - lag.progressAt >= options.stalledTicks) end(connection, 'slowReader');
      }
    },
    forget: (connection) => {
      slow.delete(connection);
      if (connection.lag !== undefined) noteWaiting(connection.lag, 0);
      connection.lag = undefined;
      connection.out = '';
    },
  };
};
