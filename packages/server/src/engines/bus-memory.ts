import type { Bus, NodeId } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import type { Faults } from './faults.ts';

/**
 * The bus of one process: messages pass by as they are, and the listener is called from within `send` and `publish`, so
 * a message costs a call. Several nodes of one process may share it.
 */
export class DirectBus<M> {
  readonly #listeners = new Map<NodeId, (from: NodeId, message: M) => void>();

  open(node: NodeId): Bus<M> {
    const listeners = this.#listeners;
    let open = true;
    return {
      node,
      send: (to, message) => {
        if (open) listeners.get(to)?.(node, message);
        return true;
      },
      publish: (message) => {
        if (open) for (const listener of listeners.values()) listener(node, message);
      },
      listen: (listener) => void listeners.set(node, listener),
      close: () => {
        open = false;
        listeners.delete(node);
      },
    };
  }
}

interface Pair {
  /** When the last message sent so far arrives: none overtakes it. */
  arrivesAt: number;
  underWay: number;
  /** What travels, in order. */
  readonly texts: string[];
}

interface Attached<M> {
  readonly clock: Clock;
  listener: ((from: NodeId, message: M) => void) | undefined;
}

/** What a network is made of. */
export interface NetworkOptions {
  readonly world: Clock;
  readonly faults: Faults;
  /** Messages that may be under way from one node to another; beyond, they are refused or lost. */
  readonly maxUnderWay?: number;
}

/**
 * A network between nodes, for tests: messages travel as JSON text, take their time, overtake those of other pairs, get
 * lost; nodes can be cut off from each other. What is doubled is worse than the contract allows.
 */
export class MemoryNetwork<M> {
  readonly #nodes = new Map<NodeId, Attached<M>>();
  readonly #pairs = new Map<string, Pair>();
  readonly #cuts = new Set<string>();
  readonly #world: Clock;
  readonly #faults: Faults;
  readonly #maxUnderWay: number;

  constructor(options: NetworkOptions) {
    this.#world = options.world;
    this.#faults = options.faults;
    this.#maxUnderWay = options.maxUnderWay ?? 10_000;
  }

  /** A node joins. A paused node gets its messages when it goes on; a dead one never does. */
  open(node: NodeId, clock: Clock): Bus<M> {
    const attached: Attached<M> = { clock, listener: undefined };
    this.#nodes.set(node, attached);
    const here = (): boolean => this.#nodes.get(node) === attached;
    return {
      node,
      send: (to, message) => here() && this.#send(node, to, JSON.stringify(message)),
      publish: (message) => {
        const text = JSON.stringify(message);
        if (here()) for (const to of this.#nodes.keys()) this.#send(node, to, text);
      },
      listen: (listener) => {
        attached.listener = listener;
      },
      close: () => {
        if (here()) this.#nodes.delete(node);
      },
    };
  }

  /** Nothing goes from one to the other any more; cut both ways to part them. What is under way still arrives. */
  cut(from: NodeId, to: NodeId): void {
    this.#cuts.add(`${from} ${to}`);
  }

  heal(from: NodeId, to: NodeId): void {
    this.#cuts.delete(`${from} ${to}`);
  }

  /** Heals everything. */
  healAll(): void {
    this.#cuts.clear();
  }

  #send(from: NodeId, to: NodeId, text: string): boolean {
    const name = `${from} ${to}`;
    const pair = this.#pairs.get(name) ?? { arrivesAt: 0, underWay: 0, texts: [] };
    this.#pairs.set(name, pair);
    if (pair.underWay >= this.#maxUnderWay) return false;
    const { rates } = this.#faults;
    // To oneself there is no network in between.
    const abroad = from !== to;
    if (abroad && (this.#cuts.has(name) || this.#faults.strikes(rates.messageLost))) return true;
    const delayMs = abroad ? this.#faults.within(rates.delayMs) : 0;
    pair.arrivesAt = Math.max(pair.arrivesAt, this.#world.monotonic() + delayMs);
    this.#deliver(from, to, text, pair);
    if (abroad && this.#faults.strikes(rates.messageDoubled)) {
      this.#world.after(this.#faults.within(rates.lateMs), () => this.#deliver(from, to, text, pair));
    }
    return true;
  }

  #deliver(from: NodeId, to: NodeId, text: string, pair: Pair): void {
    const receiver = this.#nodes.get(to);
    if (receiver === undefined) return;
    pair.underWay += 1;
    pair.texts.push(text);
    this.#world.after(pair.arrivesAt - this.#world.monotonic(), () => {
      const first = pair.texts.shift();
      receiver.clock.soon(() => {
        pair.underWay -= 1;
        if (first !== undefined && this.#nodes.get(to) === receiver) receiver.listener?.(from, JSON.parse(first) as M);
      });
    });
  }
}
