/** What a gateway may be told. */
import { LIMITS } from '@duolog/protocol';
import { requestsPerSecond } from '../../methods/rates.ts';

export interface GatewaySettings {
  /** Beats are to come at least this often (PRE1); after three missed ones a connection is closed (PRE2). */
  readonly heartbeatMs: number;
  /** The same for clients in the background. */
  readonly backgroundHeartbeatMs: number;
  /** A connection that has not said hello after this long is closed. */
  readonly helloMs: number;
  /** Connections held; more are refused. */
  readonly maxConnections: number;
  /** Requests and beats of one connection, over time; twice as many may come at once. */
  readonly requestsPerSecond: number;
  /** Requests of one connection that may be unanswered. */
  readonly maxUnderWay: number;
  /** Characters of unanswered requests: of one connection, of all together. */
  readonly maxUnderWayLength: number;
  readonly maxTotalLength: number;
  /** Queries of one connection that are read at once; the others wait, also for a client that reads slowly. */
  readonly maxReading: number;
  /** Waiting bytes above which live entries are left out; the client pulls them later (SYN9). */
  readonly stopEntriesBytes: number;
  /** Waiting bytes above which a connection is closed (SYN9). */
  readonly maxSendQueueBytes: number;
  /** The same of all connections together: then the one with most of them is closed. */
  readonly maxTotalWaitingBytes: number;
  /** A connection with waiting bytes that takes none of them for this long is closed. */
  readonly stalledMs: number;
  /** Malformed requests after which a connection is closed; they are forgiven at half each quarter of a minute or so. */
  readonly maxFaults: number;
  /** The same for requests beyond the rate. */
  readonly maxExcess: number;
  /** How long a draining gateway waits for what is unanswered. */
  readonly drainMs: number;
  /** Clients that a draining gateway sends away in a second: they come back spread over that time. */
  readonly reconnectsPerSecond: number;
}

const GATEWAY_SETTINGS: GatewaySettings = {
  heartbeatMs: 5_000,
  backgroundHeartbeatMs: 25_000,
  helloMs: 10_000,
  maxConnections: 100_000,
  requestsPerSecond: requestsPerSecond(LIMITS.messagesPerSecond),
  maxUnderWay: 128,
  maxUnderWayLength: 2 * LIMITS.maxFrameBytes,
  maxTotalLength: 128 * 1024 * 1024,
  maxReading: 4,
  stopEntriesBytes: LIMITS.maxSendQueueBytes / 4,
  maxSendQueueBytes: LIMITS.maxSendQueueBytes,
  maxTotalWaitingBytes: 256 * 1024 * 1024,
  stalledMs: 30_000,
  maxFaults: 64,
  maxExcess: 2_000,
  drainMs: 3_000,
  reconnectsPerSecond: 2_000,
};

/** Defaults, with the requests let in following the messages that may be sent. */
export const gatewaySettings = (
  given: Partial<GatewaySettings> & { readonly messagesPerSecond?: number },
): GatewaySettings => {
  const { messagesPerSecond = LIMITS.messagesPerSecond, ...settings } = given;
  return {
    ...GATEWAY_SETTINGS,
    requestsPerSecond: requestsPerSecond(messagesPerSecond),
    ...settings,
  };
};
