/** Which web pages may use the server from a browser (CORS). Programs that are no browsers send no Origin. */

export interface OriginRules {
  /** Allowed beside the server's own; `*`: all. */
  readonly origins: readonly string[];
  /** The server's public address, if it is set. */
  readonly url?: string | undefined;
}

const hostOf = (url: string): string | undefined => (URL.canParse(url) ? new URL(url).host : undefined);

/** Whether a page of this origin may use the server. Its own origin is told by the host: a proxy may have taken TLS off. */
export const allowsOrigin = (rules: OriginRules, origin: string, host: string | null): boolean => {
  if (rules.origins.includes('*') || rules.origins.includes(origin.toLowerCase())) return true;
  const originHost = hostOf(origin);
  if (originHost === undefined) return false;
  return originHost === host?.toLowerCase() || (rules.url !== undefined && originHost === hostOf(rules.url));
};

/** Headers that let a page read an answer. */
export const corsHeaders = (origin: string): Record<string, string> => ({
  'access-control-allow-origin': origin,
  'access-control-expose-headers': 'retry-after',
  vary: 'origin',
});

/** Headers that answer a preflight. */
export const preflightHeaders = (origin: string): Record<string, string> => ({
  ...corsHeaders(origin),
  'access-control-allow-methods': 'GET, POST',
  'access-control-allow-headers': 'authorization, content-type, duolog-outbox, duolog-n',
  'access-control-max-age': '7200',
});
