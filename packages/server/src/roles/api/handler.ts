/** The HTTP server's answers: a web `Request` in, a web `Response` out. Whoever listens brings the socket's address. */
import { HTTP_PREFIX } from '@duolog/protocol';
import { wireError, wireErrorOf } from '../dispatch.ts';
import { createCallRoute } from './call-route.ts';
import type { CallOptions } from './call-route.ts';
import { allowsOrigin, corsHeaders, preflightHeaders } from './origins.ts';
import { createPageRoute } from './page-route.ts';
import type { PageOptions } from './page-route.ts';
import { peerOf } from './remote-address.ts';
import { errorResponse } from './responses.ts';
import type { Routed } from './responses.ts';

export interface ApiOptions extends CallOptions, PageOptions {
  /** Origins of pages allowed beside the server's own; `*`: all. */
  readonly origins: readonly string[];
  /** Whether methods are answered, or the pages for operators alone: a process without this role has those too. */
  readonly answersCalls: boolean;
  /** Proxies that are believed. */
  readonly proxies: readonly string[];
}

export interface Api {
  /** Answers a request; never rejects. */
  handle(request: Request, socketAddress: string): Promise<Response>;
  /** Whether a page of this origin may connect; no origin: no browser. */
  allowsOrigin(request: Request): boolean;
}

const FOREIGN_ORIGIN = 'Pages of this origin may not use this server; its setting DUOLOG_ORIGINS names those that may.';

const NO_CALLS = 'This process answers no calls; its setting DUOLOG_ROLES does not name api.';

const NO_PATH = 'The address of this request has no path.';

/** By hand: without a usable Host the listener gives the path alone, or a URL that is none. */
const pathOf = (url: string): string | undefined => /^(?:https?:\/\/[^/]*)?(\/[^?#]*)/.exec(url)?.[1];

export const createApi = (options: ApiOptions): Api => {
  const { log } = options;
  const page = createPageRoute(options);
  const call = createCallRoute(options);
  const answered = options.metrics.counters(
    { name: 'duolog_http_requests_total', help: 'HTTP requests answered, by method or page and status.' },
    ['route', 'status'],
  );

  const allowed = (request: Request): boolean => {
    const origin = request.headers.get('origin');
    return origin === null || allowsOrigin(options, origin, request.headers.get('host'));
  };

  const answer = async (request: Request, socketAddress: string): Promise<Routed> => {
    const path = pathOf(request.url);
    if (path === undefined) return ['unknown', errorResponse(wireError('invalid', NO_PATH))];
    const peer = peerOf(request.headers, socketAddress, options.proxies);
    if (!path.startsWith(HTTP_PREFIX)) return page(request, path, peer);
    if (!options.answersCalls) return ['unknown', errorResponse(wireError('notFound', NO_CALLS))];
    if (!allowed(request)) return ['origin', errorResponse(wireError('forbidden', FOREIGN_ORIGIN))];
    const origin = request.headers.get('origin');
    if (request.method === 'OPTIONS' && origin !== null) {
      return ['preflight', new Response(null, { status: 204, headers: preflightHeaders(origin) })];
    }
    const [route, response] = await call(request, path.slice(HTTP_PREFIX.length), peer);
    if (origin !== null) {
      for (const [name, value] of Object.entries(corsHeaders(origin))) response.headers.set(name, value);
    }
    return [route, response];
  };

  return {
    allowsOrigin: allowed,
    handle: async (request, socketAddress) => {
      try {
        const [route, response] = await answer(request, socketAddress);
        answered(route, String(response.status)).add();
        log.debug('answered', { route, status: response.status });
        return response;
      } catch (thrown) {
        return errorResponse(wireErrorOf(thrown, log, 'http'));
      }
    },
  };
};
