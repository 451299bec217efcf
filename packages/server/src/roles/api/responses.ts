/** Answers of the HTTP server. */
import { ERRORS } from '@duolog/protocol';
import type { WireError } from '@duolog/protocol';

const JSON_HEADERS = {
  'content-type': 'application/json',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};

/** An answer of JSON text, or of a stream of it. */
export const jsonResponse = (
  json: string | ReadableStream<Uint8Array>,
  status = 200,
  headers: Record<string, string> = {},
): Response => new Response(json, { status, headers: { ...JSON_HEADERS, ...headers } });

/** An error in the form it travels in, with the status of the table. `status` is for what HTTP alone knows (405). */
export const errorResponse = (
  error: WireError,
  headers: Record<string, string> = {},
  status: number = ERRORS[error.code].status,
): Response => {
  const retryAfter =
    error.retry === 'later'
      ? { 'retry-after': String(Math.max(1, Math.ceil((error.retryAfterMs ?? 1_000) / 1_000))) }
      : {};
  const challenge = error.code === 'unauthenticated' ? { 'www-authenticate': 'Bearer' } : {};
  return jsonResponse(JSON.stringify({ error }), status, { ...retryAfter, ...challenge, ...headers });
};

/** A path exists, but not for this HTTP method. */
export const methodNotAllowed = (allow: string): Response =>
  errorResponse({ code: 'invalid', retry: 'never', detail: `This takes ${allow}.` }, { allow }, 405);

/** An answer with the route that metrics count it under. */
export type Routed = readonly [route: string, response: Response];
