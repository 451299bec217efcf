/** Long answers, which wait in memory until whoever asked has taken them. */
import type { Clock, Timer } from '../../ports/clock.ts';

/** What is no longer than this the kernel takes at once, whether it is read or not. */
const MAX_SHORT_BYTES = 32 * 1_024;
const MAX_BYTES_OF_CHARACTER = 3;
const PIECE_BYTES = 64 * 1_024;
/** The longest pages, 5 MB, then travel with 16 KB a second. */
export const MAX_TAKING_MS = 300_000;

/** How many bytes of this answer may have to wait: all of a long one, none of any other. */
export const waitingBytesOf = (json: string): number => {
  if (json.length * MAX_BYTES_OF_CHARACTER <= MAX_SHORT_BYTES) return 0;
  const bytes = Buffer.byteLength(json);
  return bytes <= MAX_SHORT_BYTES ? 0 : bytes;
};

/**
 * A body that is handed over piece by piece, as the connection takes it. `end` is called when all of it was taken or
 * nobody is there to take it, and after {@link MAX_TAKING_MS}, when the connection is given up.
 */
export const bodyInPieces = (json: string, clock: Clock, end: () => void): ReadableStream<Uint8Array<ArrayBuffer>> => {
  const bytes = Buffer.from(json);
  let at = 0;
  let timer: Timer | undefined;
  const finish = (): void => {
    timer?.cancel();
    end();
  };
  return new ReadableStream(
    {
      start: (controller) => {
        timer = clock.after(MAX_TAKING_MS, () => {
          end();
          controller.error(new Error('The answer was not taken in time.'));
        });
      },
      pull: (controller) => {
        if (at === bytes.byteLength) {
          finish();
          return controller.close();
        }
        const piece = bytes.subarray(at, at + PIECE_BYTES);
        at += piece.byteLength;
        controller.enqueue(piece);
      },
      cancel: finish,
    },
    // Nothing is made ready beyond what the connection asks for.
    { highWaterMark: 0 },
  );
};
