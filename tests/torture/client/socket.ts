/** One WebSocket connection: requests and their answers, beats, and what the server sends of itself. */
import type { Numbered, Outcome, WireEntry, WireError } from './wire.ts';

export interface SocketEvents {
  readonly entry: (entry: WireEntry) => void;
  /** An answer to a beat, with the time the beat went out. */
  readonly beat: (head: number, askedAtUs: number) => void;
  /** The server says of itself how far the user log goes. */
  readonly head: (head: number) => void;
  /** Called once; every request without an answer has ended as unknown by then. */
  readonly closed: (code: number) => void;
}

export interface Socket {
  readonly request: (method: string, params: object, numbered?: Numbered) => Promise<Outcome>;
  readonly beat: (cursor: number) => void;
  readonly close: () => void;
  readonly isOpen: () => boolean;
}

interface Item {
  readonly type: string;
  readonly id?: number;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: WireError;
  readonly useq?: number;
}

const beatType = 1;
/** Longer than the server takes for anything; a request that takes longer ends the connection. */
const requestLimitMs = 15_000;

const encodeBeat = (cursor: number): ArrayBuffer => {
  const bytes = new ArrayBuffer(9);
  const view = new DataView(bytes);
  view.setUint8(0, beatType);
  view.setFloat64(1, cursor);
  return bytes;
};

/** Requests on their way over one connection. */
const createPending = (tooLate: () => void) => {
  const pending = new Map<number, (outcome: Outcome) => void>();
  let lastId = 0;
  return {
    add: (resolve: (outcome: Outcome) => void): number => {
      const id = ++lastId;
      const timer = setTimeout(tooLate, requestLimitMs);
      pending.set(id, (outcome) => {
        clearTimeout(timer);
        resolve(outcome);
      });
      return id;
    },
    answer: (id: number, outcome: Outcome): void => {
      pending.get(id)?.(outcome);
      pending.delete(id);
    },
    end: (): void => {
      for (const id of pending.keys()) pending.get(id)?.({ kind: 'unknown' });
      pending.clear();
    },
  };
};

/** Connects; resolves with undefined if that fails. */
export const openSocket = (url: string, clock: () => number, events: SocketEvents): Promise<Socket | undefined> => {
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  const pending = createPending(() => socket.close());
  const beats: number[] = [];
  let done = false;

  const take = (item: Item): void => {
    if (item.type === 'entry') events.entry(item as unknown as WireEntry);
    else if (item.type === 'head') events.head(item.useq ?? 0);
    else if (item.type === 'reply') {
      const { id = 0, error, result = {} } = item;
      pending.answer(id, error === undefined ? { kind: 'ok', result } : { kind: 'error', error });
    }
  };
  socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (data instanceof ArrayBuffer) {
      const askedAtUs = beats.shift();
      if (askedAtUs !== undefined) events.beat(new DataView(data).getFloat64(1), askedAtUs);
    } else for (const item of JSON.parse(String(data)) as readonly Item[]) take(item);
  });

  const opened: Socket = {
    request: (method, params, numbered) =>
      new Promise((resolve) => {
        if (done) resolve({ kind: 'unknown' });
        else socket.send(JSON.stringify({ id: pending.add(resolve), method, params, ...numbered }));
      }),
    beat: (cursor) => {
      if (done) return;
      beats.push(clock());
      socket.send(encodeBeat(cursor));
    },
    close: () => socket.close(),
    isOpen: () => !done,
  };
  return new Promise((resolve) => {
    socket.addEventListener('open', () => resolve(opened), { once: true });
    // An error is followed by a close, which says more.
    socket.addEventListener('error', () => undefined);
    socket.addEventListener('close', ({ code }) => {
      if (done) return;
      done = true;
      pending.end();
      events.closed(code);
      resolve(undefined);
    });
  });
};
