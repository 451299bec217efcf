/**
 * A seeded world: nodes over misbehaving engines, devices that talk, faults that strike. Everything follows from the
 * seed, so a run can be seen again.
 */
import { nameKey, userKey } from '../../packages/server/src/core/rows.ts';
import type { Envelope } from '../../packages/server/src/core/commands.ts';
import { decodeMessage, logRow } from '../../packages/server/src/core/rows.ts';
import { ManualClock } from '../../packages/server/src/engines/clock-manual.ts';
import { CALM, Faults, seededRandom } from '../../packages/server/src/engines/faults.ts';
import type { FaultRates } from '../../packages/server/src/engines/faults.ts';
import type { MemoryRows } from '../../packages/server/src/engines/store-memory.ts';
import type { Message } from '@duolog/protocol';
import type { Outcome } from '../../packages/server/src/pump/messages.ts';
import type { HistoryEvent } from '../torture/history.ts';
import { messageHash } from './copy.ts';
import { Device } from './device.ts';
import type { Gateway } from './gateway.ts';
import { noPlants, plant } from './plants.ts';
import type { PlantName } from './plants.ts';
import { judgePages } from './pages.ts';
import type { PageRead } from './pages.ts';
import { restOf } from './rest.ts';
import { watchRows } from './watch.ts';

export interface Violation {
  readonly rule: string;
  readonly detail: string;
  readonly atMs: number;
}

type Untimed = HistoryEvent extends infer E ? (E extends HistoryEvent ? Omit<E, 'atUs'> : never) : never;

/** The nodes of a world: a cluster, or one process. */
export interface Site {
  readonly rows: MemoryRows;
  readonly partitions: number;
  /** Gateways that live and are not paused. */
  gateways(): readonly Gateway[];
  start(): Promise<void>;
  /** Does something bad, now; says what. */
  strike(): string;
  /** Everything dead is started again, everything paused goes on, all cuts heal. */
  mend(): void;
  /** Owner changes seen so far. */
  readonly takeovers: number;
  stop(): void;
}

export type BuildSite = (world: World) => Site;

/** How long the chaos lasts and how the world comes to rest, in virtual ms. */
const CHAOS_MS = 25_000;
const REST_BOUND_MS = 120_000;

export class World {
  readonly clock = new ManualClock();
  readonly random: () => number;
  readonly faults: Faults;
  /** Reads of history have chances of their own: what else happens in a world does not depend on them. */
  readonly readingRandom: () => number;
  readonly readingFaults: Faults;
  readonly pages: PageRead[] = [];
  readonly events: HistoryEvent[] = [];
  readonly violations: Violation[] = [];
  /** Faults planted on purpose, from the beginning of the chaos on. */
  readonly planted = noPlants();
  readonly #plants: readonly PlantName[];
  readonly epoch = 'e1';
  readonly users: readonly string[];
  readonly groups = ['g.aaaaaaaaaaaaaaaaaaaa0', 'g.aaaaaaaaaaaaaaaaaaaa1'];
  readonly devices: Device[] = [];
  readonly site: Site;
  #chaos = false;

  constructor(seed: number, build: BuildSite, plants: readonly PlantName[]) {
    this.random = seededRandom(seed);
    this.faults = new Faults(this.random, CALM);
    this.readingRandom = seededRandom(seed ^ 0x70616765);
    this.readingFaults = new Faults(this.readingRandom, CALM);
    this.#plants = plants;
    this.users = Array.from({ length: 5 }, (_, i) => `u${String(i).padStart(16, '0')}`);
    this.record({
      type: 'run',
      seed,
      cluster: false,
      faults: false,
      minOk: 10,
      mustExercise: [1, 3, 5, 6, 7, 8, 12],
      boundMs: REST_BOUND_MS,
    });
    this.site = build(this);
    watchRows(this.site.rows, (rule, detail) => this.violated(rule, detail));
  }

  nowUs(): number {
    return Math.round(this.clock.monotonic() * 1_000);
  }

  record(event: Untimed): void {
    this.events.push({ ...event, atUs: this.nowUs() });
  }

  violated(rule: string, detail: string): void {
    this.violations.push({ rule, detail, atMs: this.clock.monotonic() });
  }

  get connectionDelayMs(): number {
    return 2;
  }

  get partitions(): number {
    return this.site.partitions;
  }

