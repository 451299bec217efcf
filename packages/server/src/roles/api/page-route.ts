/** Everything that is read with GET. */
import { openapi } from '@duolog/protocol/schema';
import { wireError } from '../dispatch.ts';
import { frontPage, pageResponse, referencePage } from './pages.ts';
import { addressOf, isFromHere } from './remote-address.ts';
import type { Peer } from './remote-address.ts';
import { errorResponse, jsonResponse, methodNotAllowed } from './responses.ts';
import type { Routed } from './responses.ts';

export interface PageOptions {
  readonly version: string;
  /** The server's public address, if it is set. */
  readonly url: string | undefined;
  /** All metrics as text, with its content type. */
  readonly metricsText: () => { readonly text: string; readonly contentType: string };
  /** Who may read them: programs of this machine, or everybody. */
  readonly metricsFor: 'local' | 'all';
  /** Why no new work is welcome; empty: it is. */
  readonly unready: () => readonly string[];
}

type Page = (request: Request, peer: Peer) => Response;

const METRICS_ELSEWHERE = 'Metrics are for programs of the same machine; the setting DUOLOG_METRICS gives them to all.';

const pagesOf = ({ version, url, metricsText, metricsFor, unready }: PageOptions): Readonly<Record<string, Page>> => {
  const openapiJson = JSON.stringify(openapi(version));
  const reference = referencePage(version);
  return {
    '/': (request, peer) => pageResponse(frontPage({ version, address: addressOf(request, peer, url) })),
    '/health': () => jsonResponse(JSON.stringify({ status: 'serving', version })),
    '/ready': () => {
      const reasons = unready();
      return jsonResponse(JSON.stringify({ ready: reasons.length === 0, reasons }), reasons.length === 0 ? 200 : 503);
    },
    '/metrics': (request, peer) => {
      if (metricsFor === 'local' && !isFromHere(request.headers, peer))
        return errorResponse(wireError('forbidden', METRICS_ELSEWHERE));
      const { text, contentType } = metricsText();
      return new Response(text, { headers: { 'content-type': contentType } });
    },
    '/openapi.json': () => jsonResponse(openapiJson, 200, { 'access-control-allow-origin': '*' }),
    '/reference': () => pageResponse(reference),
  };
};

export const createPageRoute = (options: PageOptions): ((request: Request, path: string, peer: Peer) => Routed) => {
  const pages = new Map(Object.entries(pagesOf(options)));
  return (request, path, peer) => {
    const page = pages.get(path);
    if (page === undefined) {
      return ['unknown', errorResponse(wireError('notFound', `There is nothing at ${path.slice(0, 128)}.`))];
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') return [path, methodNotAllowed('GET, HEAD')];
    return [path, page(request, peer)];
  };
};
