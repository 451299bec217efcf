/**
 * The edge's side of the pump: brings requests to the owners of their entities and their answers back, and follows the
 * owners' links (COM8). One per node; gateway and api share it.
 */
import { partitionOf } from '../core/hash.ts';
import type { Envelope } from '../core/commands.ts';
import { userKey, conversationKey } from '../core/rows.ts';
import type { Bus, NodeId } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import type { Directory } from './directory.ts';
import type { Failure, Link, LinkItem, NodeMessage, NotTaken, Outcome, SoftRequest, Submission } from './messages.ts';

/** What a gateway does with what its links bring. */
export interface EdgeListener {
  /** An entry, a revocation or positions for clients of this node. */
  item(item: Exclude<LinkItem, { kind: 'result' | 'failure' }>): void;
  /** All items of one link message were given: what has gathered for a connection may be written as one frame. */
  turnEnd(): void;
  /** Something of this partition's link was missed, or it has a new owner: announce routes and watches again, tell clients the heads. May be called more often than needed. */
  resync(partition: number): void;
}

export interface Edge {
  /** Brings a command to the owner of its entity. `reply` is called once, within {@link REQUEST_TIMEOUT_MS}. */
  submit(envelope: Envelope, reply: (outcome: Outcome) => void): void;
  /** The same for a soft request. */
  ask(soft: SoftRequest, reply: (outcome: Outcome) => void): void;
  /** Requests that are not answered yet. */
  readonly waiting: number;
  attach(listener: EdgeListener): void;
  /** For the node's dispatcher. */
  receive(from: NodeId, message: Link | NotTaken): void;
  close(): void;
}

/** After this long an answer is `unknown`. */
export const REQUEST_TIMEOUT_MS = 15_000;
/** Requests that may wait at one edge; beyond, it answers `overloaded`. */
export const MAX_WAITING = 65_536;
const RETRY_OWNER_MS = 100;
const SWEEP_MS = 1_000;

interface Waiting {
  readonly partition: number;
  readonly request: { readonly envelope: Envelope } | { readonly soft: SoftRequest };
  readonly reply: (outcome: Outcome) => void;
  readonly deadline: number;
  /** The node it was sent to; undefined while it waits for an owner. */
  sentTo: NodeId | undefined;
}

interface LinkState {
  claim: string;
  n: number;
}

const failed = (code: Failure['code'], detail: string, retryAfterMs?: number): Outcome => ({
  ok: false,
  failure: retryAfterMs === undefined ? { code, detail } : { code, detail, facts: { retryAfterMs } },
});
const UNKNOWN = failed('unknown', 'No answer in time; the command may have been executed. Send it again as it was.');
const UNAVAILABLE = failed('unavailable', 'Nobody owns this partition at the moment.', 1_000);
const OVERLOADED = failed('overloaded', 'Too many requests wait at this server.', 1_000);

/** Soft requests and commands with an (outbox, n) can be sent twice without harm. */
const repeatable = (waiting: Waiting): boolean => 'soft' in waiting.request || waiting.request.envelope.n !== undefined;

