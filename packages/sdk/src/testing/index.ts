/** For tests of programs that use the SDK: a scripted server in memory, a clock that stands still, the cache's contract. */
export { FakeServer, createFakeServer } from './fake-server.ts';
export type { Asked, FakeAccount, FakeServerOptions, Script, Scripted } from './fake-server.ts';
export type { FakeConnection, Transport } from './fake-connection.ts';
export type { FakeConversation, FakeUser, World } from './fake-world.ts';
export type { Direction, Frame, FrameData, Verdict, Wire } from './fake-socket.ts';
export { movedClock, settle } from './moved-clock.ts';
export type { MovedClock } from './moved-clock.ts';
export { cacheContract } from './cache-contract.ts';
export type { CacheContractOptions } from './cache-contract.ts';
