/**
 * One device of a user: a connection that comes back by itself, a follower of the user log, an outbox. Everything it is
 * told goes into the history as it is told.
 */
import type { Recorder } from '../record.ts';
import { createFollower, type Follower } from './follower.ts';
import { httpCall } from './http.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import { openSocket, type Socket } from './socket.ts';
import { itemOf, numberIn, rowOf, type Call, type Outcome, type WireMessage } from './wire.ts';

export type Source = 'live' | 'reset' | 'replay';

export interface DeviceOptions {
  readonly user: string;
  readonly id: string;
  readonly token: string;
  /** `http://host:port` */
  readonly base: string;
  readonly recorder: Recorder;
  readonly clock: () => number;
  readonly random: () => number;
  /** Commands go over HTTP, several at once and in any order; entries come over the socket all the same. */
  readonly overHttp: boolean;
  /** live: as a client does; reset: begins with a reset; replay: begins at the start of the user log. */
  readonly source: Source;
}

export interface Device {
  readonly user: string;
  readonly id: string;
  readonly source: Source;
  readonly outbox: Outbox;
  readonly follower: Follower;
  /** Connected, and caught up once since. */
  readonly isReady: () => boolean;
  /** The server does not know it, or not any more. */
  readonly isRefused: () => boolean;
  readonly call: Call;
  readonly beat: () => void;
  /** Reads a page of history; resolves with its last seq and whether there is more. */
  readonly page: (conversation: string, where: object, overHttp: boolean) => Promise<Page | undefined>;
  readonly wholeText: (conversation: string, seq: number) => Promise<void>;
  /** Drops the connection; it comes back by itself, sometimes as a program started anew. */
  readonly drop: () => void;
  /** Ends for good. */
  readonly retire: () => void;
  /** Takes down what the device has. */
  readonly rest: () => void;
}

export interface Page {
  readonly messages: readonly WireMessage[];
  readonly lastSeq: number;
  readonly more: boolean;
}

/** Chances of what may happen when a connection comes back. */
const chance = { restart: 0.3, loseCache: 0.04, abandon: 0.15, sendBeforeSync: 0.4 };
const reconnectMs = { least: 10, spread: 110 };

/** What a device may ask, and take down, beside its outbox and its log. */
const createReads = (
  { user, id, token, base, recorder, clock }: DeviceOptions,
  call: Call,
  epoch: () => string | undefined,
) => {
  const read = async (
    method: string,
    params: { readonly conversation: string; readonly seq?: number },
    overHttp: boolean,
  ) => {
    const [mine, askedAtUs] = [epoch(), clock()];
    const outcome = overHttp ? await httpCall(base, token, method, params) : await call(method, params);
    if (outcome.kind !== 'ok' || mine === undefined || mine !== epoch()) return undefined;
    return {
      result: outcome.result,
      facts: { type: 'page', user, device: id, askedAtUs, epoch: mine, conversation: params.conversation } as const,
    };
  };
  return {
    page: async (conversation: string, where: object, overHttp: boolean): Promise<Page | undefined> => {
      const answer = await read('message.list', { conversation, ...where }, overHttp);
      if (answer === undefined) return undefined;
      const page = answer.result as unknown as Page;
      recorder.record({ ...answer.facts, via: 'history', head: page.lastSeq, items: page.messages.map(itemOf) });
      return page;
    },
    wholeText: async (conversation: string, seq: number): Promise<void> => {
      const answer = await read('message.get', { conversation, seq }, false);
      if (answer === undefined) return;
      const { message } = answer.result as { readonly message: WireMessage };
      recorder.record({ ...answer.facts, via: 'text', items: [itemOf(message)] });
    },
  };
};

