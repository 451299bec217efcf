/**
 * What the bench knows of a system under measurement. A system is booted and prepared by `main.ts`; its wire is spoken by
 * the load generator in a process of its own. Everything that passes between the two is plain data.
 */

/** One connection's credentials. */
export interface Seat {
  readonly user: string;
  /** What signs the connection in: a device token, a password. */
  readonly secret: string;
}

/** A conversation and the seats (indexes into `Cast.seats`) whose users are its members. */
export interface Talk {
  readonly id: string;
  readonly members: readonly number[];
}

/** Who takes part in a run. Each seat belongs to at most one talk. */
export interface Cast {
  readonly seats: readonly Seat[];
  readonly talks: readonly Talk[];
}

/** The cast a scenario asks for: seats 0 to `seats - 1`, and the talks as lists of them. */
export interface CastPlan {
  readonly seats: number;
  readonly talks: readonly (readonly number[])[];
}

export interface BootOptions {
  /** A folder on disk, removed by the bench afterwards. */
  readonly folder: string;
  /** The core the server and everything it starts is pinned to; none while accounts are made. */
  readonly core: number | undefined;
}

export interface RunningSystem {
  readonly port: number;
  /** Processes whose CPU and memory count, each with all its descendants. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

/** What the load generator does with a connection while nothing is measured: sign in, read pages. */
export interface Channel {
  send(text: string): void;
  sendBytes(bytes: Uint8Array): void;
  /** The next text frame; rejects when the connection closes or after 30 s. */
  next(): Promise<string>;
}

/** What a scan reports of the frames it sees. */
export interface Sink {
  /** The number of the seat that receives. */
  readonly seat: number;
  /** The server says that message `n` of this seat is stored. */
  acknowledged(n: number): void;
  /** Message `n` of seat `sender` has arrived here. */
  delivered(sender: number, n: number): void;
  /** The server refused something; the run becomes invalid. */
  failed(reason: string): void;
}

/** How a system speaks on one WebSocket. Numbers are of the seat: its messages are 1, 2, 3 … */
export interface Wire {
  readonly path: string;
  readonly subprotocol?: string;
  signIn(seat: number, channel: Channel): Promise<void>;
  /** The text frame that sends message `n`; `n` may stand in them anywhere and any number of times, and nowhere else. */
  encodeSend(seat: number, n: string, text: string): string;
  /** Where a message's arrival at its one recipient is what proves it stored, and not what the sender is told. */
  readonly arrivalAcknowledges?: boolean;
  /** Reads the text frame in `bytes` from `start` to `end`. Hot: byte scans only. */
  scan(bytes: Uint8Array, start: number, end: number, sink: Sink): void;
  /** A frame each connection sends at least every `everyMs`. */
  readonly beat?: { readonly everyMs: number; readonly frame: Uint8Array };
  /** Pulls the newest `missed` entries of the seat's user; resolves with the number received. After `signIn`. */
  readonly sync?: (seat: number, missed: number, channel: Channel) => Promise<number>;
  /** Reads 50 messages of the seat's talk that end at `share` (0 to 1) of it; resolves with the number received. */
  readonly historyPage?: (seat: number, share: number, channel: Channel) => Promise<number>;
}

/** What a scenario needs of a system: `direct` and `group` rates, `idle` connections, `durable` reads of what was stored, an `echo`. */
export type ScenarioKind = 'direct' | 'group' | 'idle' | 'durable' | 'echo';

export interface System {
  readonly name: string;
  /** What the machine lacks to run it and how to get it; nothing when it can run. */
  lack(): string | undefined;
  /** The scenarios it can be measured in. */
  readonly scenarios: readonly ScenarioKind[];
  /** Its accounts cost much CPU (password hashes) and last: they are made on all cores, then it is booted anew. */
  readonly bootsAfterPreparing: boolean;
  /** Boots on what an earlier boot left in the folder, or on nothing. */
  boot(options: BootOptions): Promise<RunningSystem>;
  prepare(running: RunningSystem, plan: CastPlan): Promise<Cast>;
  wire(cast: Cast): Wire;
}
