/**
 * The history of a torture run: what clients saw, one event per line of JSON, each client process into its own file.
 * The judge (`checker/`) reads nothing else, so an event says what came over the wire and never what ought to have come.
 *
 * - `atUs` is the machine's monotonic clock in whole microseconds (`clock.ts`): comparable over all processes of a run.
 * - The events of one device stand in one file in the order in which they happened.
 * - A text is known by its hash (`hashOf`), and no two texts of a run are equal. A change is known by `changeHash`.
 * - An absent field means: not told. Only where a field is documented to have a meaning when absent it has one.
 */

/** The first line: what the run was and what the judge may ask of it. */
export interface RunEvent {
  readonly type: 'run';
  readonly atUs: number;
  readonly seed: number;
  /** Several workers and gateways: a run without a take-over is empty. */
  readonly cluster: boolean;
  /** The run injects faults: one in which no unknown outcome was resolved both ways is empty. */
  readonly faults: boolean;
  /** Fewer acknowledged commands make the run empty. */
  readonly minOk: number;
  /** Rules that have to be exercised; one that is not makes the run empty. */
  readonly mustExercise: readonly number[];
  /** After the last fault and the last new command, everything ends and all devices meet within this time. */
  readonly boundMs: number;
  /** PRE2: offline at `limitMs` after the last beat at the earliest, and `jitterMs` + 2 s later at the latest. */
  readonly presence?: { readonly limitMs: number; readonly jitterMs: number };
}

export type CommandMethod =
  | 'send'
  | 'edit'
  | 'recall'
  | 'read'
  | 'create'
  | 'add'
  | 'remove'
  | 'leave'
  | 'rename'
  | 'block'
  | 'unblock'
  | 'other';

/** A command goes out, for the first time or again. Written before the frame is. */
export interface AskedEvent {
  readonly type: 'asked';
  readonly atUs: number;
  readonly user: string;
  readonly device: string;
  /** Unique in the run; `answered` names it. */
  readonly attempt: string;
  /** Which command: the same however often it is sent and however it is numbered. Altered content is another command. */
  readonly command: string;
  readonly method: CommandMethod;
  /** Whose outbox row counts n (COM10): a conversation, a user or a name. */
  readonly entity: string;
  /** Absent, with `n`: a command that is not safe to repeat. */
  readonly outbox?: string;
  readonly n?: number;
  /** Epoch of the connection it goes out on. */
  readonly epoch?: string;
  readonly conversation?: string;
  /** Of the text, or of the change it asks for. */
  readonly hash?: string;
  /** create: members beside the asker; add, remove: whom; block: the other one. */
  readonly people?: readonly string[];
  /** read: up to which seq; edit, recall: which message. */
  readonly targetSeq?: number;
}

export interface AnsweredEvent {
  readonly type: 'answered';
  readonly atUs: number;
  readonly device: string;
  readonly attempt: string;
  /** unknown: the connection broke or the time ran out before an answer, or the answer says so. */
  readonly result: 'ok' | 'error' | 'unknown';
  /** With ok: the place it got; the position after a read. 0: the command changed nothing. */
  readonly seq?: number;
  /** With ok of an edit or recall: the revision it made. */
  readonly revision?: number;
  readonly code?: string;
  /** With an error: it ends the command. Not so with `gap`, and what the edge says before the owner was asked. */
  readonly settles?: boolean;
}

/** The device will not send this command again, whatever became of it. */
interface AbandonedEvent {
  readonly type: 'abandoned';
  readonly atUs: number;
  readonly device: string;
  readonly command: string;
}

/** A device starts, or starts again, with the cursor it has stored. Absent epoch: it has none yet. */
export interface ResumedEvent {
  readonly type: 'resumed';
  readonly atUs: number;
  readonly user: string;
  readonly device: string;
  readonly epoch?: string;
  readonly cursor: number;
}

/** The device is gone for good (logged out, revoked, thrown away): it need not meet the others. */
interface RetiredEvent {
  readonly type: 'retired';
  readonly atUs: number;
  readonly user: string;
  readonly device: string;
}

