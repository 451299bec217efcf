/**
 * A device of the simulated world: one outbox, one cursor, everything it was shown. It follows the rules of a client
 * (COM10, SYN2, SYN5) and nothing more, and writes down what it does and sees for the judge.
 */
import { LIMITS, directId } from '@duolog/protocol';
import type { Entry } from '@duolog/protocol';
import type { Command } from '../../packages/server/src/core/commands.ts';
import { contentHash } from '../../packages/server/src/core/hash.ts';
import type { Outcome } from '../../packages/server/src/pump/messages.ts';
import { changeHash, hashOf } from '../torture/hash.ts';
import type { AskedEvent, CommandMethod, Row } from '../torture/history.ts';
import { foldEntry, messageHash } from './copy.ts';
import type { Connection } from './gateway.ts';
import { readAnyPage } from './pages.ts';
import type { World } from './world.ts';

/** A command a device wants done. */
interface Wanted {
  readonly id: string;
  readonly method: CommandMethod;
  readonly entity: string;
  readonly command: Command;
  readonly facts: Partial<Pick<AskedEvent, 'conversation' | 'hash' | 'people' | 'targetSeq'>>;
  n: number;
  /** The attempt under way; undefined: none, it has to be sent. */
  attempt: string | undefined;
}

interface Lane {
  outbox: string;
  last: number;
  readonly wanted: Wanted[];
  resendAt: number | undefined;
}

const GAP_WAIT_MS = 300;
const RESEND_MS = 400;
const ANSWER_TIMEOUT_MS = 4_000;

export class Device {
  readonly #world: World;
  readonly user: string;
  readonly device: string;
  readonly #lanes = new Map<string, Lane>();
  readonly #sentHashes = new Map<string, string>();
  readonly rows = new Map<string, Row>();
  cursor = 0;
  #connection: Connection | undefined;
  /** The connection a pull is under way on; one of a dead gateway never ends. */
  #pulling: Connection | undefined;
  #gapTimer = false;
  #attempts = 0;
  #commands = 0;
  #outboxes = 0;

  constructor(world: World, user: string, device: string) {
    this.#world = world;
    this.user = user;
    this.device = device;
    world.record({ type: 'resumed', user, device, epoch: world.epoch, cursor: 0 });
  }

  get connected(): boolean {
    return this.#connection !== undefined && !this.#connection.closed;
  }