  pick<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.random() * from.length)];
  }

  between(from: number, to: number): number {
    return from + this.random() * (to - from);
  }

  anyGateway(): Gateway | undefined {
    return this.pick(this.site.gateways());
  }

  /** What was acknowledged is readable at that moment, and is what was said (COM1). */
  acknowledged(conversation: string | undefined, seq: number | undefined, hash: string | undefined): void {
    if (conversation === undefined || seq === undefined || hash === undefined) return;
    const { partition, key } = logRow(`c/${conversation}`, seq);
    const value = this.site.rows.get(partition, key);
    const stored = value === undefined ? 'nothing' : messageHash(JSON.parse(decodeMessage(value)) as Message);
    if (stored !== hash)
      this.violated('COM1', `${conversation} ${seq} was acknowledged, but the store has ${stored} there`);
  }

  /** Signs everybody up, in calm. */
  async #settle(): Promise<void> {
    await this.clock.run(this.site.start());
    await this.clock.advance(8_000);
    for (const [i, user] of this.users.entries()) {
      const handle = `user${i}`;
      await this.#mustDo({
        entity: nameKey(handle),
        user,
        hash: '',
        command: { kind: 'signUp', user, name: handle, passwordHash: '' },
      });
      for (let d = 0; d < 2; d++) {
        await this.#mustDo({
          entity: userKey(user),
          user,
          hash: '',
          command: { kind: 'addDevice', device: `${user}-${d}`, name: 'd' },
        });
        this.devices.push(new Device(this, user, `${user}-${d}`));
      }
    }
    for (const device of this.devices) device.connect();
    const [a, b, c, d] = this.users;
    if (a === undefined || b === undefined || c === undefined || d === undefined) return;
    const [first, , second] = this.devices;
    first?.direct(b);
    second?.direct(c);
    first?.group(this.groups[0] ?? '', 'all', this.users.slice(1));
    second?.group(this.groups[1] ?? '', 'few', [c, d]);
    await this.clock.advance(1_000);
  }

  /** A command of the set-up: repeated until it is done. */
  async #mustDo(envelope: Envelope): Promise<void> {
    for (let tries = 0; tries < 50; tries++) {
      const edge = this.anyGateway()?.node.edge;
      if (edge !== undefined) {
        const outcome = await this.clock.run(new Promise<Outcome>((resolve) => edge.submit(envelope, resolve)));
        if (outcome.ok) return;
      }
      await this.clock.advance(200);
    }
    throw new Error(`set-up failed: ${JSON.stringify(envelope)}`);
  }

  /** What a device does next, and when it does something again. */
  #live(device: Device): void {
    if (!this.#chaos) return;
    this.clock.after(this.between(50, 900), () => this.#live(device));
    if (!device.connected) return device.connect();
    const dice = this.random();
    const conversation = this.pick(
      [...device.rows.values()].filter(({ leaveSeq }) => leaveSeq === undefined),
    )?.conversation;
    if (dice < 0.04) return device.disconnect();
    if (conversation === undefined || device.pending > 12) return;
    if (dice < 0.8) for (let i = this.random() < 0.2 ? 5 : 1; i > 0; i--) device.send(conversation);
    else if (dice < 0.9) device.read(conversation);
    else if (this.groups.includes(conversation)) this.#changeGroup(device, conversation);
  }

  /** A device reads history now and then, also where it is no member any more. */
  #read(device: Device): void {
    if (!this.#chaos) return;
    this.clock.after(500 + this.readingRandom() * 2_500, () => this.#read(device));
    const conversations = [...device.rows.keys()];
    const conversation = conversations[Math.floor(this.readingRandom() * conversations.length)];
    if (conversation !== undefined) device.page(conversation);
  }

  #changeGroup(device: Device, group: string): void {
    const other = this.pick(this.users.filter((user) => user !== device.user)) ?? '';
    const dice = this.random();
    if (dice < 0.5) device.add(group, [other]);
    else if (dice < 0.85) device.remove(group, other);
    else device.leave(group);
  }

  #strikeAgain(): void {
    if (!this.#chaos) return;
    this.record({ type: 'fault', fault: this.site.strike(), node: '' });
    this.clock.after(this.between(400, 3_500), () => this.#strikeAgain());
  }

  /** The whole run; afterwards {@link events} and {@link violations} tell what happened. */
  async run(rates: FaultRates): Promise<void> {
    await this.#settle();
    this.#chaos = true;
    for (const name of this.#plants) plant(this.planted, name);
    this.faults.rates = rates;
    this.readingFaults.rates = rates;
    for (const device of this.devices) this.#live(device);
    for (const device of this.devices) this.#read(device);
    this.#strikeAgain();
    await this.clock.advance(CHAOS_MS);
    this.#chaos = false;
    this.faults.rates = CALM;
    this.readingFaults.rates = CALM;
    this.site.mend();
    this.record({ type: 'served', node: '' });
    await this.#comeToRest();
    judgePages(this.site.rows, this.pages, (rule, detail) => this.violated(rule, detail));
    for (const event of restOf(this.site.rows, this.epoch, this.users, this.groups)) this.record(event);
    for (const { user, device, cursor, rows } of this.devices) {
      this.record({ type: 'rest', user, device, source: 'live', epoch: this.epoch, cursor, rows: [...rows.values()] });
    }
    this.site.stop();
  }

  /** Until every command is answered and every device is at its head; what takes longer than the bound is a violation. */
  async #comeToRest(): Promise<void> {
    const until = this.clock.monotonic() + REST_BOUND_MS;
    let quietMs = 0;
    while (quietMs < 5_000) {
      await this.clock.advance(500);
      for (const device of this.devices) if (!device.connected) device.connect();
      quietMs = this.devices.every((device) => device.connected && device.pending === 0) ? quietMs + 500 : 0;
      if (this.clock.monotonic() > until)
        return this.violated(
          'HISTORY 14',
          `${this.devices.filter((device) => device.pending > 0).length} devices still wait for an answer`,
        );
    }
    for (const device of this.devices) void device.pull();
    await this.clock.advance(5_000);
  }
}
