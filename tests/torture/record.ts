/** Writes the history of one client process. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { nowUs } from './clock.ts';
import type { HistoryEvent } from './history.ts';

/** An event without its time. */
export type Recordable = HistoryEvent extends infer E ? (E extends HistoryEvent ? Omit<E, 'atUs'> : never) : never;

export interface Recorder {
  /** Takes down an event that happens now; returns its time. */
  readonly record: (event: Recordable) => number;
  /** Everything recorded until now is in the file when this returns. */
  readonly flush: () => void;
  readonly close: () => void;
}

const flushAtChars = 64 * 1024;

/**
 * A recorder into a new file. An `asked` is in the file before `record` returns: a client that dies leaves no message
 * behind that nobody is known to have asked for. Everything else is gathered.
 */
export const openRecorder = (path: string, clock: () => number = nowUs): Recorder => {
  const file = openSync(path, 'wx');
  let lines = '';
  const flush = (): void => {
    if (lines !== '') writeSync(file, lines);
    lines = '';
  };
  return {
    record: (event) => {
      const atUs = clock();
      lines += `${JSON.stringify({ ...event, atUs })}\n`;
      if (event.type === 'asked' || lines.length > flushAtChars) flush();
      return atUs;
    },
    flush,
    close: () => {
      flush();
      closeSync(file);
    },
  };
};
