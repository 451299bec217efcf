/** The first request of a connection: who it is, and whether the user's owner lets the device in. */
import { DuologError, errorItem, replyItem } from '@duolog/protocol';
import type { CloseReason } from '@duolog/protocol';
import { METHODS, checkFields } from '@duolog/protocol/schema';
import type { Context } from '../../methods/context.ts';
import { greeted } from '../../methods/hello.ts';
import type { Log } from '../../ports/log.ts';
import type { TokenHolder } from '../../ports/tokens.ts';
import type { Outcome } from '../../pump/messages.ts';
import { malformed, wireError, wireErrorOf } from '../dispatch.ts';
import type { Connection, EndConnection } from './connection.ts';
import type { GatewayCounts } from './counts.ts';
import { headIn } from './routes.ts';
import type { Routes } from './routes.ts';
import type { Seats } from './seats.ts';
import type { GatewaySettings } from './settings.ts';
import type { Writer } from './writer.ts';

export interface SigningInOptions {
  readonly context: Context;
  readonly settings: GatewaySettings;
  readonly seats: Seats;
  readonly counts: GatewayCounts;
  readonly routes: Routes;
  readonly writer: Writer;
  readonly log: Log;
  readonly end: EndConnection;
  /** Ticks after which so much time has passed. */
  readonly ticksOf: (ms: number) => number;
}

/** What a `hello` asked for and what is known of it. */
interface Greeting {
  readonly id: number;
  readonly version: number;
  readonly heartbeatMs: number;
}

const closeReasonOf = (thrown: unknown): CloseReason => {
  const code = thrown instanceof DuologError ? thrown.code : 'internal';
  return code === 'unsupportedVersion' || code === 'unauthenticated' ? code : 'internal';
};

/** Answers `hello`: with `welcome`, or with an error and the end of the connection. */
export const createSigningIn = (
  options: SigningInOptions,
): ((connection: Connection, id: number, params: unknown) => void) => {
  const { context, settings, seats, counts, routes, writer, log, end, ticksOf } = options;
  const limitsJson = JSON.stringify(context.limits);

  /** A device has one connection: the newest. */
  const replaceOthers = (connection: Connection): void => {
    let other = routes.first(connection.user);
    while (other !== undefined) {
      const next: Connection | undefined = other.sibling;
      if (other !== connection && other.device === connection.device && other.state === 'open') end(other, 'replaced');
      other = next;
    }
  };

  const welcome = (connection: Connection, { id, version, heartbeatMs }: Greeting, result: string): void => {
    replaceOthers(connection);
    seats.allow(connection.seat, ticksOf(3 * heartbeatMs));
    seats.raiseHead(connection.seat, headIn(result));
    connection.state = 'open';
    counts.signedIn += 1;
    const { user, device, head } = connection;
    const known = `"version":${version},"epoch":"${context.queries.epoch}","head":${head},"user":"${user}","device":"${device}"`;
    const serverAt = Math.floor(context.clock.now());
    const told = `"heartbeatMs":${heartbeatMs},"serverAt":${serverAt},"limits":${limitsJson}`;
    writer.push(connection, replyItem(id, `{${known},${told}}`));
  };

  const settle = (connection: Connection, greeting: Greeting, outcome: Outcome): void => {
    if (connection.state !== 'joining') return;
    if (outcome.ok) return welcome(connection, greeting, outcome.result);
    const { code, detail, facts } = outcome.failure;
    writer.push(connection, errorItem(greeting.id, wireError(code, detail, facts)));
    end(connection, code === 'unauthenticated' ? 'unauthenticated' : 'overloaded');
  };

  const join = (connection: Connection, greeting: Greeting, { user, device }: TokenHolder): void => {
    connection.state = 'joining';
    connection.user = user;
    connection.device = device;
    routes.join(connection, (outcome) => settle(connection, greeting, outcome));
  };

  return (connection, id, params) => {
    const checked = checkFields(METHODS.hello.params, params);
    if (!checked.ok) {
      writer.push(connection, errorItem(id, malformed(checked.refusal)));
      return end(connection, 'badFrame');
    }
    try {
      const { version, holder } = greeted(checked.value, context);
      const heartbeatMs = checked.value.background === true ? settings.backgroundHeartbeatMs : settings.heartbeatMs;
      join(connection, { id, version, heartbeatMs }, holder);
    } catch (thrown) {
      writer.push(connection, errorItem(id, wireErrorOf(thrown, log, 'hello')));
      end(connection, closeReasonOf(thrown));
    }
  };
};
