/** Users, devices and commands for tests. */
import type { Command, Envelope } from '../src/core/commands.ts';
import { contentHash } from '../src/core/hash.ts';

/** A user id that shows its name. */
export const userNamed = (name: string): string => `u${name.padEnd(16, '0')}`;
export const alice = userNamed('alice');
export const bob = userNamed('bob');
export const carol = userNamed('carol');
export const group = 'g.0123456789abcdef';

/** A command of `user` to an entity, without an outbox. */
export const asks = (entity: string, user: string, command: Command): Envelope => ({
  entity,
  user,
  hash: contentHash(command.kind, JSON.stringify(command)),
  command,
});

/** The same as the n-th command of an outbox of one of the user's devices. */
export const numbered = (n: number, envelope: Envelope, outbox = 'outbox-1', device = 'device-1'): Envelope => ({
  ...envelope,
  device,
  outbox,
  n,
});
