/** Text frames from clients: what is in them, in which order it is done, and what is refused. */
import { ID_PATTERN, LIMITS, replyItem } from '@duolog/protocol';
import type { MethodName, OutboxId, WireError } from '@duolog/protocol';
import { METHODS, isCommand, isMethodName } from '@duolog/protocol/schema';
import { costOfAnswer } from '../../methods/rates.ts';
import type { Call, Dispatch } from '../dispatch.ts';
import { wireError } from '../dispatch.ts';
import { isIntricate } from '../shape.ts';
import type { Connection, EndConnection } from './connection.ts';
import type { GatewayCounts } from './counts.ts';
import type { Seats } from './seats.ts';
import type { GatewaySettings } from './settings.ts';

export interface Requests {
  /** Takes a text frame. */
  take(connection: Connection, frame: string): void;
  answered(connection: Connection, id: number, resultJson: string): void;
  refused(connection: Connection, id: number, error: WireError): void;
  /** The client reads again: queries that waited for that may go on. */
  resume(connection: Connection): void;
  /** The connection has ended: its queries that wait are not read any more. */
  forget(connection: Connection): void;
  /** Refuses what comes from now on: another server is to be asked. */
  close(): void;
  /** Requests without an answer so far, over all connections. */
  readonly underWay: number;
}

/** A request as it may look; nothing of it is checked. */
interface RawRequest {
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: unknown;
  readonly outbox?: unknown;
  readonly n?: unknown;
}

const RATE_WAIT_MS = 1_000;
/** Characters of a request that count as one more request: long ones take their time to read. */
const LENGTH_OF_ONE = 16_384;
/** Characters of a query, at most: they wait, and none needs as many. */
const MAX_QUERY_LENGTH = 8_192;
const costOf = (length: number): number => 1 + Math.floor(length / LENGTH_OF_ONE);
const isPlainObject = (value: unknown): value is RawRequest =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isId = (id: unknown): id is number => typeof id === 'number' && Number.isSafeInteger(id) && id >= 0;

const invalid = (detail: string, field: string): WireError => wireError('invalid', detail, { field });
const OVERLOADED = wireError('overloaded', 'Too many requests of this connection are unanswered.', {
  retryAfterMs: RATE_WAIT_MS,
});
const LEADING_ID = /^\{"id":(\d{1,15})[,}]/;
const INTRICATE = invalid('The request is nested too deeply, or has too many parts.', 'params');
const LONG_QUERY = invalid(`A query has at most ${MAX_QUERY_LENGTH} characters.`, 'params');
const CROWDED = wireError('overloaded', 'Too many requests wait at this server.', { retryAfterMs: RATE_WAIT_MS });
const NOT_YET = wireError('unavailable', 'Hello is not answered yet.', { retryAfterMs: 100 });
const DRAINING = wireError('unavailable', 'This server is draining; connect anew.', { retryAfterMs: RATE_WAIT_MS });

/** The method named, or why it cannot be called here. */
const methodOf = (method: unknown): { readonly method: MethodName } | { readonly error: WireError } => {
  if (typeof method !== 'string') return { error: invalid('method must be a string.', 'method') };
  if (!isMethodName(method))
    return {
      error: wireError('unknownMethod', `There is no method ${JSON.stringify(method.slice(0, 64))}.`, {
        field: 'method',
      }),
    };
  if (METHODS[method].over === 'http') return { error: invalid(`${method} goes over HTTP only.`, 'method') };
  return { method };
};

/** `(outbox, n)` of a request, or what is wrong with it. */
const numberOf = (
  method: MethodName,
  { outbox, n }: RawRequest,
): { readonly outbox: OutboxId; readonly n: number } | WireError | undefined => {
  if ((outbox === undefined || outbox === null) && (n === undefined || n === null)) return undefined;
  if (!isCommand(method)) return invalid(`${method} changes nothing: it takes no outbox and n.`, 'outbox');
  if (typeof outbox !== 'string' || !ID_PATTERN.test(outbox))
    return invalid('outbox must be 1 to 64 of A-Z a-z 0-9 _ - .', 'outbox');
  if (typeof n !== 'number' || !Number.isSafeInteger(n) || n < 1)
    return invalid('n must be a whole number from 1.', 'n');
  return { outbox, n };
};

