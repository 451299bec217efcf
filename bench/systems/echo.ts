import type { Cast, Sink, System } from '../system.ts';
import { scanText } from '../load/message-text.ts';
import { OwnAsAcknowledged } from '../load/own-as-acknowledged.ts';
import { duologWire } from './duolog-wire.ts';
import { bootScript } from './relay.ts';

const tilde = 0x7e;

const own = new OwnAsAcknowledged();

const scan = (bytes: Uint8Array, start: number, end: number, sink: Sink): void => {
  const at = bytes.indexOf(tilde, start);
  if (at >= start) scanText(bytes, at, end, own.of(sink));
};

/** The relay's yardstick (`direct-1` alone makes sense): the same frames, sent back as they came. */
export const echo: System = {
  name: 'echo',
  scenarios: ['echo'],
  bootsAfterPreparing: false,
  lack: () => undefined,
  boot: ({ core }) => bootScript('echo-server.ts', core),
  prepare: (_running, plan) => {
    const seats = Array.from({ length: plan.seats }, (_, seat) => ({ user: `u${seat}`, secret: '' }));
    const talks = seats.map((_, seat) => ({
      id: `d.uAAAAAAAAAAAAAAAA.u${String(seat).padStart(16, '0')}`,
      members: [seat],
    }));
    return Promise.resolve({ seats, talks });
  },
  wire: (cast: Cast) => ({ ...duologWire(cast), signIn: () => Promise.resolve(), scan }),
};