/** An entry of the user log was applied. */
export interface EntryEvent {
  readonly type: 'entry';
  readonly atUs: number;
  readonly user: string;
  readonly device: string;
  readonly epoch: string;
  readonly useq: number;
  /** `message` for texts and changes, the device's own ones too; `edit`, `recall`; anything else as the protocol says. */
  readonly kind: string;
  readonly conversation?: string;
  readonly seq?: number;
  readonly hash?: string;
  readonly sender?: string;
  readonly revision?: number;
}

/** A conversation as one user has it. */
export interface Row {
  readonly conversation: string;
  readonly joinSeq: number;
  readonly visibleFrom: number;
  /** Absent: a member still. */
  readonly leaveSeq?: number;
  /** After leaving a group: what it was called then. */
  readonly name?: string;
  readonly readSeq: number;
  /** The newest seq the user may read. */
  readonly lastSeq: number;
  /** What is shown to the person. */
  readonly unread?: number;
}

/** The device dropped what it had and took these rows; its cursor is `head` now. */
export interface ResetEvent {
  readonly type: 'reset';
  readonly atUs: number;
  readonly user: string;
  readonly device: string;
  readonly epoch: string;
  readonly head: number;
}

export interface Change {
  readonly action: 'created' | 'added' | 'removed' | 'left' | 'renamed' | 'promoted';
  readonly users: readonly string[];
  /** added: the first seq the new members may read, if it is not the change itself. */
  readonly visibleFrom?: number;
}

/** One message as it was read. */
export interface Item {
  readonly seq: number;
  /** Of the text or change. Absent: recalled. */
  readonly hash?: string;
  readonly sender?: string;
  /** 0, or absent: as it was sent. */
  readonly revision?: number;
  readonly change?: Change;
}

/** Messages were read: a page of history, whole texts, or what a search found. */
export interface PageEvent {
  readonly type: 'page';
  readonly askedAtUs: number;
  readonly atUs: number;
  readonly user: string;
  readonly device: string;
  readonly epoch: string;
  readonly via: 'history' | 'text' | 'search';
  readonly conversation: string;
  /** The newest seq one may read, as the answer says. */
  readonly head?: number;
  readonly items: readonly Item[];
}

/** The head of the user log was learnt. */
export interface HeadEvent {
  readonly type: 'head';
  /** When the beat or request that was answered went out; of an event: `atUs`. */
  readonly askedAtUs: number;
  readonly atUs: number;
  readonly user: string;
  readonly device: string;
  readonly epoch: string;
  /** A beat may be behind another device; hello and sync never are. */
  readonly via: 'beat' | 'hello' | 'sync';
  readonly head: number;
}

interface ClosedEvent {
  readonly type: 'closed';
  readonly atUs: number;
  readonly user: string;
  readonly device: string;
  readonly code: number;
}

/** A beat (or any frame) went out. */
interface BeatEvent {
  readonly type: 'beat';
  readonly atUs: number;
  readonly user: string;
  readonly device: string;
}

/** The device logged out: its user may be offline at once. */
interface LogoutEvent {
  readonly type: 'logout';
  readonly atUs: number;
  readonly user: string;
  readonly device: string;
}

/** The device begins (or ends) to look at somebody's presence. A closed connection ends it too. */
interface WatchEvent {
  readonly type: 'watch' | 'unwatch';
  readonly atUs: number;
  readonly user: string;
  readonly device: string;
  readonly subject: string;
}

interface PresenceEvent {
  readonly type: 'presence';
  readonly atUs: number;
  readonly user: string;
  readonly device: string;
  readonly subject: string;
  readonly online: boolean;
}

/** The run did something to a node: killed it, cut the power, let a write fail, stopped it. */
interface FaultEvent {
  readonly type: 'fault';
  readonly atUs: number;
  readonly fault: string;
  readonly node: string;
}

/** A node serves (again). */
interface ServedEvent {
  readonly type: 'served';
  readonly atUs: number;
  readonly node: string;
}

/** A partition has another owner. */
interface TakeoverEvent {
  readonly type: 'takeover';
  readonly atUs: number;
  readonly partition: number;
  readonly node: string;
}

