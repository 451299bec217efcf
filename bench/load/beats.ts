import type { Wire } from '../system.ts';
import type { Connection } from './connection.ts';
import { frameOf } from './template.ts';

const sliceMs = 50;

/** Lets each connection beat in time, spread evenly; `connections` may grow meanwhile. Returns what stops it. */
export const startBeats = (wire: Wire, connections: readonly Connection[]): (() => void) => {
  if (wire.beat === undefined) return () => undefined;
  const frame = frameOf(2, wire.beat.frame);
  // A little early, so that no connection is late when a slice is.
  const slices = Math.max(1, Math.floor((wire.beat.everyMs * 0.8) / sliceMs));
  let slice = 0;
  const timer = setInterval(() => {
    for (let index = slice; index < connections.length; index += slices) connections[index]?.write(frame);
    slice = (slice + 1) % slices;
  }, sliceMs);
  return () => clearInterval(timer);
};
