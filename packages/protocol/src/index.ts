export * from './limits.ts';
export * from './errors.ts';
export * from './close-codes.ts';
export * from './ids.ts';
export * from './version.ts';
export * from './frames.ts';
export * from './codec.ts';
export type { Change, Conversation, Device, Entry, EntryKind, Event, Member, Message, User } from './schema/objects.ts';
export type { CommandName, MethodName, Params, QueryName, Result } from './schema/methods.ts';
