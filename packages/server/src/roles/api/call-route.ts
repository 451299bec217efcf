/** `POST /v1/<method>`. */
import { SOCKET_PATH } from '@duolog/protocol';
import type { MethodName, Result, WireError } from '@duolog/protocol';
import { METHODS } from '@duolog/protocol/schema';
import type { Caller } from '../../methods/handler.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Metrics } from '../../ports/metrics.ts';
import { wireErrorOf } from '../dispatch.ts';
import type { Call, Dispatch } from '../dispatch.ts';
import { OWN_ADDRESS } from './discovery.ts';
import { methodOf, readCall } from './method-call.ts';
import { addressOf } from './remote-address.ts';
import type { Peer } from './remote-address.ts';
import { errorResponse, jsonResponse, methodNotAllowed } from './responses.ts';
import type { Routed } from './responses.ts';
import { createSignInRates } from './sign-in-rates.ts';
import type { SignInRates } from './sign-in-rates.ts';

export interface CallOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly dispatch: Dispatch;
  /** Whose token this is. Rejects with `unauthenticated`. */
  readonly authenticate: (token: string) => Promise<Caller>;
  readonly rates: SignInRates;
  /** The server's public address, if it is set. */
  readonly url: string | undefined;
}

/** Seconds; from a look at a cache to a slow disk. */
const DURATION_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

const dispatched = (dispatch: Dispatch, call: Call): Promise<Response> =>
  new Promise((resolve, reject) => {
    const answers = {
      answered: (_id: number, json: string) => resolve(jsonResponse(json)),
      refused: (_id: number, error: WireError) => resolve(errorResponse(error)),
    };
    dispatch(call, answers, 0)?.catch(reject);
  });

/** Chat servers without an address of their own are the one this request came to. */
const withOwnAddress = async (response: Response, address: string): Promise<Response> => {
  const found = (await response.json()) as Result<'server.find'>;
  const own = `${address.replace(/^http/, 'ws')}${SOCKET_PATH}`;
  const servers = found.servers.map((server) => (server === OWN_ADDRESS ? own : server));
  return jsonResponse(JSON.stringify({ ...found, servers }));
};

export const createCallRoute = (
  options: CallOptions,
): ((request: Request, name: string, peer: Peer) => Promise<Routed>) => {
  const { clock, log, dispatch } = options;
  const checkRate = createSignInRates(options.rates);
  const seconds = options.metrics.histogram(
    { name: 'duolog_http_call_seconds', help: 'Time from a method call over HTTP to its answer.' },
    DURATION_BOUNDS,
  );

  const answer = async (request: Request, method: MethodName, peer: Peer): Promise<Response> => {
    const call = await readCall(request, method, options.authenticate);
    if (METHODS[method].auth === 'none') checkRate(method, call.params, peer.address, clock.monotonic());
    const response = await dispatched(dispatch, call);
    const isFound = method === 'server.find' && response.ok;
    return isFound ? withOwnAddress(response, addressOf(request, peer, options.url)) : response;
  };

  return async (request, name, peer) => {
    const startedAt = clock.monotonic();
    let route = 'unknown';
    try {
      const method = methodOf(name);
      route = method;
      if (request.method !== 'POST') return [route, methodNotAllowed('POST')];
      return [route, await answer(request, method, peer)];
    } catch (thrown) {
      return [route, errorResponse(wireErrorOf(thrown, log, route))];
    } finally {
      seconds.observe((clock.monotonic() - startedAt) / 1_000);
    }
  };
};