export const createEdge = (options: {
  readonly bus: Bus<NodeMessage>;
  readonly clock: Clock;
  readonly directory: Directory;
  readonly partitions: number;
}): Edge => {
  const { bus, clock, directory, partitions } = options;
  const waiting = new Map<number, Waiting>();
  const links = new Map<number, LinkState>();
  /** Refs to be sent with the next flush, by partition. */
  const outgoing = new Map<number, number[]>();
  let lastRef = 0;
  let flushing = false;
  let closed = false;
  let listener: EdgeListener | undefined;

  const settle = (ref: number, outcome: Outcome): void => {
    const request = waiting.get(ref);
    if (request === undefined) return;
    waiting.delete(ref);
    request.reply(outcome);
  };

  const sendTo = (owner: NodeId, partition: number, refs: readonly number[]): void => {
    const requests: Submission['requests'][number][] = [];
    for (const ref of refs) {
      const request = waiting.get(ref);
      if (request === undefined) continue;
      request.sentTo = owner;
      requests.push({ ref, ...request.request });
    }
    if (requests.length > 0 && !bus.send(owner, { type: 'submission', partition, requests }))
      for (const { ref } of requests) settle(ref, OVERLOADED);
  };

  const flush = (): void => {
    flushing = false;
    for (const [partition, refs] of outgoing) {
      const owner = directory.ownerOf(partition);
      // Without an owner they keep waiting: its appearance, or the sweep, ends that.
      if (owner !== undefined) {
        outgoing.delete(partition);
        sendTo(owner, partition, refs);
      }
    }
  };

  const scheduleFlush = (): void => {
    if (flushing || closed) return;
    flushing = true;
    clock.soon(flush);
  };

  const enqueue = (partition: number, ref: number): void => {
    const refs = outgoing.get(partition);
    if (refs === undefined) outgoing.set(partition, [ref]);
    else refs.push(ref);
    scheduleFlush();
  };

  const add = (entity: string, request: Waiting['request'], reply: (outcome: Outcome) => void): void => {
    if (waiting.size >= MAX_WAITING) return reply(OVERLOADED);
    const partition = partitionOf(entity, partitions);
    const ref = ++lastRef;
    waiting.set(ref, {
      partition,
      request,
      reply,
      deadline: clock.monotonic() + REQUEST_TIMEOUT_MS,
      sentTo: undefined,
    });
    enqueue(partition, ref);
  };

  /** The owner changed: what was sent to another one is sent again if that is harmless, else its outcome is unknown. */
  const reroute = (partition: number): void => {
    const owner = directory.ownerOf(partition);
    for (const [ref, request] of waiting) {
      if (request.partition !== partition || request.sentTo === undefined || request.sentTo === owner) continue;
      if (repeatable(request)) {
        request.sentTo = undefined;
        enqueue(partition, ref);
      } else settle(ref, UNKNOWN);
    }
    scheduleFlush();
  };

  const sweep = (): void => {
    if (closed) return;
    const now = clock.monotonic();
    for (const [ref, request] of waiting) {
      // Insertion order is order of deadlines.
      if (request.deadline > now) break;
      settle(ref, request.sentTo === undefined ? UNAVAILABLE : UNKNOWN);
    }
    clock.after(SWEEP_MS, sweep);
  };

  const notTaken = (message: NotTaken): void => {
    for (const ref of message.refs) {
      const request = waiting.get(ref);
      if (request === undefined) continue;
      if (message.failure.code === 'unavailable') {
        request.sentTo = undefined;
        clock.after(RETRY_OWNER_MS, () => {
          if (waiting.has(ref)) enqueue(message.partition, ref);
        });
      } else settle(ref, { ok: false, failure: message.failure });
    }
  };

  /** Whether everything before this message was seen; else the listener is told to announce itself anew. */
  const follows = (message: Link): boolean => {
    const link = links.get(message.partition);
    if (link === undefined || link.claim !== message.claim) {
      links.set(message.partition, { claim: message.claim, n: message.n });
      return link === undefined && message.n <= 1;
    }
    const expected = message.items.length === 0 ? link.n : link.n + 1;
    const complete = message.n <= expected;
    link.n = Math.max(link.n, message.n);
    return complete;
  };

  const takeLink = (message: Link): void => {
    const complete = follows(message);
    for (const item of message.items) {
      if (item.kind === 'result') settle(item.ref, { ok: true, result: item.result });
      else if (item.kind === 'failure') settle(item.ref, { ok: false, failure: item.failure });
      else listener?.item(item);
    }
    listener?.turnEnd();
    if (!complete) listener?.resync(message.partition);
  };

  directory.onChange((partition) => {
    // A new owner knows nothing of what this node holds, and may have nothing to say to it.
    links.delete(partition);
    reroute(partition);
    listener?.resync(partition);
  });
  clock.after(SWEEP_MS, sweep);

  return {
    submit: (envelope, reply) => add(envelope.entity, { envelope }, reply),
    ask: (soft, reply) =>
      add(soft.kind === 'route' ? userKey(soft.user) : conversationKey(soft.conversation), { soft }, reply),
    get waiting() {
      return waiting.size;
    },
    attach: (attached) => {
      listener = attached;
    },
    receive: (_from, message) => {
      if (message.type === 'link') takeLink(message);
      else notTaken(message);
    },
    close: () => {
      closed = true;
      for (const ref of waiting.keys()) settle(ref, UNKNOWN);
    },
  };
};
