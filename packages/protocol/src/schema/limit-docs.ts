import type { Limits } from '../limits.ts';

/** What each limit means, for the reference. */
export const LIMIT_DOCS: { readonly [K in keyof Limits]: string } = {
  maxTextLength: 'Unicode code points of one message’s text, at most',
  previewLength:
    'Code points of a text that travel with a message; of a longer one the rest is fetched with `message.get`',
  maxMembers: 'Members of a group, at most',
  maxMemberships: 'Times one user may be a member of one group',
  maxDevices: 'Signed-in devices of one user, at most',
  maxFrameBytes: 'Bytes of one frame or HTTP body, at most',
  maxSignInBytes: 'The same of somebody who is not signed in yet: a first frame, or the body of a sign-up or log-in',
  maxRequestsPerFrame: 'Requests in one frame, at most',
  maxPage: 'Items of one page, at most',
  outboxWindow: 'Commands of one outbox and entity that may be under way at once; as many answers are remembered',
  maxNameLength: 'Code points of a display name or a group’s name, at most',
  minHandleLength: 'Characters of a handle, at least',
  maxHandleLength: 'Characters of a handle, at most',
  minPasswordLength: 'Characters of a password, at least',
  maxPasswordLength: 'Characters of a password, at most',
  maxIdBytes: 'Bytes of an id, at most',
  messagesPerSecond: 'Messages a second that one user may send into one conversation; a setting of the server',
  conversationsPerMinute: 'Conversations a minute that one user may begin; a setting of the server',
  maxWatches: 'Conversations one connection may watch at once',
  maxSendQueueBytes: 'Bytes waiting to be written to one connection before it counts as slow',
};
