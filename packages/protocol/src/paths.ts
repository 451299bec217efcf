/** Where a server answers. */

/** Calls over HTTP: `POST /v1/<method>`. */
export const HTTP_PREFIX = '/v1/';
/** The WebSocket. */
export const SOCKET_PATH = '/v1/connect';
