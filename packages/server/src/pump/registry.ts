/**
 * Who is alive and who owns what, over the Bus: every node says so each second. Liveness only decides who tries; the
 * ledger decides who wins (COM2).
 */
import type { Bus, NodeId } from '../ports/bus.ts';
import type { Clock, Timer } from '../ports/clock.ts';
import type { Registry } from './directory.ts';
import type { Alive, NodeMessage } from './messages.ts';
import { HAND_OVER_CLOCK_ERROR_MS, MAX_CLOCK_ERROR_MS, clockFits, rank } from './ranking.ts';
import type { Candidate } from './ranking.ts';

const ANNOUNCE_MS = 1_000;
/** Unheard for this long is dead. */
const DEAD_MS = 3_000;
/** A node that lost a partition waits this long before it claims it again. */
const LOST_WAIT_MS = 10_000;
/** A partition without an owner is claimed by the first in the ranking; each one after it waits this much longer. */
const NEXT_IN_RANK_MS = 5_000;
/** Another node has to be alive for this long before a partition is handed over to it in peace. */
const SETTLED_MS = 5_000;
/** A node whose ticks are this far apart stood still: that it heard nobody meanwhile proves nothing. */
const SLEPT_MS = 2 * ANNOUNCE_MS;
/** A partition that one claims because those before it in the ranking did not is kept for this long: they might not again. */
const KEEP_MS = 60_000;

export interface RegistryOptions {
  readonly bus: Bus<NodeMessage>;
  readonly clock: Clock;
  readonly partitions: number;
  readonly roles: readonly string[];
  readonly version: string;
  readonly formats: readonly number[];
  readonly address?: string;
  /** Connections held now. */
  readonly load: () => number;
  /** The only node: claims at once. Others listen for {@link DEAD_MS} first. */
  readonly alone: boolean;
  readonly alarm: (what: string) => void;
}

interface Heard {
  readonly message: Alive;
  readonly heardAt: number;
  readonly since: number;
  readonly clockOffsetMs: number;
}
interface Owned {
  readonly node: NodeId;
  readonly stamp: number;
}

