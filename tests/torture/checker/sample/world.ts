/** The clients of a sample history, their clock and their outboxes, against {@link execute}. */
import { hashOf } from '../../hash.ts';
import type { CommandMethod, HistoryEvent } from '../../history.ts';
import type { Recordable } from '../../record.ts';
import { execute, userOf, type Answer, type Request, type State } from './perfect-server.ts';

export interface SampleOptions {
  readonly seed: number;
  /** Things the clients do. */
  readonly steps: number;
  readonly kills: number;
  /** A backup is taken, and restored in place of the middle kill. */
  readonly restore?: boolean;
  readonly cluster?: boolean;
}

export type Content = Omit<Request, 'n' | 'outbox'>;

/** The commands of one outbox for one entity that are not answered yet. */
interface Lane {
  readonly waiting: Content[];
  underWay: number;
  answered: number;
}

export interface Device {
  readonly user: string;
  readonly id: string;
  outbox: string;
  epoch: string;
  cursor: number;
  connected: boolean;
  sentUntilUs: number;
  gotUntilUs: number;
  readonly lanes: Map<string, Lane>;
  /** Acknowledged requests, to be repeated. */
  readonly done: Request[];
}

export interface World {
  readonly options: SampleOptions;
  readonly events: HistoryEvent[];
  readonly devices: Device[];
  readonly queue: { readonly atUs: number; readonly run: () => void }[];
  state: State;
  backup: { readonly state: State; readonly atUs: number } | undefined;
  epoch: string;
  /** Rises with each kill; what was under way in an earlier life is lost. */
  life: number;
  up: boolean;
  nowUs: number;
  counter: number;
  readonly asked: Set<string>;
  readonly random: () => number;
}

export const within = (world: World, least: number, most: number): number =>
  least + Math.floor(world.random() * (most - least + 1));
export const pick = <T>(world: World, list: readonly T[]): T | undefined =>
  list[Math.floor(world.random() * list.length)];

export const record = (world: World, event: Recordable): void => {
  world.events.push({ ...event, atUs: world.nowUs });
};

export const later = (world: World, delayUs: number, run: () => void): void => {
  world.queue.push({ atUs: world.nowUs + delayUs, run });
};

export const drain = (world: World): void => {
  for (;;) {
    let index = 0;
    for (const [i, item] of world.queue.entries()) if (item.atUs < (world.queue[index]?.atUs ?? 0)) index = i;
    const [next] = world.queue.splice(index, 1);
    if (next === undefined) return;
    world.nowUs = Math.max(world.nowUs + 1, next.atUs);
    next.run();
  }
};

export const pull = (world: World, device: Device): void => {
  const { entries } = userOf(world.state, device.user);
  for (const entry of entries.slice(device.cursor)) {
    device.cursor++;
    record(world, {
      type: 'entry',
      user: device.user,
      device: device.id,
      epoch: device.epoch,
      useq: device.cursor,
      ...entry,
    });
  }
};

export const learnHead = (world: World, device: Device, via: 'beat' | 'hello' | 'sync'): void => {
  const head = userOf(world.state, device.user).entries.length;
  record(world, {
    type: 'head',
    askedAtUs: world.nowUs,
    user: device.user,
    device: device.id,
    epoch: world.epoch,
    via,
    head,
  });
  world.nowUs++;
};

const laneOf = (device: Device, entity: string): Lane => {
  let lane = device.lanes.get(entity);
  if (lane === undefined) device.lanes.set(entity, (lane = { waiting: [], underWay: 0, answered: 0 }));
  return lane;
};

/** Sends a request once; `ended` is told what came of it, undefined if that is unknown. */
export const exchange = (
  world: World,
  device: Device,
  request: Request,
  ended: (answer: Answer | undefined) => void,
): void => {
  const attempt = `${device.id}:${++world.counter}`;
  const { life } = world;
  world.asked.add(request.command);
  record(world, { type: 'asked', device: device.id, attempt, epoch: device.epoch, ...request });
  // What one device sends and gets stays in order, as on a socket.
  const toServerUs = Math.max(within(world, 200, 4000), device.sentUntilUs + 1 - world.nowUs);
  device.sentUntilUs = world.nowUs + toServerUs;
  const backUs = Math.max(within(world, 200, 4000), device.gotUntilUs + 1 - device.sentUntilUs);
  device.gotUntilUs = device.sentUntilUs + backUs;
  let answer: Answer | undefined;
  later(world, toServerUs, () => {
    if (world.life === life) answer = execute(world.state, request);
  });
  later(world, toServerUs + backUs, () => {
    if (world.life !== life) answer = undefined;
    if (answer === undefined) record(world, { type: 'answered', device: device.id, attempt, result: 'unknown' });
    else if (answer.ok) {
      const { ok: _ok, ...facts } = answer;
      record(world, { type: 'answered', device: device.id, attempt, result: 'ok', ...facts });
    } else
      record(world, {
        type: 'answered',
        device: device.id,
        attempt,
        result: 'error',
        code: answer.code,
        settles: answer.code !== 'gap',
      });
    ended(answer);
  });
};

/** Sends what waits in a lane, from its oldest on. */
export const flush = (world: World, device: Device, entity: string): void => {
  const lane = laneOf(device, entity);
  if (!device.connected || lane.underWay > 0) return;
  for (const [index, content] of lane.waiting.slice(0, 8).entries()) {
    lane.underWay++;
    const request = { ...content, outbox: device.outbox, n: lane.answered + 1 + index };
    exchange(world, device, request, (answer) => {
      lane.underWay--;
      if (answer !== undefined && (answer.ok || answer.code !== 'gap')) {
        lane.waiting.splice(lane.waiting.indexOf(content), 1);
        lane.answered = Math.max(lane.answered, request.n);
        device.done.push(request);
      } else if (answer?.ok === false && answer.expected !== undefined) lane.answered = answer.expected - 1;
      flush(world, device, entity);
    });
  }
};

export const ask = (
  world: World,
  device: Device,
  method: CommandMethod,
  conversation: string,
  rest: Partial<Content> = {},
): void => {
  const entity = method === 'read' ? device.user : conversation;
  laneOf(device, entity).waiting.push({
    command: `c${++world.counter}`,
    method,
    user: device.user,
    entity,
    conversation,
    ...rest,
  });
  flush(world, device, entity);
};

export const send = (world: World, device: Device, conversation: string): void =>
  ask(world, device, 'send', conversation, { hash: hashOf(`text ${++world.counter}`) });
