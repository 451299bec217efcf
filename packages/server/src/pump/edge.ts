/**
 * The edge's side of the pump: brings requests to the owners of their entities and their answers back, and follows the
 * owners' links (COM8). One per node; gateway and api share it.
 */
import { RETRY } from '@duolog/protocol';
import { partitionOf } from '../core/hash.ts';
import type { Envelope } from '../core/commands.ts';
import { userKey, conversationKey } from '../core/rows.ts';
import type { Bus, NodeId } from '../ports/bus.ts';
import type { Clock } from '../ports/clock.ts';
import type { Directory } from './directory.ts';
import { createLinkNumbers } from './link-numbers.ts';
import { failed } from './messages.ts';
import type { Link, LinkItem, NodeMessage, NotTaken, Outcome, SoftRequest, Submission } from './messages.ts';
import { createSlots } from './slots.ts';

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
  readonly asked: Envelope | SoftRequest;
  readonly reply: (outcome: Outcome) => void;
  readonly deadline: number;
  /** The node it was sent to; undefined while it waits for an owner. */
  sentTo: NodeId | undefined;
  /** An owner before may have executed it: whatever becomes of it now, it has not simply failed (SYN6). */
  maybeDone: boolean;
}

const UNKNOWN = failed('unknown', 'No answer in time; the command may have been executed. Send it again as it was.');
const UNAVAILABLE = failed('unavailable', 'Nobody owns this partition at the moment.', { retryAfterMs: 1_000 });
const OVERLOADED = failed('overloaded', 'Too many requests wait at this server.', { retryAfterMs: 1_000 });

/** Failures that say nothing about what became of a command elsewhere. */
const tellsNothing = (outcome: Outcome): boolean => !outcome.ok && RETRY[outcome.failure.code] === 'later';

const isCommand = (asked: Waiting['asked']): asked is Envelope => 'entity' in asked;

/** Soft requests and commands with an (outbox, n) can be sent twice without harm. */
const repeatable = ({ asked }: Waiting): boolean => !isCommand(asked) || asked.n !== undefined;

export const createEdge = (options: {
  readonly bus: Bus<NodeMessage>;
  readonly clock: Clock;
  readonly directory: Directory;
  readonly partitions: number;
}): Edge => {
  const { bus, clock, directory, partitions } = options;
  const waiting = createSlots<Waiting>(MAX_WAITING);
  const links = createLinkNumbers(clock);
  /** Refs to be sent with the next flush, by partition. */
  const outgoing = new Map<number, number[]>();
  let flushing = false;
  let closed = false;
  let listener: EdgeListener | undefined;

  const settle = (ref: number, outcome: Outcome): void => {
    const request = waiting.get(ref);
    if (request === undefined) return;
    waiting.remove(ref);
    request.reply(request.maybeDone && tellsNothing(outcome) ? UNKNOWN : outcome);
  };

  const sendTo = (owner: NodeId, partition: number, refs: readonly number[]): void => {
    const requests: Submission['requests'][number][] = [];
    for (const ref of refs) {
      const request = waiting.get(ref);
      if (request === undefined) continue;
      const { asked } = request;
      request.sentTo = owner;
      requests.push(isCommand(asked) ? { ref, envelope: asked } : { ref, soft: asked });
    }
    if (requests.length > 0 && !bus.send(owner, { type: 'submission', partition, requests }))
      for (const { ref } of requests) settle(ref, OVERLOADED);
  };

  const flush = (): void => {
    flushing = false;
    // A copy: who is told no may submit at once, and that is for the next flush.
    const due = [...outgoing];
    for (const [partition, refs] of due) {
      const owner = directory.ownerOf(partition);
      // Without an owner they keep waiting: its appearance, or the sweep, ends that.
      if (owner === undefined) continue;
      outgoing.delete(partition);
      sendTo(owner, partition, refs);
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

  const add = (entity: string, asked: Waiting['asked'], reply: (outcome: Outcome) => void): void => {
    if (closed) return reply(UNAVAILABLE);
    if (waiting.size >= MAX_WAITING) return reply(OVERLOADED);
    const partition = partitionOf(entity, partitions);
    const ref = waiting.add({
      partition,
      asked,
      reply,
      deadline: clock.monotonic() + REQUEST_TIMEOUT_MS,
      sentTo: undefined,
      maybeDone: false,
    });
    enqueue(partition, ref);
  };

  /** A new claim: what was sent to the owner before is sent again if that is harmless, else its outcome is unknown. */
  const reroute = (partition: number): void => {
    for (const [ref, request] of waiting.entries()) {
      if (request.partition !== partition || request.sentTo === undefined) continue;
      if (repeatable(request)) {
        request.sentTo = undefined;
        request.maybeDone = true;
        enqueue(partition, ref);
      } else settle(ref, UNKNOWN);
    }
    scheduleFlush();
  };

  const sweep = (): void => {
    const now = clock.monotonic();
    for (const [ref, request] of waiting.entries()) {
      // They come in order of deadlines.
      if (request.deadline > now) break;
      settle(ref, request.sentTo === undefined ? UNAVAILABLE : UNKNOWN);
    }
    for (const partition of links.silent()) listener?.resync(partition);
    for (const [partition, refs] of outgoing) {
      const left = refs.filter((ref) => waiting.get(ref) !== undefined);
      if (left.length > 0) outgoing.set(partition, left);
      else outgoing.delete(partition);
    }
    sweepTimer = clock.after(SWEEP_MS, sweep);
  };

  const notTaken = (from: NodeId, { refs, partition, failure }: NotTaken): void => {
    const again: number[] = [];
    for (const ref of refs) {
      const request = waiting.get(ref);
      // Said twice, or late by one that does not have it any more.
      if (request?.sentTo !== from) continue;
      if (failure.code !== 'unavailable') settle(ref, { ok: false, failure });
      else {
        request.sentTo = undefined;
        again.push(ref);
      }
    }
    if (again.length > 0) clock.after(RETRY_OWNER_MS, () => again.forEach((ref) => enqueue(partition, ref)));
  };

  const takeLink = (from: NodeId, message: Link): void => {
    // What an owner of before still says is true, but says nothing about the link of the one who is it now.
    const complete = directory.ownerOf(message.partition) !== from || links.follows(message);
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
    links.forget(partition);
    reroute(partition);
    listener?.resync(partition);
  });
  let sweepTimer = clock.after(SWEEP_MS, sweep);

  return {
    submit: (envelope, reply) => add(envelope.entity, envelope, reply),
    ask: (soft, reply) =>
      add(soft.kind === 'route' ? userKey(soft.user) : conversationKey(soft.conversation), soft, reply),
    get waiting() {
      return waiting.size;
    },
    attach: (attached) => {
      listener = attached;
    },
    receive: (from, message) => {
      if (message.type === 'link') takeLink(from, message);
      else notTaken(from, message);
    },
    close: () => {
      closed = true;
      sweepTimer.cancel();
      for (const [ref] of waiting.entries()) settle(ref, UNKNOWN);
    },
  };
};