export const createRequests = (options: {
  readonly dispatch: Dispatch;
  readonly seats: Seats;
  readonly settings: GatewaySettings;
  readonly counts: GatewayCounts;
  readonly end: EndConnection;
  readonly push: (connection: Connection, item: string) => void;
  /** The same for the answer to a query. */
  readonly pushAnswer: (connection: Connection, item: string) => void;
  /** The first request of a connection. */
  readonly hello: (connection: Connection, id: number, params: unknown) => void;
  readonly watch: (connection: Connection, id: number, params: unknown) => void;
  /** How many there are. */
  readonly connections: () => number;
  /** Something failed that cannot: a fault of ours. */
  readonly broken: (connection: Connection, cause: unknown) => void;
}): Requests => {
  const { dispatch, seats, settings, counts, end, push } = options;
  let totalLength = 0;
  let totalUnderWay = 0;
  let closed = false;

  /** A request has its answer: its share of what is under way is free again. */
  const finish = (connection: Connection): void => {
    // Lengths are not kept one by one: each request counts as the mean of those under way.
    const share = connection.underWayLength / connection.underWay;
    connection.underWay -= 1;
    connection.underWayLength -= share;
    totalLength -= share;
    totalUnderWay -= 1;
  };

  const reply = (connection: Connection, item: string): void => {
    if (connection.state !== 'ended') push(connection, item);
  };

  const errorText = (id: number, error: WireError): string =>
    `{"type":"reply","id":${id},"error":${JSON.stringify(error)}}`;

  const refuseNow = (connection: Connection, id: number, error: WireError): void => {
    counts.refused += 1;
    reply(connection, errorText(id, error));
    if (connection.state === 'ended') return;
    const malformed = error.code === 'invalid' || error.code === 'unknownMethod';
    if (malformed && seats.fault(connection.seat) > settings.maxFaults) end(connection, 'abuse');
  };

  const refuseExcess = (connection: Connection, id: number, cost: number): void => {
    counts.refused += 1;
    const { requestsPerSecond: max } = settings;
    reply(
      connection,
      errorText(id, wireError('rateLimited', `At most ${max} requests a second.`, { max, retryAfterMs: RATE_WAIT_MS })),
    );
    if (seats.exceed(connection.seat, cost) > settings.maxExcess) end(connection, 'abuse');
  };

  const begin = (connection: Connection, length: number): void => {
    connection.underWay += 1;
    connection.underWayLength += length;
    totalLength += length;
    totalUnderWay += 1;
  };

  /** Commands reach their owners in the order in which they came, also behind one that looks something up first. */
  const command = (connection: Connection, id: number, call: Call): void => {
    const { preparing } = connection;
    const done =
      preparing === undefined ? dispatch(call, connection, id) : preparing.then(() => dispatch(call, connection, id));
    if (done === undefined) return;
    const settled: Promise<void> = done
      .catch((cause: unknown) => options.broken(connection, cause))
      .then(() => {
        if (connection.preparing === settled) connection.preparing = undefined;
      });
    connection.preparing = settled;
  };

  const query = (connection: Connection, id: number, call: Call): void => {
    if (connection.reading < settings.maxReading && connection.lag === undefined) {
      connection.reading += 1;
      void dispatch(call, queryAnswers(connection, call.method), id);
    } else (connection.waiting ??= []).push({ id, call });
  };

  const queryAnswers = (connection: Connection, method: MethodName) => ({
    answered: (id: number, resultJson: string): void => {
      connection.reading -= 1;
      finish(connection);
      if (connection.state !== 'ended') {
        seats.charge(connection.seat, costOfAnswer(method, resultJson.length));
        options.pushAnswer(connection, replyItem(id, resultJson));
      }
      resume(connection);
    },
    refused: (id: number, error: WireError): void => {
      connection.reading -= 1;
      refused(connection, id, error);
      resume(connection);
    },
  });

  const resume = (connection: Connection): void => {
    while (
      connection.waiting !== undefined &&
      connection.reading < settings.maxReading &&
      connection.lag === undefined
    ) {
      const next = connection.waiting.shift();
      if (connection.waiting.length === 0) connection.waiting = undefined;
      if (next !== undefined) query(connection, next.id, next.call);
    }
  };

  const answered = (connection: Connection, id: number, resultJson: string): void => {
    finish(connection);
    reply(connection, replyItem(id, resultJson));
  };

  const refused = (connection: Connection, id: number, error: WireError): void => {
    finish(connection);
    refuseNow(connection, id, error);
  };

  /** Where too much waits, each connection has its share of it: who has little under way is served, whatever others hold. */
  const isCrowded = (connection: Connection, length: number): boolean =>
    totalLength > settings.maxTotalLength &&
    connection.underWayLength + length > settings.maxTotalLength / Math.max(1, options.connections());

  /** Why a request of this length is not taken from this connection at the moment. */
  const busy = (connection: Connection, length: number): WireError | undefined => {
    if (closed) return DRAINING;
    if (connection.state === 'joining') return NOT_YET;
    if (connection.underWay >= settings.maxUnderWay || connection.underWayLength > settings.maxUnderWayLength)
      return OVERLOADED;
    return isCrowded(connection, length) ? CROWDED : undefined;
  };

  /** Refuses a frame that is not parsed, if it says first which request it is. */
  const refuseUnread = (connection: Connection, frame: string): void => {
    const [, id] = LEADING_ID.exec(frame) ?? [];
    if (id === undefined || connection.state === 'new') return end(connection, 'badFrame');
    const cost = costOf(frame.length);
    if (seats.spend(connection.seat, cost)) refuseNow(connection, Number(id), INTRICATE);
    else refuseExcess(connection, Number(id), cost);
  };

  const request = (connection: Connection, raw: unknown, length: number): void => {
    if (!isPlainObject(raw) || !isId(raw.id)) return end(connection, 'badFrame');
    const { id } = raw;
    counts.requests += 1;
    const cost = costOf(length);
    if (!seats.spend(connection.seat, cost)) return refuseExcess(connection, id, cost);
    const isNew = connection.state === 'new';
    if (isNew && raw.method !== 'hello') return end(connection, 'badFrame');
    const named = methodOf(raw.method);
    if ('error' in named) return refuseNow(connection, id, named.error);
    const { method } = named;
    const reason = busy(connection, length);
    if (reason !== undefined) return refuseNow(connection, id, reason);
    if (isNew) return options.hello(connection, id, raw.params);
    const number = numberOf(method, raw);
    if (number !== undefined && 'code' in number) return refuseNow(connection, id, number);
    const isQuery = METHODS[method].kind === 'query';
    if (isQuery && length > MAX_QUERY_LENGTH) return refuseNow(connection, id, LONG_QUERY);
    begin(connection, length);
    const params = raw.params ?? {};
    if (method === 'watch') return options.watch(connection, id, params);
    const call: Call = { method, params, caller: connection, outbox: number?.outbox, n: number?.n };
    if (isQuery) query(connection, id, call);
    else command(connection, id, call);
  };

  return {
    take: (connection, frame) => {
      if (isIntricate(frame)) return refuseUnread(connection, frame);
      let value: unknown;
      try {
        value = JSON.parse(frame);
      } catch {
        // Whatever the parser says of it: a frame that is no JSON ends the connection.
        return end(connection, 'badFrame');
      }
      if (!Array.isArray(value)) return request(connection, value, frame.length);
      if (value.length === 0 || value.length > LIMITS.maxRequestsPerFrame) return end(connection, 'badFrame');
      const length = frame.length / value.length;
      for (let i = 0; i < value.length && connection.state !== 'ended'; i++) request(connection, value[i], length);
    },
    answered,
    refused,
    resume,
    forget: (connection) => {
      const unread = connection.waiting?.length ?? 0;
      connection.waiting = undefined;
      for (let i = 0; i < unread; i++) finish(connection);
    },
    close: () => {
      closed = true;
    },
    get underWay() {
      return totalUnderWay;
    },
  };
};
