/** Request bodies, read no further than they may be long. */
import { DuologError, LIMITS } from '@duolog/protocol';
import { isIntricate } from '../shape.ts';

type BodyLimit = 'maxFrameBytes' | 'maxSignInBytes';

const tooLarge = (limit: BodyLimit): DuologError => {
  const max = LIMITS[limit];
  return new DuologError('tooLarge', `The body has more than ${max} bytes.`, { limit, max });
};

/** Bytes of the body, if a header tells. */
export const bytesToCome = (request: Request): number | undefined => {
  const length = request.headers.get('content-length');
  return length === null && request.body !== null ? undefined : Number(length);
};

const utf8 = new TextDecoder('utf-8', { fatal: true });

const collect = async (body: ReadableStream<Uint8Array>, limit: BodyLimit): Promise<Uint8Array> => {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.byteLength;
    if (length > LIMITS[limit]) throw tooLarge(limit);
    chunks.push(chunk);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
};

/** Whoever sent it went away in the middle: no fault of ours, and mostly nobody is left to read this. */
const cutShort = (cause: unknown): DuologError =>
  new DuologError('invalid', 'The body ended too early.', { field: 'params', cause });

/** The bytes of a body. Rejects with `tooLarge`, or `invalid` when it does not come to its end. */
export const readBody = async (request: Request, limit: BodyLimit): Promise<Uint8Array> => {
  const length = request.headers.get('content-length');
  if (Number(length) > LIMITS[limit]) throw tooLarge(limit);
  if (request.body === null) return new Uint8Array();
  try {
    // With a length the listener reads no more than that.
    return length === null ? await collect(request.body, limit) : new Uint8Array(await request.arrayBuffer());
  } catch (cause) {
    throw cause instanceof DuologError ? cause : cutShort(cause);
  }
};

const tooIntricate = (): DuologError =>
  new DuologError('invalid', 'The body is nested too deeply, or has too many parts.', { field: 'params' });

/** The JSON value of a body; that of an empty one is `{}`. Throws `invalid`. */
export const jsonOf = (bytes: Uint8Array): unknown => {
  if (bytes.byteLength === 0) return {};
  try {
    const text = utf8.decode(bytes);
    if (isIntricate(text)) throw tooIntricate();
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof DuologError) throw cause;
    throw new DuologError('invalid', 'The body is not JSON in UTF-8.', { field: 'params', cause });
  }
};
