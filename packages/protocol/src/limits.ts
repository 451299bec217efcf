/**
 * Every limit of the protocol, in one place. The server sends them in `welcome`; an error that refuses something
 * because of one names it and its value.
 */
export const LIMITS = {
  /** Unicode code points of one message's text, at most. */
  maxTextLength: 99_999,
  /** Code points of a text that travel with a message; longer ones come as a preview and are fetched when shown. */
  previewLength: 4_096,
  /** Members of a group, at most. */
  maxMembers: 100,
  /** Times one user may be a member of one group. */
  maxMemberships: 100,
  /** Signed-in devices of one user, at most. */
  maxDevices: 20,
  /** Bytes of one frame or HTTP body, at most (99,999 escaped emoji are 1.2 MB). */
  maxFrameBytes: 2 * 1024 * 1024,
  /** The same of somebody who is not signed in yet: a first frame, or the body of a sign-up or log-in. */
  maxSignInBytes: 16 * 1024,
  /** Requests in one frame, at most. */
  maxRequestsPerFrame: 64,
  /** Items of one page (entries, messages, conversations), at most. */
  maxPage: 200,
  /** Commands of one outbox and entity that may be under way at once; as many answers are remembered. */
  outboxWindow: 8,
  /** Code points of a display name or a group's name, at most. */
  maxNameLength: 64,
  /** Characters of a handle. */
  minHandleLength: 3,
  maxHandleLength: 32,
  /** Characters of a password; the upper bound keeps hashing cheap to refuse. */
  minPasswordLength: 8,
  maxPasswordLength: 256,
  /** Bytes of an id, at most. */
  maxIdBytes: 64,
  /** Messages a second that one user may send into one conversation (default; a server setting). */
  messagesPerSecond: 20,
  /** Conversations a minute that one user may begin (default; a server setting). */
  conversationsPerMinute: 120,
  /** Conversations one connection may watch at once. */
  maxWatches: 50,
  /** Bytes waiting to be written to one connection before it counts as slow. */
  maxSendQueueBytes: 1024 * 1024,
} as const;

/** The limits as a server tells them; values may differ from {@link LIMITS} where they are settings. */
export type Limits = { readonly [K in keyof typeof LIMITS]: number };
