/**
 * The outbox of a device: commands numbered per entity, up to 8 under way, sent again after a break from the oldest
 * unanswered one on. Takes down every attempt.
 */
import type { AskedEvent } from '../history.ts';
import type { Recorder } from '../record.ts';
import { numberIn, settles, type Call, type Outcome, type WireError } from './wire.ts';

/** What is asked for, apart from when and under which number. */
export interface Content {
  readonly method: string;
  readonly params: object;
  readonly entity: string;
  /** What the history says of it. */
  readonly about: Pick<AskedEvent, 'method'> &
    Partial<Pick<AskedEvent, 'conversation' | 'hash' | 'people' | 'targetSeq'>>;
}

interface Command extends Content {
  readonly id: string;
  n: number;
  /** It was sent at least once. */
  asked: boolean;
}

/** A command that was answered for good; it may be repeated. */
export interface Done extends Command {
  readonly outbox: string;
}

interface Lane {
  /** In order of n, oldest first. */
  readonly waiting: Command[];
  readonly underWay: Set<Command>;
  last: number;
  pausedUntilMs: number;
}

export interface OutboxOptions {
  readonly user: string;
  readonly device: string;
  readonly recorder: Recorder;
  readonly call: Call;
  readonly newOutbox: () => string;
  readonly epoch: () => string | undefined;
  /** Later, if the connection still stands. */
  readonly after: (ms: number, run: () => void) => void;
  readonly nowMs: () => number;
  /** A command goes out as what its number stands for (repeats with other content do not). */
  readonly sending?: (command: Command, outbox: string) => void;
}

export interface Outbox {
  readonly id: () => string;
  readonly add: (content: Content) => Command;
  /** The connection stands (again): sends what waits. */
  readonly resume: () => void;
  /** The connection is gone: nothing is sent before `resume`. */
  readonly pause: () => void;
  /** Gives up all that waits and begins anew under another id. */
  readonly abandon: () => void;
  /** Sends something once beside the order: a repeat of `done`, or the same number with other content. */
  readonly again: (done: Done, altered?: Content) => Promise<void>;
  readonly waiting: () => number;
  readonly done: readonly Done[];
}

const window = 8;
const keptDone = 40;
const retryMs = 50;
const unknown: Pick<WireError, 'code' | 'expected' | 'retryAfterMs'> = { code: 'unknown' };

export const createOutbox = (options: OutboxOptions): Outbox => {
  const { user, device, recorder } = options;
  const lanes = new Map<string, Lane>();
  const done: Done[] = [];
  let id = options.newOutbox();
  let running = false;
  let counter = 0;
  /** Rises when the connection breaks or the outbox is begun anew: what comes back later is only taken down. */
  let life = 0;

  const laneOf = (entity: string): Lane => {
    let lane = lanes.get(entity);
    if (lane === undefined) lanes.set(entity, (lane = { waiting: [], underWay: new Set(), last: 0, pausedUntilMs: 0 }));
    return lane;
  };

  /** One attempt, from `asked` to `answered`. */
  const attempt = async (command: Command, outbox: string): Promise<Outcome> => {
    const name = `${device}:${++counter}`;
    const epoch = options.epoch();
    const { id: commandId, n, entity, about } = command;
    command.asked = true;
    recorder.record({
      type: 'asked',
      user,
      device,
      attempt: name,
      command: commandId,
      entity,
      outbox,
      n,
      ...(epoch === undefined ? {} : { epoch }),
      ...about,
    });
    const outcome = await options.call(command.method, command.params, { outbox, n });
    if (outcome.kind === 'ok') {
      const seq = numberIn(outcome.result, 'seq');
      recorder.record({ type: 'answered', device, attempt: name, result: 'ok', ...(seq === undefined ? {} : { seq }) });
    } else if (outcome.kind === 'unknown' || outcome.error.code === 'unknown') {
      recorder.record({ type: 'answered', device, attempt: name, result: 'unknown' });
    } else {
      const { code } = outcome.error;
      recorder.record({ type: 'answered', device, attempt: name, result: 'error', code, settles: settles(code) });
    }
    return outcome;
  };

  /** The server expects a number below the oldest one: it was restored (SYN5). */
  const renumber = (lane: Lane, expected: number): void => {
    const [oldest] = lane.waiting;
    if (oldest === undefined || lane.underWay.size > 0 || expected >= oldest.n) return;
    for (const [index, command] of lane.waiting.entries()) command.n = expected + index;
    lane.last = expected + lane.waiting.length - 1;
  };

  const settle = (lane: Lane, command: Command, outbox: string): void => {
    lane.waiting.splice(lane.waiting.indexOf(command), 1);
    done.push({ ...command, outbox });
    if (done.length > keptDone) done.shift();
  };

  const take = (lane: Lane, command: Command, outbox: string, outcome: Outcome): void => {
    if (outcome.kind === 'ok' || (outcome.kind === 'error' && settles(outcome.error.code)))
      return settle(lane, command, outbox);
    const { code, expected, retryAfterMs = retryMs } = outcome.kind === 'unknown' ? unknown : outcome.error;
    if (code === 'gap') return renumber(lane, expected ?? command.n);
    lane.pausedUntilMs = options.nowMs() + Math.min(retryAfterMs, 1000);
    return undefined;
  };

  const send = (lane: Lane, command: Command): void => {
    const outbox = id;
    const begun = life;
    lane.underWay.add(command);
    options.sending?.(command, outbox);
    void attempt(command, outbox).then((outcome) => {
      if (begun !== life) return;
      lane.underWay.delete(command);
      take(lane, command, outbox, outcome);
      // After `gap` there is nothing to send before what is under way has come back.
      if (lane.underWay.size === 0 || outcome.kind !== 'error' || outcome.error.code !== 'gap') pump(lane);
    });
  };

  const pump = (lane: Lane): void => {
    const [oldest] = lane.waiting;
    if (!running || oldest === undefined) return;
    const waitMs = lane.pausedUntilMs - options.nowMs();
    if (waitMs > 0) return options.after(waitMs, () => pump(lane));
    // What was refused for the moment goes first; those behind it, under way still, will get `gap` and follow.
    const next = lane.waiting.filter((command) => command.n < oldest.n + window && !lane.underWay.has(command));
    for (const command of next) send(lane, command);
  };

  const stop = (): void => {
    life++;
    for (const lane of lanes.values()) lane.underWay.clear();
  };

  return {
    id: () => id,
    add: (content) => {
      const lane = laneOf(content.entity);
      const command: Command = { ...content, id: `${device}/${++counter}`, n: ++lane.last, asked: false };
      lane.waiting.push(command);
      pump(lane);
      return command;
    },
    resume: () => {
      running = true;
      for (const lane of lanes.values()) pump(lane);
    },
    pause: () => {
      running = false;
      stop();
    },
    abandon: () => {
      stop();
      for (const lane of lanes.values()) {
        for (const command of lane.waiting)
          if (command.asked) recorder.record({ type: 'abandoned', device, command: command.id });
      }
      lanes.clear();
      done.length = 0;
      id = options.newOutbox();
    },
    again: async (old, altered) => {
      const command: Command =
        altered === undefined ? old : { ...altered, n: old.n, id: `${device}/${++counter}`, asked: false };
      const outcome = await attempt(command, old.outbox);
      const ended = outcome.kind === 'ok' || (outcome.kind === 'error' && settles(outcome.error.code));
      if (!ended && altered !== undefined) recorder.record({ type: 'abandoned', device, command: command.id });
    },
    waiting: () => [...lanes.values()].reduce((sum, lane) => sum + lane.waiting.length, 0),
    done,
  };
};
