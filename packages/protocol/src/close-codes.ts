/**
 * Why a connection was closed (SYN11). 4000 to 4499: connect again (full jitter); 4500 to 4999: stop, a person or a
 * programmer has to do something first. Any other code (1006 …) means connect again.
 */
export const CLOSE_CODES = {
  goingAway: { code: 4000, text: 'The server is draining; `bye` said when to come back.' },
  slowReader: {
    code: 4001,
    text: 'The client did not read what was sent to it; nothing is lost, sync after reconnecting.',
  },
  missedBeats: { code: 4002, text: 'No frame arrived for three heartbeat intervals.' },
  helloTimeout: { code: 4003, text: 'No hello within the time allowed.' },
  replaced: { code: 4004, text: 'The same device has connected anew.' },
  overloaded: { code: 4005, text: 'The server takes no more connections at the moment.' },
  internal: { code: 4006, text: 'A fault of the server.' },
  badFrame: { code: 4500, text: 'A frame could not be understood: not JSON, not a request, or before hello.' },
  tooLarge: { code: 4501, text: 'A frame was larger than maxFrameBytes, or the first one than maxSignInBytes.' },
  unauthenticated: { code: 4502, text: 'Token or ticket is not valid, or the device was revoked: log in again.' },
  unsupportedVersion: { code: 4503, text: 'Client and server share no protocol version.' },
  abuse: { code: 4504, text: 'Too many invalid frames.' },
} as const satisfies Record<string, { code: number; text: string }>;

export type CloseReason = keyof typeof CLOSE_CODES;

/** Whether a client that was closed with this code should connect again. */
export const mayReconnect = (code: number): boolean => code < 4500 || code > 4999;
