import type { Refusal } from './outbox.ts';
import type { ConversationId, DeviceId, OutboxId, UserId } from '@duolog/protocol';

/** Commands to a conversation, checked in shape and rate by the edge. Users named in them exist (COM6). */
export type ConversationCommand =
  | { readonly kind: 'send'; readonly text: string }
  | { readonly kind: 'createDirect' }
  | { readonly kind: 'createGroup'; readonly name: string; readonly members: readonly UserId[] }
  | { readonly kind: 'add'; readonly users: readonly UserId[] }
  | { readonly kind: 'remove'; readonly user: UserId }
  | { readonly kind: 'leave' }
  | { readonly kind: 'rename'; readonly name: string };

/** Commands to one's own user. */
export type UserCommand =
  | { readonly kind: 'addDevice'; readonly device: DeviceId; readonly name: string }
  | { readonly kind: 'revokeDevice'; readonly device: DeviceId }
  | { readonly kind: 'read'; readonly conversation: ConversationId; readonly seq: number };

/** Commands to a name. */
export type NameCommand =
  | { readonly kind: 'signUp'; readonly user: UserId; readonly name: string; readonly passwordHash: string }
  | { readonly kind: 'claim' };

/** What the edge's look-ups have refused already: sent on so that its n has an answer (COM10). */
export interface RefusedCommand {
  readonly kind: 'refused';
  readonly refusal: Refusal;
}

export type Command = ConversationCommand | UserCommand | NameCommand | RefusedCommand;

/** A command on its way to the owner of its entity. */
export interface Envelope {
  /** Store partition of the entity: `c/…`, `u/…` or `n/…`. */
  readonly entity: string;
  /** Who asks. For a sign-up: the user to be. */
  readonly user: UserId;
  readonly device?: DeviceId;
  /** `(outbox, n)` of the command (COM10); without it, it is executed as it comes. */
  readonly outbox?: OutboxId;
  readonly n?: number;
  /** Hash of the content, to tell a repeat from something else under the same n. */
  readonly hash: string;
  readonly command: Command;
}
