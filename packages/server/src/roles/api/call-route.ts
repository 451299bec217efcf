/** `POST /v1/<method>`. */
import { DuologError, ERRORS, SOCKET_PATH } from '@duolog/protocol';
import type { MethodName, Result, UserId, WireError } from '@duolog/protocol';
import type { Caller } from '../../methods/handler.ts';
import { costOfAnswer } from '../../methods/rates.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Log } from '../../ports/log.ts';
import type { Metrics } from '../../ports/metrics.ts';
import { wireErrorOf } from '../dispatch.ts';
import type { Call, Dispatch } from '../dispatch.ts';
import { OWN_ADDRESS } from './discovery.ts';
import { bytesToCome, jsonOf, readBody } from './body.ts';
import { bodyInPieces, waitingBytesOf } from './long-answer.ts';
import { methodOf, readHead } from './method-call.ts';
import type { CallHead } from './method-call.ts';
import { addressOf } from './remote-address.ts';
import type { Peer } from './remote-address.ts';
import { errorResponse, jsonResponse, methodNotAllowed } from './responses.ts';
import type { Routed } from './responses.ts';
import { createSignInRates } from './sign-in-rates.ts';
import type { SignInRates } from './sign-in-rates.ts';
import { createTurns } from './turns.ts';
import { createUserCalls } from './user-calls.ts';
import type { UserCall, UserCallLimits } from './user-calls.ts';

export interface CallOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly dispatch: Dispatch;
  /** Whose token this is; undefined: it was not made here. */
  readonly readToken: (token: string) => Caller | undefined;
  /** Whether the device is still signed in. */
  readonly isSignedIn: (caller: Caller) => Promise<boolean>;
  readonly rates: SignInRates;
  readonly userCalls: UserCallLimits;
  /** The server's public address, if it is set. */
  readonly url: string | undefined;
}

/** Seconds; from a look at a cache to a slow disk. */
const DURATION_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** Queries whose answers may be of megabytes, and how many of them are worked on at a time: each takes a multiple of its answer. */
const LONG_ANSWERED: ReadonlySet<MethodName> = new Set(['message.list', 'message.get', 'conversation.list', 'sync']);
const LONG_AT_ONCE = 8;
const LONG_OF_USER_AT_ONCE = 2;

type UserHead = CallHead & { readonly token: string };

type Answer = { readonly json: string } | { readonly error: WireError };

const dispatched = (dispatch: Dispatch, call: Call): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const answers = {
      answered: (_id: number, json: string) => resolve({ json }),
      refused: (_id: number, error: WireError) => resolve({ error }),
    };
    dispatch(call, answers, 0)?.catch(reject);
  });

/** Chat servers without an address of their own are the one this request came to. */
const withOwnAddress = (json: string, address: string): string => {
  const found = JSON.parse(json) as Result<'server.find'>;
  const own = `${address.replace(/^http/, 'ws')}${SOCKET_PATH}`;
  const servers = found.servers.map((server) => (server === OWN_ADDRESS ? own : server));
  return JSON.stringify({ ...found, servers });
};

/** The answer, with which the call ends: with a long one when it was taken, with any other at once. */
const respond = (json: string, call: UserCall, clock: Clock): Response => {
  const waitingBytes = waitingBytesOf(json);
  if (waitingBytes === 0) {
    call.end();
    return jsonResponse(json);
  }
  call.keep(waitingBytes);
  return jsonResponse(bodyInPieces(json, clock, () => call.end()));
};

/** Calls of somebody who is signed in. */
const createUserRoute = (
  options: CallOptions,
): ((request: Request, method: MethodName, head: UserHead, peer: Peer) => Promise<Response>) => {
  const { clock, dispatch } = options;
  const userCalls = createUserCalls(clock, options.userCalls);
  const turns = createTurns(LONG_AT_ONCE, LONG_OF_USER_AT_ONCE);

  const inTurn = (method: MethodName, user: UserId, call: UserCall, work: () => Promise<Answer>): Promise<Answer> =>
    LONG_ANSWERED.has(method)
      ? turns.run(user, () => {
          // Those before it may have used up what this one was let in for.
          call.checkRate();
          return work();
        })
      : work();

  return async (request, method, head, peer) => {
    const caller = options.readToken(head.token);
    if (caller === undefined) throw new DuologError('unauthenticated', ERRORS.unauthenticated.text);
    const call = userCalls.begin(caller.user, bytesToCome(request));
    try {
      const body = await readBody(request, 'maxFrameBytes');
      call.read(body.byteLength);
      const params = jsonOf(body);
      // Behind the body, which may take its time: the device may be revoked meanwhile (ACC6).
      if (!(await options.isSignedIn(caller))) throw new DuologError('unauthenticated', ERRORS.unauthenticated.text);
      const made = await inTurn(method, caller.user, call, () =>
        dispatched(dispatch, { method, params, caller, ...head.numbered }),
      );
      if ('error' in made) {
        call.end();
        return errorResponse(made.error);
      }
      const isFound = method === 'server.find';
      const json = isFound ? withOwnAddress(made.json, addressOf(request, peer, options.url)) : made.json;
      call.answered(costOfAnswer(method, json.length));
      return respond(json, call, clock);
    } catch (thrown) {
      call.end();
      throw thrown;
    }
  };
};

export const createCallRoute = (
  options: CallOptions,
): ((request: Request, name: string, peer: Peer) => Promise<Routed>) => {
  const { clock, log, dispatch } = options;
  const checkRate = createSignInRates(options.rates);
  const ofUser = createUserRoute(options);
  const seconds = options.metrics.histogram(
    { name: 'duolog_http_call_seconds', help: 'Time from a method call over HTTP to its answer.' },
    DURATION_BOUNDS,
  );

  const ofAnybody = async (
    request: Request,
    method: MethodName,
    numbered: CallHead['numbered'],
    peer: Peer,
  ): Promise<Response> => {
    const params = jsonOf(await readBody(request, 'maxSignInBytes'));
    checkRate(method, params, peer.address, clock.monotonic());
    const made = await dispatched(dispatch, { method, params, caller: undefined, ...numbered });
    return 'error' in made ? errorResponse(made.error) : jsonResponse(made.json);
  };

  const answer = (request: Request, method: MethodName, peer: Peer): Promise<Response> => {
    const { numbered, token } = readHead(request, method);
    return token === undefined
      ? ofAnybody(request, method, numbered, peer)
      : ofUser(request, method, { numbered, token }, peer);
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
