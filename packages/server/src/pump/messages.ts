/** What nodes say to each other over the Bus. Plain data that survives JSON. */
import type { ConversationId, DeviceId, UserId } from '@duolog/protocol';
import type { Envelope } from '../core/commands.ts';
import type { Delivery, Parcel } from '../core/decision.ts';
import type { Refusal } from '../core/outbox.ts';
import type { NodeId } from '../ports/bus.ts';

/** An error as it goes from an owner to an edge: a command's refusal, or why nothing was decided about it. */
export type Failure = Refusal;

/** Soft requests: they change what the owner keeps in memory, nothing durable (COM8). */
export type SoftRequest =
  /** This gateway holds the device now, or does not any more. Answered with `{ head }`, or refused with `unauthenticated` if the device was revoked. */
  | { readonly kind: 'route'; readonly user: UserId; readonly device: DeviceId; readonly on: boolean }
  /** This gateway wants to know of the conversation, or does not any more. Answered with `{}`; refused with `notFound` for those who are no members. */
  | { readonly kind: 'watch'; readonly conversation: ConversationId; readonly user: UserId; readonly on: boolean };

/** Several requests an edge has for one partition; each has a number by which its answer is known. */
export interface Submission {
  readonly type: 'submission';
  readonly partition: number;
  readonly requests: readonly (
    | { readonly ref: number; readonly envelope: Envelope }
    | { readonly ref: number; readonly soft: SoftRequest }
  )[];
}

/** One thing of a link message. */
export type LinkItem =
  | { readonly kind: 'result'; readonly ref: number; readonly result: string }
  | { readonly kind: 'failure'; readonly ref: number; readonly failure: Failure }
  | Extract<Delivery, { readonly kind: 'entry' | 'revoked' }>
  | {
      readonly kind: 'positions';
      readonly conversation: ConversationId;
      readonly read: { readonly [user: UserId]: number };
      /** The watching members this gateway named. */
      readonly to: readonly UserId[];
    };

/**
 * Owner to edge: all that one turn has for it, numbered 1, 2, 3 … per link. A message without items repeats the last
 * number: the receiver sees whether it missed one (COM8).
 */
export interface Link {
  readonly type: 'link';
  readonly partition: number;
  /** Names the numbering: unlike that of another claim, and of what the owner told this edge before it took it for dead. */
  readonly link: string;
  readonly n: number;
  readonly items: readonly LinkItem[];
}

/** The receiver of a submission is not the owner, or takes no more: none of these requests was executed. */
export interface NotTaken {
  readonly type: 'notTaken';
  readonly partition: number;
  readonly refs: readonly number[];
  readonly failure: Failure;
}

/** Parcels of the batches of one source for one destination, oldest first (COM5). */
export interface Parcels {
  readonly type: 'parcels';
  readonly source: number;
  readonly destination: number;
  readonly batches: readonly { readonly stamp: number; readonly parcels: readonly Parcel[] }[];
}

/** The destination has stored all parcels of the source up to and including this stamp. */
export interface Accepted {
  readonly type: 'accepted';
  readonly source: number;
  readonly destination: number;
  readonly stamp: number;
}

/** What every node says each second; unheard for 3 s is dead. */
export interface Alive {
  readonly type: 'alive';
  readonly node: NodeId;
  readonly roles: readonly string[];
  /** Program version, and the formats of records, rows and parcels it reads (COM11). */
  readonly version: string;
  readonly formats: readonly number[];
  /** Where clients reach its chat server, if it is one. */
  readonly address?: string;
  /** Connections held, for discovery. */
  readonly load: number;
  readonly draining: boolean;
  /** Its wall clock, ms. */
  readonly at: number;
  /** Partitions it owns, with the stamps of their claims: the highest claim is the owner. */
  readonly owns: readonly { readonly partition: number; readonly claim: string; readonly stamp: number }[];
}

/** What an edge gets back for a request. `unknown`: it may have been executed. */
export type Outcome =
  | { readonly ok: true; readonly result: string }
  | { readonly ok: false; readonly failure: Failure };

export const failed = (code: Failure['code'], detail: string, facts?: Failure['facts']): Outcome => ({
  ok: false,
  failure: facts === undefined ? { code, detail } : { code, detail, facts },
});

export type NodeMessage = Submission | Link | NotTaken | Parcels | Accepted | Alive;
