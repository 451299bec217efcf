import { DuologError, directId, newGroupId, selfId } from '@duolog/protocol';
import type { CommandName, Device, Message, Params, User } from '@duolog/protocol';
import { Core } from './core.ts';
import type { ClientEvents, ClientState } from './events.ts';
import { History } from './history.ts';
import { closedError } from './link.ts';
import { afterPrefix } from './local.ts';
import { settingsOf } from './options.ts';
import type { ClientOptions } from './options.ts';
import type { Members, Positions } from './people.ts';
import { KEYS } from './records.ts';
import type { ConversationView } from './records.ts';
import type { AnySending, Sending } from './sending.ts';
import { deferred, withSignal } from './waiting.ts';
import { onWake } from './wake.ts';

export interface Waiting {
  /** Ends the wait with the signal's reason; what was asked may happen all the same. */
  readonly signal?: AbortSignal;
}

/** Makes a client. It does nothing before `open`. */
export const createClient = (options: ClientOptions): Client => new Client(options);

/**
 * One device of one user. It works on its local copy: reading it needs no connection, and commands are kept until there
 * is one. Made by `createClient`.
 */
export class Client {
  readonly #core: Core;
  readonly #drafts = new Map<string, string>();
  #opening: Promise<void> | undefined;
  #life: 'new' | 'open' | 'closed' = 'new';
  #stopWake: () => void = () => undefined;

  constructor(options: ClientOptions) {
    this.#core = new Core(settingsOf(options));
  }

  /** Calls `listener` whenever `name` happens, until the function returned is called. */
  on<K extends keyof ClientEvents>(name: K, listener: (value: ClientEvents[K]) => void): () => void {
    return this.#core.emitter.on(name, listener);
  }

