/** Calls over HTTP. */
import type { Numbered, Outcome, WireError } from './wire.ts';

const limitMs = 15_000;

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
};

/** One `POST /v1/<method>`. Anything that breaks is `unknown`. */
export const httpCall = async (
  base: string,
  token: string | undefined,
  method: string,
  params: object,
  numbered?: Numbered,
): Promise<Outcome> => {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
  if (numbered !== undefined) {
    headers['duolog-outbox'] = numbered.outbox;
    headers['duolog-n'] = String(numbered.n);
  }
  let body: unknown;
  let ok: boolean;
  try {
    const response = await fetch(`${base}/v1/${method}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(params),
      signal: AbortSignal.timeout(limitMs),
    });
    ok = response.ok;
    body = parse(await response.text());
  } catch {
    // Refused, broken, too late: whatever it was, nobody knows what the server did.
    return { kind: 'unknown' };
  }
  if (typeof body !== 'object' || body === null) return { kind: 'unknown' };
  if (ok) return { kind: 'ok', result: body as Readonly<Record<string, unknown>> };
  const { error } = body as { readonly error?: WireError };
  return error === undefined ? { kind: 'unknown' } : { kind: 'error', error };
};
