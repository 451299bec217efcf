/** A history in the order in which the rules ask for it. Filled by `collect.ts`, one event after another. */
import type { CommandMethod, Item, RestEvent, RestoredEvent, RunEvent } from '../history.ts';
import type { LogView, SeqSet } from './log-view.ts';
import type { UserLog } from './user-log.ts';

/** A command on its way once. */
export interface Attempt {
  readonly command: Command;
  readonly device: string;
  readonly outbox: string | undefined;
  readonly n: number | undefined;
  readonly epoch: string | undefined;
  readonly askedAtUs: number;
  /** Before it went out, its device had caught up after the last unknown outcome of this command. */
  readonly caughtUp: boolean;
  /** Infinity: nothing was recorded. */
  answeredAtUs: number;
  result: 'open' | 'ok' | 'error' | 'unknown';
  seq: number | undefined;
  revision: number | undefined;
  code: string | undefined;
  settles: boolean;
}

export interface Command {
  readonly id: string;
  readonly method: CommandMethod;
  readonly user: string;
  readonly entity: string;
  readonly conversation: string | undefined;
  readonly hash: string | undefined;
  readonly people: readonly string[];
  readonly targetSeq: number | undefined;
  /** In the order of the history. */
  readonly attempts: Attempt[];
  abandoned: boolean;
}

export interface DeviceState {
  readonly user: string;
  epoch: string | undefined;
  cursor: number;
  lastAtUs: number;
  retired: boolean;
  /** Epochs it has left behind. */
  readonly pastEpochs: Set<string>;
  lastHead: { readonly askedAtUs: number; readonly head: number } | undefined;
}

/** A page of history, without its messages. */
export interface Read {
  readonly user: string;
  readonly epoch: string;
  readonly conversation: string;
  readonly askedAtUs: number;
  readonly atUs: number;
  readonly head: number;
}

/** A head of a user log that a device was told. */
export interface HeadSeen {
  readonly device: string;
  readonly via: 'beat' | 'hello' | 'sync';
  readonly askedAtUs: number;
  readonly atUs: number;
  readonly head: number;
}

/** What fresh devices read of one conversation. Where two of them differ, the first one counts here; rule 4 reports it. */
export interface FinalDraft {
  readonly epoch: string;
  /** The newest seq that anybody was told of. */
  lastSeq: number;
  /** By seq. */
  readonly items: (Item | undefined)[];
  /** By user: what they read, up to where they were told to, and a seq they read twice. */
  readonly readers: Map<string, { readonly seqs: SeqSet; lastSeq: number; twice: number | undefined }>;
}

/** What bears on presence, in the order of time once collected. */
export interface PresenceMark {
  readonly type: 'beat' | 'logout' | 'watch' | 'unwatch' | 'closed' | 'presence';
  readonly atUs: number;
  readonly user: string;
  readonly device: string;
  readonly subject: string;
  readonly online: boolean;
}

export interface Evidence {
  run: RunEvent | undefined;
  events: number;
  readonly commands: Map<string, Command>;
  readonly attempts: Map<string, Attempt>;
  readonly devices: Map<string, DeviceState>;
  /** By {@link viewKey} of epoch and conversation. */
  readonly views: Map<string, LogView>;
  /** By {@link viewKey} of epoch and user. */
  readonly userLogs: Map<string, UserLog>;
  readonly heads: Map<string, HeadSeen[]>;
  /** Final logs by conversation, as they come. */
  readonly finals: Map<string, FinalDraft>;
  readonly reads: Read[];
  readonly epochs: Map<string, { firstAtUs: number; readonly firstDevice: string }>;
  readonly rests: RestEvent[];
  readonly restored: RestoredEvent[];
  readonly faultsAtUs: number[];
  readonly servedAtUs: number[];
  takeovers: number;
  readonly presence: PresenceMark[];
}

export const newEvidence = (): Evidence => ({
  run: undefined,
  events: 0,
  commands: new Map(),
  attempts: new Map(),
  devices: new Map(),
  views: new Map(),
  userLogs: new Map(),
  heads: new Map(),
  finals: new Map(),
  reads: [],
  epochs: new Map(),
  rests: [],
  restored: [],
  faultsAtUs: [],
  servedAtUs: [],
  takeovers: 0,
  presence: [],
});

export const viewKey = (epoch: string, id: string): string => `${epoch} ${id}`;

/** The last of `times` (rising) at or before `time`, as an index; -1 if there is none. */
export const lastAtOrBefore = (times: readonly number[], time: number): number => {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) <= time) low = middle + 1;
    else high = middle;
  }
  return low - 1;
};

export interface Point {
  readonly atUs: number;
  readonly value: number;
}

/** Points in time with a value each, as a question: the largest value known at or before a time, 0 if none. */
export const risingMax = (points: readonly Point[]): ((atUs: number) => number) => {
  const sorted = points.toSorted((a, b) => a.atUs - b.atUs);
  const times = sorted.map((point) => point.atUs);
  const maxima: number[] = [];
  let max = 0;
  for (const point of sorted) maxima.push((max = Math.max(max, point.value)));
  return (atUs) => maxima[lastAtOrBefore(times, atUs)] ?? 0;
};