  /**
   * Reads the local copy, then begins to connect. Resolves when the copy can be read; a network is not needed for that.
   * Rejects with what the cache says, then it may be called again, or if the client was closed before.
   */
  async open(): Promise<void> {
    if (this.#life === 'closed') throw closedError();
    await (this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    }));
  }

  /** Resolves when the client is connected and up to date; rejects with the error that stopped it, or when it is closed. */
  async live({ signal }: Waiting = {}): Promise<void> {
    if (this.#life === 'closed') throw closedError();
    const reached = deferred<void>();
    const check = (state: ClientState): void => {
      if (state.status === 'live') reached.resolve();
      else if (state.status === 'stopped') reached.reject(state.error);
    };
    const stop = this.on('state', (state) => {
      check(state);
      if (state.status === 'idle') reached.reject(closedError());
    });
    check(this.state);
    try {
      await withSignal(reached.promise, signal);
    } finally {
      stop();
    }
  }

  /** Connects again after `stopped`, e.g. with the network of another day. */
  restart(): void {
    if (this.#life === 'open') this.#core.link.start();
  }

  /** The program was woken up or its network is back: waits end, a dead connection is found within three seconds. Browsers do this by themselves. */
  wake(): void {
    this.#core.link.wake();
  }

  /** Ends the connection and lets go of the cache, for good. Unanswered commands stay in the cache for the next client. */
  async close(): Promise<void> {
    const { reads, outbox, link, local, emitter } = this.#core;
    const life = this.#life;
    this.#life = 'closed';
    this.#stopWake();
    if (life === 'open') reads.flush();
    // Those who wait for a client that was never open are told as well.
    if (life === 'new') emitter.emit('state', this.state);
    outbox.close();
    link.stop();
    await this.#opening?.catch(() => undefined);
    await local.close();
  }

  get state(): ClientState {
    return this.#core.state;
  }

  /** One's own id; undefined before the first connection ever. */
  get user(): string | undefined {
    return this.#core.replica.user === '' ? undefined : this.#core.replica.user;
  }

  /** One's own handle and name, once they are known. */
  get account(): User | undefined {
    return this.#core.account;
  }

  /** Entries of kinds that this version does not know, since the start (SYN10). */
  get skippedEntries(): number {
    return this.#core.skippedEntries;
  }

  /** All conversations, those with the newest message first; the same array as long as nothing changed. */
  get conversations(): readonly ConversationView[] {
    return this.#core.replica.conversations;
  }

  conversation(id: string): ConversationView | undefined {
    return this.#core.replica.row(id)?.view;
  }

  /** Unread messages of all conversations one is a member of. */
  get unread(): number {
    return this.conversations.reduce((sum, { state, unread }) => sum + (state === 'joined' ? unread : 0), 0);
  }

  /** A window on the messages of a conversation; empty until something is loaded. Close it when it is not needed any more. */
  history(conversation: string): History {
    return new History(conversation, this.#core, this.#core.emitter);
  }

  /**
   * Commands of this device that are not answered or failed, and messages that are stored but not in the history yet; oldest first.
   * The same array as long as none of them changed.
   */
  sendings(conversation?: string): readonly AnySending[] {
    return this.#core.outbox.list(conversation) as readonly AnySending[];
  }

  /** Says something. Returns at once; the message is kept on this device until the server has stored it. */
  send(conversation: string, text: string): Sending<'message.send'> {
    return this.#command(conversation, 'message.send', { conversation, text });
  }

  /** Begins the direct conversation with a user, with oneself: saved messages. Its id is in `stored`'s result, and follows from the users: `directId`. */
  createDirect(user: string): Sending<'direct.create'> {
    const me = this.#me();
    return this.#command(user === me ? selfId(me) : directId(me, user), 'direct.create', { user });
  }

  /** Makes a group. Its id is `params.conversation`, and one may send to it at once. */
  createGroup(name: string, members: readonly string[]): Sending<'group.create'> {
    const conversation = newGroupId();
    return this.#command(conversation, 'group.create', { conversation, name, members });
  }

  addMembers(conversation: string, users: readonly string[]): Sending<'group.add'> {
    return this.#command(conversation, 'group.add', { conversation, users });
  }

  removeMember(conversation: string, user: string): Sending<'group.remove'> {
    return this.#command(conversation, 'group.remove', { conversation, user });
  }

  leaveGroup(conversation: string): Sending<'group.leave'> {
    return this.#command(conversation, 'group.leave', { conversation });
  }

  renameGroup(conversation: string, name: string): Sending<'group.rename'> {
    return this.#command(conversation, 'group.rename', { conversation, name });
  }

  /** The person has read up to this message (the newest if left out). It is told to the server within two seconds. */
  markRead(conversation: string, seq: number = Number.MAX_SAFE_INTEGER): void {
    this.#mustBeOpen();
    if (this.#core.replica.read(conversation, seq)) this.#core.reads.changed(conversation);
  }

  /** What was being written in a conversation; it survives the program and every reset. */
  draft(conversation: string): string {
    return this.#drafts.get(conversation) ?? '';
  }

  /** Keeps what is being written; an empty text drops it. */
  setDraft(conversation: string, text: string): void {
    this.#mustBeOpen();
    if (text === '') {
      this.#drafts.delete(conversation);
      this.#core.local.drop(KEYS.draft(conversation));
      return;
    }
    this.#drafts.set(conversation, text);
    this.#core.local.put(KEYS.draft(conversation), text);
  }

  /** A message with its whole text; what comes with `length` has only its beginning (SYN8). Windows show it from then on. */
  async wholeMessage(conversation: string, seq: number, { signal }: Waiting = {}): Promise<Message> {
    const { message } = await this.#core.link.query('message.get', { conversation, seq }, signal);
    this.#core.replica.replaced(message);
    return message;
  }

  /** The conversations on the screen: positions of their members come live. Replaces what was watched before. */
  watch(conversations: readonly string[]): void {
    this.#core.watch(conversations);
  }

  /** Who is a member of a conversation, and how far each has read; without a connection, as it was when last asked. */
  members(conversation: string, { signal }: Waiting = {}): Promise<Members> {
    return this.#core.people.members(conversation, signal);
  }

  /** Read position by user id, as far as known: after `members`, and live while the conversation is watched. The same object until one changed. */
  positions(conversation: string): Positions {
    return this.#core.people.positions(conversation);
  }

  /** Users by id; those who do not exist are left out. Each is asked for once while the program runs: what changes later is not seen. */
  users(ids: readonly string[], { signal }: Waiting = {}): Promise<readonly User[]> {
    return this.#core.people.users(ids, signal);
  }

  /** A user, if known already. */
  knownUser(id: string): User | undefined {
    return this.#core.people.known(id);
  }

  /** The user behind a handle. Rejects with `notFound`. */
  async findUser(handle: string, { signal }: Waiting = {}): Promise<User> {
    const { user } = await this.#core.link.query('user.find', { handle }, signal);
    this.#core.people.learnt(user);
    return user;
  }

  /** One's signed-in devices. */
  async devices({ signal }: Waiting = {}): Promise<readonly Device[]> {
    return (await this.#core.link.query('device.list', {}, signal)).devices;
  }

  /** Signs one of one's devices out. */
  revokeDevice(device: string): Sending<'device.revoke'> {
    return this.#command(this.#me(), 'device.revoke', { device });
  }

  /** Takes another handle; the old one becomes free. */
  claimHandle(handle: string): Sending<'handle.claim'> {
    return this.#command(`name/${handle}`, 'handle.claim', { handle });
  }

  /** Signs this device out, wipes its cache and closes. Rejects with `unavailable` if no server answers within 30 s; it is not tried again. */
  async logOut({ signal }: Waiting = {}): Promise<void> {
    const { link, local, reads } = this.#core;
    try {
      await link.query('session.logOut', {}, signal);
    } catch (error) {
      // The answer may have been lost with the session.
      if (!(error instanceof DuologError && error.code === 'unauthenticated')) throw error;
    }
    link.stop();
    reads.flush();
    local.dropRange('', '\x7f');
    await this.close();
  }

  async #open(): Promise<void> {
    await this.#core.load();
    for (const [key, text] of await this.#core.local.list(KEYS.drafts, afterPrefix(KEYS.drafts))) {
      this.#drafts.set(key.slice(KEYS.drafts.length), String(text));
    }
    // Who closed it meanwhile knows.
    if (this.#life !== 'new') return;
    this.#life = 'open';
    this.#stopWake = onWake(() => this.wake());
    this.#core.link.start();
  }

  /** What is in the cache has to be known first: nothing given before may go over it. */
  #mustBeOpen(): void {
    if (this.#life !== 'open') throw closedError();
  }

  #me(): string {
    if (this.user === undefined) throw new DuologError('unavailable', 'Nobody was signed in yet.');
    return this.user;
  }

  #command<M extends CommandName>(entity: string, method: M, params: Params<M>): Sending<M> {
    this.#mustBeOpen();
    return this.#core.outbox.add(entity, method, params);
  }
}