  /** Commands that are not answered for good. */
  get pending(): number {
    let pending = 0;
    for (const lane of this.#lanes.values()) pending += lane.wanted.length;
    return pending;
  }

  /** Connects to a gateway that lives, if there is one. */
  connect(): void {
    if (this.connected) return;
    const gateway = this.#world.anyGateway();
    if (gateway === undefined) return;
    const askedAtUs = this.#world.nowUs();
    const connection = gateway.open(this);
    this.#connection = connection;
    connection.hello((outcome) => {
      if (!outcome.ok) return this.disconnect();
      this.#learnHead(outcome, askedAtUs, 'hello');
      void this.pull();
      for (const lane of this.#lanes.values()) this.#pump(lane);
    });
  }

  disconnect(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    connection.close();
    for (const lane of this.#lanes.values()) for (const wanted of lane.wanted) this.#forgetAttempt(wanted);
  }

  /** The connection broke from the other side. */
  dropped(connection: Connection): void {
    if (this.#connection === connection) this.disconnect();
  }

  #forgetAttempt(wanted: Wanted): void {
    if (wanted.attempt === undefined) return;
    this.#world.record({ type: 'answered', device: this.device, attempt: wanted.attempt, result: 'unknown' });
    wanted.attempt = undefined;
  }

  /** Puts a command into the outbox; it goes out as soon as the window and a connection allow. */
  want(method: CommandMethod, entity: string, command: Command, facts: Wanted['facts']): void {
    let lane = this.#lanes.get(entity);
    if (lane === undefined) {
      lane = { outbox: this.#newOutbox(), last: 0, wanted: [], resendAt: undefined };
      this.#lanes.set(entity, lane);
    }
    const id = `${this.device}/${++this.#commands}`;
    lane.last += 1;
    lane.wanted.push({ id, method, entity, command, facts, n: lane.last, attempt: undefined });
    this.#pump(lane);
  }

  #newOutbox(): string {
    return `${this.device}.${++this.#outboxes}`;
  }

  send(conversation: string): void {
    const text = `${this.device} says ${this.#commands + 1}`;
    this.want('send', `c/${conversation}`, { kind: 'send', text }, { conversation, hash: hashOf(text) });
  }

  direct(other: string): void {
    const conversation = directId(this.user, other);
    this.want('create', `c/${conversation}`, { kind: 'createDirect' }, { conversation, people: [other] });
  }

  group(conversation: string, name: string, members: readonly string[]): void {
    const hash = changeHash('created', members, name);
    this.want(
      'create',
      `c/${conversation}`,
      { kind: 'createGroup', name, members },
      { conversation, hash, people: members },
    );
  }

  add(conversation: string, users: readonly string[]): void {
    this.want(
      'add',
      `c/${conversation}`,
      { kind: 'add', users },
      { conversation, hash: changeHash('added', users), people: users },
    );
  }

  remove(conversation: string, user: string): void {
    this.want(
      'remove',
      `c/${conversation}`,
      { kind: 'remove', user },
      { conversation, hash: changeHash('removed', [user]), people: [user] },
    );
  }

  leave(conversation: string): void {
    this.want('leave', `c/${conversation}`, { kind: 'leave' }, { conversation, hash: changeHash('left', [this.user]) });
  }

  read(conversation: string): void {
    const seq = this.rows.get(conversation)?.lastSeq ?? 0;
    if (seq === 0) return;
    this.want('read', `u/${this.user}`, { kind: 'read', conversation, seq }, { conversation, targetSeq: seq });
  }

  /** Reads some page of history. */
  page(conversation: string): void {
    const lastSeq = this.rows.get(conversation)?.lastSeq;
    if (this.#connection !== undefined && lastSeq !== undefined)
      void readAnyPage(this.#world, this.#connection, conversation, lastSeq);
  }

  /** Sends what the window allows: n only when n − 8 and all before are answered (COM10). */
  #pump(lane: Lane): void {
    if (!this.connected) return;
    const below = (lane.wanted[0]?.n ?? 0) + LIMITS.outboxWindow;
    for (const wanted of lane.wanted) if (wanted.n < below && wanted.attempt === undefined) this.#ask(lane, wanted);
  }

  #ask(lane: Lane, wanted: Wanted): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    const attempt = `${this.device}#${++this.#attempts}`;
    wanted.attempt = attempt;
    const { user, device } = this;
    const { id, method, entity, facts, n, command } = wanted;
    this.#world.record({
      type: 'asked',
      user,
      device,
      attempt,
      command: id,
      method,
      entity,
      outbox: lane.outbox,
      n,
      epoch: this.#world.epoch,
      ...facts,
    });
    if (facts.hash !== undefined) this.#sentHashes.set(`${lane.outbox} ${entity} ${n}`, facts.hash);
    const envelope = {
      entity,
      user,
      device,
      outbox: lane.outbox,
      n,
      hash: contentHash(command.kind, JSON.stringify(command)),
      command,
    };
    connection.submit(envelope, (outcome) => this.#answered(lane, wanted, attempt, outcome));
    this.#world.clock.after(ANSWER_TIMEOUT_MS, () => {
      // Unknown, not failed (SYN6): it is sent again as it was.
      if (wanted.attempt !== attempt) return;
      this.#forgetAttempt(wanted);
      this.#resendSoon(lane);
    });
  }

