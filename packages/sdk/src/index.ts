export { Client, createClient } from './client.ts';
export type { Waiting } from './client.ts';
export type { ClientOptions } from './options.ts';
export type { Alarm, ClientEvents, ClientState } from './events.ts';
export type { AnySending, Sending, SendingState } from './sending.ts';
export type { History } from './history.ts';
export type { PageOptions } from './messages.ts';
export type { ConversationView } from './records.ts';
export type { Members, Positions } from './people.ts';
export { logIn, signUp } from './http.ts';
export type { Credentials, Fetch, HttpOptions, Session } from './http.ts';
export { memoryCache } from './cache/memory.ts';
export { indexedDbCache } from './cache/indexed-db.ts';
export type { IndexedDbOptions } from './cache/indexed-db.ts';
export type { Cache, CacheChange, CacheRow, ListOptions } from './cache/cache.ts';
export { systemClock } from './clock.ts';
export type { Clock } from './clock.ts';
export type { SocketConstructor, SocketLike } from './socket.ts';
export { withSignal } from './waiting.ts';
export { DuologError, LIMITS, directId, parseConversationId, selfId } from '@duolog/protocol';
export type {
  Change,
  Conversation,
  Device,
  Entry,
  ErrorCode,
  Member,
  Message,
  Params,
  Result,
  Retry,
  User,
} from '@duolog/protocol';
