/** Frames to and from what travels. Server items are built as text, so that one body serves all its recipients. */
import type { WireError } from './errors.ts';

/** Binary frame type of a heartbeat: `[1][cursor: float64 big-endian]`; answered with `[1][head: float64 big-endian]`. */
export const BEAT = 1;

export const encodeBeat = (position: number): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(9);
  bytes[0] = BEAT;
  new DataView(bytes.buffer).setFloat64(1, position);
  return bytes;
};

/** The position in a beat, or undefined if these bytes are no beat. */
export const decodeBeat = (bytes: Uint8Array): number | undefined => {
  if (bytes.byteLength !== 9 || bytes[0] !== BEAT) return undefined;
  const position = new DataView(bytes.buffer, bytes.byteOffset, 9).getFloat64(1);
  return Number.isSafeInteger(position) && position >= 0 ? position : undefined;
};

/** A reply with a result that is JSON text already. */
export const replyItem = (id: number, resultJson: string): string =>
  `{"type":"reply","id":${id},"result":${resultJson}}`;
export const errorItem = (id: number, error: WireError): string =>
  `{"type":"reply","id":${id},"error":${JSON.stringify(error)}}`;

/** The part of an entry that all recipients share: everything after the number. `fields` is JSON text without braces. */
export const entryItem = (useq: number, fields: string): string => `{"type":"entry","useq":${useq},${fields}}`;
export const messageFields = (bodyJson: string): string => `"kind":"message","message":${bodyJson}`;

/** A server's frame from its items. */
export const frameOf = (items: readonly string[]): string => `[${items.join(',')}]`;