  #answered(lane: Lane, wanted: Wanted, attempt: string, outcome: Outcome): void {
    if (wanted.attempt !== attempt) return;
    wanted.attempt = undefined;
    if (outcome.ok) {
      const { seq } = JSON.parse(outcome.result) as { seq?: number };
      this.#world.record({
        type: 'answered',
        device: this.device,
        attempt,
        result: 'ok',
        ...(seq === undefined ? {} : { seq }),
      });
      this.#world.acknowledged(
        wanted.facts.conversation,
        seq,
        wanted.method === 'send' ? wanted.facts.hash : undefined,
      );
      return this.#done(lane, wanted);
    }
    const { code, facts } = outcome.failure;
    if (code === 'unknown') {
      this.#world.record({ type: 'answered', device: this.device, attempt, result: 'unknown' });
      return this.#resendSoon(lane);
    }
    const settles =
      code === 'notFound' ||
      code === 'forbidden' ||
      code === 'limitExceeded' ||
      code === 'conflict' ||
      code === 'stale';
    this.#world.record({ type: 'answered', device: this.device, attempt, result: 'error', code, settles });
    if (settles) {
      if (code === 'conflict' || code === 'stale')
        this.#world.violated('COM10', `${wanted.id} got ${code}, though nothing else was ever sent under its n`);
      return this.#done(lane, wanted);
    }
    if (code === 'gap' && (facts?.expected ?? 0) < (lane.wanted[0]?.n ?? 0)) {
      this.#world.violated(
        'COM10',
        `${this.device} is asked for ${facts?.expected} of ${wanted.entity}, which was answered`,
      );
    }
    this.#resendSoon(lane);
  }

  #done(lane: Lane, wanted: Wanted): void {
    lane.wanted.splice(lane.wanted.indexOf(wanted), 1);
    this.#pump(lane);
  }

  /** From the oldest unanswered one, after a while. */
  #resendSoon(lane: Lane): void {
    if (lane.resendAt !== undefined) return;
    lane.resendAt = RESEND_MS;
    this.#world.clock.after(RESEND_MS, () => {
      lane.resendAt = undefined;
      this.#pump(lane);
    });
  }

  #learnHead({ head }: { readonly head: number }, askedAtUs: number, via: 'hello' | 'sync' | 'beat'): void {
    const { user, device } = this;
    this.#world.record({ type: 'head', user, device, epoch: this.#world.epoch, askedAtUs, via, head });
  }

  /** A head the gateway tells by itself: the device pulls if it is behind (SYN7). */
  head(head: number): void {
    if (head > this.cursor) void this.pull();
  }

  /** A live entry (SYN2). */
  live(useq: number, fields: string): void {
    if (useq <= this.cursor) return;
    if (useq === this.cursor + 1 || this.#world.planted.device.has('cursor-jumps-gap')) {
      const entry = JSON.parse(`{"type":"entry","useq":${useq},${fields}}`) as Entry;
      if (this.#knows(entry)) return this.#apply(entry);
    }
    if (this.#gapTimer) return;
    this.#gapTimer = true;
    this.#world.clock.after(GAP_WAIT_MS, () => {
      this.#gapTimer = false;
      void this.pull();
    });
  }

  /** Whether a `sent` entry is about something this device still has the text of. */
  #knows(entry: Entry): boolean {
    return entry.kind !== 'sent' || this.#sentHashes.has(`${entry.outbox} c/${entry.conversation} ${entry.n}`);
  }

  /** What comes after the cursor, from the store (SYN3). */
  async pull(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined || this.#pulling === connection) return;
    this.#pulling = connection;
    for (;;) {
      const askedAtUs = this.#world.nowUs();
      const run = await connection.sync(this.cursor).catch((cause: unknown) => {
        this.#world.violated('SYN3', `${this.device} cannot pull after ${this.cursor}: ${String(cause)}`);
        return undefined;
      });
      if (run === undefined || connection !== this.#connection) return;
      for (const entry of run.entries) if (entry.useq === this.cursor + 1) this.#apply(entry);
      this.#learnHead(run, askedAtUs, 'sync');
      if (this.cursor >= run.head) break;
    }
    this.#pulling = undefined;
  }

  #apply(entry: Entry): void {
    const { user, device } = this;
    this.cursor = entry.useq;
    const base = { type: 'entry', user, device, epoch: this.#world.epoch, useq: entry.useq } as const;
    if (entry.kind === 'message') {
      const { message } = entry;
      this.#world.record({
        ...base,
        kind: 'message',
        conversation: message.conversation,
        seq: message.seq,
        hash: messageHash(message),
        sender: message.sender,
      });
      this.#see(message.conversation, message.seq);
    } else if (entry.kind === 'sent') {
      const hash = this.#sentHashes.get(`${entry.outbox} c/${entry.conversation} ${entry.n}`) ?? '';
      this.#world.record({
        ...base,
        kind: 'message',
        conversation: entry.conversation,
        seq: entry.seq,
        hash,
        sender: user,
      });
      this.#see(entry.conversation, entry.seq);
    } else {
      this.#world.record({ ...base, kind: entry.kind });
      foldEntry(this.rows, entry);
    }
  }

  #see(conversation: string, seq: number): void {
    const row = this.rows.get(conversation);
    if (row !== undefined) this.rows.set(conversation, { ...row, lastSeq: Math.max(row.lastSeq, seq) });
  }
}
