/** Reads history files, in the order given, without holding more than a piece of one. */
import { createReadStream } from 'node:fs';
import { parseEvent, type HistoryEvent } from '../history.ts';

/** A line that is no event, in words. */
export interface BadLine {
  readonly file: string;
  readonly line: number;
  readonly reason: string;
}

/** All events of the files; `bad` is told of lines that are none. Yields in batches: an await per event would cost more than the event. */
export const readHistory = async function* (
  files: readonly string[],
  bad: (line: BadLine) => void,
): AsyncGenerator<readonly HistoryEvent[]> {
  for (const file of files) {
    let rest = '';
    let number = 0;
    const take = (lines: readonly string[]): HistoryEvent[] => {
      const events: HistoryEvent[] = [];
      for (const line of lines) {
        number++;
        if (line === '') continue;
        const event = parseEvent(line);
        if (typeof event === 'string') bad({ file, line: number, reason: event });
        else events.push(event);
      }
      return events;
    };
    for await (const piece of createReadStream(file, { encoding: 'utf8', highWaterMark: 1024 * 1024 })) {
      const lines = (rest + String(piece)).split('\n');
      rest = lines.pop() ?? '';
      yield take(lines);
    }
    yield take([rest]);
  }
};
