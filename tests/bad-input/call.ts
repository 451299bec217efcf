/** Calls over HTTP. */
import { HTTP_PREFIX } from '@duolog/protocol';
import type { MethodName, Params, Result, WireError } from '@duolog/protocol';

export interface HttpAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Posts a body as it is. */
export const post = async (url: string, method: string, body: string, token?: string): Promise<HttpAnswer> => {
  const headers = {
    'content-type': 'application/json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const response = await fetch(`${url}${HTTP_PREFIX}${method}`, {
    method: 'POST',
    headers,
    body,
    signal: AbortSignal.timeout(10_000),
  });
  return { status: response.status, body: await response.json() };
};

/** The error of an answer, if it is one. */
export const errorOf = (body: unknown): WireError | undefined =>
  typeof body === 'object' && body !== null && 'error' in body ? (body.error as WireError) : undefined;

export const call = async <M extends MethodName>(
  url: string,
  method: M,
  params: Params<M>,
  token?: string,
): Promise<Result<M>> => {
  const { body } = await post(url, method, JSON.stringify(params), token);
  if (errorOf(body) !== undefined) throw new Error(`${method}: ${JSON.stringify(body)}`);
  return body as Result<M>;
};