/** A backup was restored: what was acknowledged before `backupAtUs` is in it; the store has a new epoch from `atUs` on. */
export interface RestoredEvent {
  readonly type: 'restored';
  readonly atUs: number;
  readonly backupAtUs: number;
  readonly epoch: string;
}

/** Part of the final log: what a fresh device of this user reads of a conversation after everything has ended. */
export interface FinalEvent {
  readonly type: 'final';
  readonly atUs: number;
  readonly user: string;
  readonly device: string;
  readonly epoch: string;
  readonly conversation: string;
  /** The newest seq the user may read, as the server says. */
  readonly lastSeq: number;
  readonly items: readonly Item[];
}

/** What a device has when everything has ended. */
export interface RestEvent {
  readonly type: 'rest';
  readonly atUs: number;
  readonly user: string;
  readonly device: string;
  /** live: it was there during the run; reset: it began with a reset; replay: it applied the user log from its start. */
  readonly source: 'live' | 'reset' | 'replay';
  readonly epoch: string;
  readonly cursor: number;
  readonly rows: readonly Row[];
}

export type HistoryEvent =
  | RunEvent
  | AskedEvent
  | AnsweredEvent
  | AbandonedEvent
  | ResumedEvent
  | RetiredEvent
  | EntryEvent
  | ResetEvent
  | PageEvent
  | HeadEvent
  | ClosedEvent
  | BeatEvent
  | LogoutEvent
  | WatchEvent
  | PresenceEvent
  | FaultEvent
  | ServedEvent
  | TakeoverEvent
  | RestoredEvent
  | FinalEvent
  | RestEvent;

type EventType = HistoryEvent['type'];

type Shape = Readonly<Record<string, 'string' | 'number' | 'boolean' | 'array'>>;
const BY: Shape = { user: 'string', device: 'string' };

/** What every line of a type must have; a line without it makes the history malformed instead of being skipped. */
const SHAPES: Readonly<Record<EventType, Shape>> = {
  run: {
    seed: 'number',
    cluster: 'boolean',
    faults: 'boolean',
    minOk: 'number',
    mustExercise: 'array',
    boundMs: 'number',
  },
  asked: { ...BY, attempt: 'string', command: 'string', method: 'string', entity: 'string' },
  answered: { device: 'string', attempt: 'string', result: 'string' },
  abandoned: { device: 'string', command: 'string' },
  resumed: { ...BY, cursor: 'number' },
  retired: BY,
  entry: { ...BY, epoch: 'string', useq: 'number', kind: 'string' },
  reset: { ...BY, epoch: 'string', head: 'number' },
  page: { ...BY, askedAtUs: 'number', epoch: 'string', via: 'string', conversation: 'string', items: 'array' },
  head: { ...BY, askedAtUs: 'number', epoch: 'string', via: 'string', head: 'number' },
  closed: { ...BY, code: 'number' },
  beat: BY,
  logout: BY,
  watch: { ...BY, subject: 'string' },
  unwatch: { ...BY, subject: 'string' },
  presence: { ...BY, subject: 'string', online: 'boolean' },
  fault: { fault: 'string', node: 'string' },
  served: { node: 'string' },
  takeover: { partition: 'number', node: 'string' },
  restored: { backupAtUs: 'number', epoch: 'string' },
  final: { ...BY, epoch: 'string', conversation: 'string', lastSeq: 'number', items: 'array' },
  rest: { ...BY, source: 'string', epoch: 'string', cursor: 'number', rows: 'array' },
};

/** The event in a line, or in words what is wrong with it. */
export const parseEvent = (line: string): HistoryEvent | string => {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return 'not JSON';
  }
  if (typeof value !== 'object' || value === null) return 'not an object';
  const fields = value as Readonly<Record<string, unknown>>;
  const type = fields['type'];
  if (typeof type !== 'string' || !Object.hasOwn(SHAPES, type)) return 'of no known type';
  if (typeof fields['atUs'] !== 'number') return `${type} without atUs`;
  for (const [name, kind] of Object.entries(SHAPES[type as EventType])) {
    const field = fields[name];
    if (kind === 'array' ? !Array.isArray(field) : typeof field !== kind) return `${type} without ${name}`;
  }
  return value as HistoryEvent;
};