export const createDevice = (options: DeviceOptions): Device => {
  const { user, id, token, base, recorder, clock, random } = options;
  const by = { user, device: id };
  const ownHashes = new Map<string, string>();
  let socket: Socket | undefined;
  let connection = 0;
  let ready = false;
  let retired = false;
  let refused = false;

  const call: Call = (method, params, numbered) =>
    socket?.request(method, params, numbered) ?? Promise.resolve<Outcome>({ kind: 'unknown' });
  const send: Call = (method, params, numbered) =>
    options.overHttp ? httpCall(base, token, method, params, numbered) : call(method, params, numbered);
  const follower = createFollower({
    ...by,
    recorder,
    clock,
    call,
    connection: () => (socket === undefined ? undefined : connection),
    ownHash: (outbox, conversation, n) => ownHashes.get(`${outbox} ${conversation} ${n}`),
  });
  const outbox = createOutbox({
    ...by,
    recorder,
    call: send,
    sending: ({ entity, n, about }, from) => {
      if (about.method === 'send' && about.hash !== undefined) ownHashes.set(`${from} ${entity} ${n}`, about.hash);
    },
    epoch: follower.epoch,
    newOutbox: () => `${id}-${Math.floor(random() * 1e9).toString(36)}`,
    nowMs: () => clock() / 1000,
    after: (ms, run) => void setTimeout(run, ms),
  });

  /** What a client does that knows its log already. */
  const comeBack = (theirs: string, head: number, askedAtUs: number): void => {
    const epoch = follower.epoch();
    if (epoch === undefined) return;
    if (theirs === epoch) follower.takeHead(head, 'hello', askedAtUs);
    if (random() < chance.restart) recorder.record({ type: 'resumed', ...by, epoch, cursor: follower.cursor() });
    if (random() < chance.abandon) outbox.abandon();
    if (random() < chance.sendBeforeSync && theirs === epoch) outbox.resume();
  };

  const begin = async (): Promise<void> => {
    const askedAtUs = clock();
    const outcome = await call('hello', { versions: [1], token, client: 'torture' });
    if (outcome.kind === 'error' && outcome.error.code === 'unauthenticated') refused = true;
    if (outcome.kind !== 'ok') return socket?.close();
    const fresh = follower.epoch() === undefined;
    comeBack(String(outcome.result['epoch']), numberIn(outcome.result, 'head') ?? 0, askedAtUs);
    await follower.pull(fresh ? options.source === 'reset' : random() < chance.loseCache);
    if (socket?.isOpen() !== true) return undefined;
    ready = true;
    outbox.resume();
    return undefined;
  };

  const closed = (code: number): void => {
    recorder.record({ type: 'closed', ...by, code });
    ready = false;
    socket = undefined;
    outbox.pause();
    connectLater();
  };

  const connect = async (): Promise<void> => {
    const mine = ++connection;
    const current =
      <A extends readonly unknown[]>(take: (...given: A) => void) =>
      (...given: A): void => {
        if (mine === connection) take(...given);
      };
    const opened = await openSocket(`${base.replace(/^http/, 'ws')}/v1/connect`, clock, {
      entry: current(follower.takeEntry),
      beat: current((head: number, askedAtUs: number) => follower.takeHead(head, 'beat', askedAtUs)),
      head: current((head: number) => follower.takeHead(head, 'event', clock())),
      closed: current(closed),
    });
    if (opened === undefined) return;
    if (retired) return opened.close();
    socket = opened;
    return begin();
  };

  const connectLater = (): void => {
    if (!retired && !refused) setTimeout(() => void connect(), reconnectMs.least + random() * reconnectMs.spread);
  };

  void connect();
  return {
    user,
    id,
    source: options.source,
    outbox,
    follower,
    call,
    ...createReads(options, call, follower.epoch),
    isReady: () => ready,
    isRefused: () => refused,
    beat: () => socket?.beat(follower.cursor()),
    drop: () => socket?.close(),
    retire: () => {
      retired = true;
      recorder.record({ type: 'retired', ...by });
      socket?.close();
    },
    rest: () => {
      const epoch = follower.epoch();
      if (epoch === undefined) return;
      recorder.record({
        type: 'rest',
        ...by,
        source: options.source,
        epoch,
        cursor: follower.cursor(),
        rows: [...follower.rows.values()].map(rowOf),
      });
    },
  };
};
