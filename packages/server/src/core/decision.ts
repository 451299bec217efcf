import type { ConversationId, DeviceId, ErrorCode, ErrorFacts, OutboxId, UserId } from '@duolog/protocol';
import type { Refusal } from './outbox.ts';

/** A row to be written. */
export interface RowChange {
  readonly partition: string;
  readonly key: string;
  readonly value: string;
}

/** Whose outbox a message came from: that device already has the text. */
export interface Origin {
  readonly user: UserId;
  readonly device: DeviceId;
  readonly outbox: OutboxId;
  readonly n: number;
}

/** What one entity tells others; it travels as JSON between partitions (COM5). */
export type Parcel =
  /** Conversation → members: a message was said. `fields` is the entry as it travels, without braces and number (SYN8); all recipients share it. */
  | {
      readonly kind: 'message';
      readonly to: readonly UserId[];
      readonly conversation: ConversationId;
      readonly seq: number;
      readonly at: number;
      readonly fields: string;
      readonly origin?: Origin;
    }
  /** Conversation → users: they joined or left. */
  | {
      readonly kind: 'membership';
      readonly to: readonly UserId[];
      readonly conversation: ConversationId;
      readonly state: 'joined' | 'left';
      /** What the group is called at that moment. With `left`, parcels of older versions lack it. */
      readonly name?: string;
      readonly joinSeq: number;
      readonly visibleFrom: number;
      readonly leaveSeq?: number;
    }
  /** User → conversation: how far the user has read. */
  | { readonly kind: 'position'; readonly conversation: ConversationId; readonly user: UserId; readonly seq: number }
  /** Name → user: make the account. */
  | {
      readonly kind: 'account';
      readonly user: UserId;
      readonly handle: string;
      readonly claimedAt: number;
      readonly name: string;
      readonly passwordHash: string;
    }
  /** Name → user: the handle is yours. */
  | { readonly kind: 'handle'; readonly user: UserId; readonly handle: string; readonly claimedAt: number }
  /** User → name: the user's row names the handle. */
  | { readonly kind: 'confirmed'; readonly handle: string; readonly user: UserId; readonly claimedAt: number }
  /** User → name: the user has another handle now. `claimedAt` tells which claim ended: the user may have claimed it anew. */
  | { readonly kind: 'released'; readonly handle: string; readonly user: UserId; readonly claimedAt: number };

/** What goes to connections once the batch is stored. Losing one loses nothing: logs are pulled (SYN2). */
export type Delivery =
  /** One entry for all these users; `useqs` are its numbers in their logs, in the same order. */
  | {
      readonly kind: 'entry';
      readonly to: readonly UserId[];
      readonly useqs: readonly number[];
      /** The entry as it travels, without braces and number. */
      readonly fields: string;
      /** Instead of `fields`, on this device of this user alone. */
      readonly sent?: { readonly user: UserId; readonly device: DeviceId; readonly fields: string };
    }
  | { readonly kind: 'revoked'; readonly user: UserId; readonly device: DeviceId }
  | {
      readonly kind: 'positions';
      readonly conversation: ConversationId;
      readonly read: { readonly [user: UserId]: number };
    };

/** What a handler decided about one command or parcel: everything that follows from it, nothing done yet. */
export interface Decided<S> {
  readonly ok: true;
  readonly state: S;
  /** The answer to a command, as its method's result. */
  readonly result: object;
  readonly rows: readonly RowChange[];
  readonly parcels: readonly Parcel[];
  readonly deliveries: readonly Delivery[];
  /** Store partitions of which nothing is needed any more. */
  readonly drops?: readonly string[];
  /** The row of the message tells the answer too: it names the command it was (`MessageOrigin` in rows.ts). */
  readonly toldByRow?: boolean;
}

/** A refusal changes nothing, but it is the command's answer for good (COM10). */
export interface Refused extends Refusal {
  readonly ok: false;
}

export type Decision<S> = Decided<S> | Refused;

export const refused = (code: ErrorCode, detail: string, facts?: ErrorFacts): Refused =>
  facts === undefined ? { ok: false, code, detail } : { ok: false, code, detail, facts };

/** A decision that changes nothing. */
export const unchanged = <S>(state: S, result: object = {}): Decided<S> => ({
  ok: true,
  state,
  result,
  rows: [],
  parcels: [],
  deliveries: [],
});