export const createRegistry = (options: RegistryOptions): Registry => {
  const { bus, clock, partitions } = options;
  const heard = new Map<NodeId, Heard>();
  const own = new Map<number, { readonly claim: string; readonly stamp: number }>();
  const blockedUntil = new Map<number, number>();
  const ownerlessSince = new Map<number, number>();
  /** Not handed over before that time. */
  const keptUntil = new Map<number, number>();
  let owners = new Map<number, Owned>();
  const changeListeners: ((partition: number) => void)[] = [];
  const deadListeners: ((node: NodeId) => void)[] = [];
  const tickListeners: (() => void)[] = [];
  let startedAt = clock.monotonic();
  let tickedAt = startedAt;
  let draining = false;
  let clockAlarm = false;
  let timer: Timer | undefined;

  const self = (): Alive => ({
    type: 'alive',
    node: bus.node,
    roles: options.roles,
    version: options.version,
    formats: options.formats,
    ...(options.address === undefined ? {} : { address: options.address }),
    load: options.load(),
    draining,
    at: clock.now(),
    owns: [...own].map(([partition, { claim, stamp }]) => ({ partition, claim, stamp })),
  });

  const nodes = (): readonly Alive[] => [self(), ...[...heard.values()].map(({ message }) => message)];

  const candidates = (): readonly Candidate[] => [
    { node: bus.node, worker: options.roles.includes('worker'), draining, clockOffsetMs: 0 },
    ...[...heard.values()].map(({ message, clockOffsetMs }) => ({
      node: message.node,
      worker: message.roles.includes('worker'),
      draining: message.draining,
      clockOffsetMs,
    })),
  ];

  /** The highest claim among those who live is the owner. */
  const computeOwners = (): Map<number, Owned> => {
    const computed = new Map<number, Owned>();
    const consider = (node: NodeId, owns: Alive['owns']): void => {
      for (const { partition, stamp } of owns) {
        const known = computed.get(partition);
        if (known === undefined || known.stamp < stamp) computed.set(partition, { node, stamp });
      }
    };
    consider(bus.node, self().owns);
    for (const { message } of heard.values()) consider(message.node, message.owns);
    return computed;
  };

  /** Recomputes the owners; tells who listens, and whether a partition has just become vacant. */
  const refresh = (): boolean => {
    const before = owners;
    let vacated = false;
    owners = computeOwners();
    const now = clock.monotonic();
    for (let partition = 0; partition < partitions; partition++) {
      const owner = owners.get(partition)?.node;
      if (owner === undefined && before.has(partition)) vacated = true;
      if (owner !== undefined) ownerlessSince.delete(partition);
      else if (!ownerlessSince.has(partition)) ownerlessSince.set(partition, now);
      if (owner !== before.get(partition)?.node || owners.get(partition)?.stamp !== before.get(partition)?.stamp) {
        for (const listener of changeListeners) listener(partition);
      }
    }
    return vacated;
  };

  const announce = (): void => bus.publish(self());

  const notifyTick = (): void => {
    for (const listener of tickListeners) listener();
  };

  const dropDead = (): void => {
    const now = clock.monotonic();
    for (const [node, { heardAt }] of heard) {
      if (now - heardAt < DEAD_MS) continue;
      heard.delete(node);
      for (const listener of deadListeners) listener(node);
    }
  };

  /** After a sleep the others get the time to speak again before they count as dead. */
  const noticeSleep = (): void => {
    const now = clock.monotonic();
    const slept = now - tickedAt > SLEPT_MS;
    tickedAt = now;
    if (!slept) return;
    startedAt = now;
    for (const [node, known] of heard) heard.set(node, { ...known, heardAt: now });
  };

  const tick = (): void => {
    noticeSleep();
    announce();
    dropDead();
    refresh();
    notifyTick();
    timer = clock.after(ANNOUNCE_MS, tick);
  };

  /** Says so, once, when this node's own clock does not fit. */
  const watchClock = (all: readonly Candidate[]): void => {
    const [me] = all;
    const fits = me !== undefined && clockFits(me, all);
    if (!fits && !clockAlarm)
      options.alarm(
        `this machine's clock is more than ${MAX_CLOCK_ERROR_MS} ms from the other nodes' clocks; it leaves partitions to workers whose clocks fit until that is mended`,
      );
    clockAlarm = !fits;
  };

  const changed = (): void => {
    announce();
    refresh();
  };

  return {
    ownerOf: (partition) => owners.get(partition)?.node,
    onChange: (listener) => void changeListeners.push(listener),
    onDead: (listener) => void deadListeners.push(listener),
    onTick: (listener) => void tickListeners.push(listener),
    nodes,
    receive: (message) => {
      if (message.node === bus.node) return;
      const now = clock.monotonic();
      const since = heard.get(message.node)?.since ?? now;
      heard.set(message.node, { message, heardAt: now, since, clockOffsetMs: message.at - clock.now() });
      // A partition given up in peace is claimed at once, not with the next tick.
      if (refresh()) notifyTick();
    },
    toClaim: () => {
      const now = clock.monotonic();
      const all = candidates();
      if (draining || (!options.alone && now - startedAt < DEAD_MS)) return [];
      watchClock(all);
      const wanted: number[] = [];
      for (let partition = 0; partition < partitions; partition++) {
        if (own.has(partition) || owners.has(partition) || (blockedUntil.get(partition) ?? 0) > now) continue;
        const place = rank(partition, all).indexOf(bus.node);
        const waited = now - (ownerlessSince.get(partition) ?? now);
        if (place >= 0 && waited >= place * NEXT_IN_RANK_MS) wanted.push(partition);
      }
      return wanted;
    },
    toRelease: () => {
      const now = clock.monotonic();
      const all = candidates();
      return [...own.keys()].filter((partition) => {
        const owner = owners.get(partition)?.node;
        if (owner !== undefined && owner !== bus.node) return true;
        if ((keptUntil.get(partition) ?? 0) > now) return false;
        // The same ranking as for claims: one that left this node out would have it give up what it claims at once again.
        const first = all.find(({ node }) => node === rank(partition, all)[0]);
        const known = first === undefined ? undefined : heard.get(first.node);
        if (first === undefined || known === undefined || now - known.since < SETTLED_MS) return false;
        return clockFits(first, all, HAND_OVER_CLOCK_ERROR_MS);
      });
    },
    own: (partition, claim, stamp) => {
      if (rank(partition, candidates())[0] !== bus.node) keptUntil.set(partition, clock.monotonic() + KEEP_MS);
      own.set(partition, { claim, stamp });
      changed();
    },
    disown: (partition, why) => {
      const had = own.delete(partition);
      if (why === 'lost') blockedUntil.set(partition, clock.monotonic() + LOST_WAIT_MS);
      if (had) changed();
    },
    start: () => {
      startedAt = clock.monotonic();
      tickedAt = startedAt;
      refresh();
      tick();
    },
    drain: () => {
      draining = true;
      changed();
    },
    stop: () => {
      timer?.cancel();
      own.clear();
    },
  };
};
