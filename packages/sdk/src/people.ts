/** Who is who: users, members and their read positions. Kept in the cache for when there is no connection. */
import { LIMITS } from '@duolog/protocol';
import type { Member, Result, User } from '@duolog/protocol';
import type { Emitter } from './emitter.ts';
import type { ClientEvents } from './events.ts';
import type { Link } from './link.ts';
import type { Local } from './local.ts';
import { KEYS } from './records.ts';
import type { Replica } from './replica.ts';

export type Positions = Result<'conversation.get'>['read'];

export interface Members {
  readonly members: readonly Member[];
  /** Read position by user id. */
  readonly read: Positions;
}

/** `user.get` takes as many ids at once. */
const MAX_USERS = LIMITS.maxMembers;

const NONE: Positions = {};

export class People {
  readonly #link: Link;
  readonly #local: Local;
  readonly #replica: Replica;
  readonly #emitter: Emitter<ClientEvents>;
  readonly #users = new Map<string, User>();
  readonly #positions = new Map<string, Positions>();

  constructor(link: Link, local: Local, replica: Replica, emitter: Emitter<ClientEvents>) {
    this.#link = link;
    this.#local = local;
    this.#replica = replica;
    this.#emitter = emitter;
    emitter.on('reset', () => this.#positions.clear());
  }

  /** Those of these users who exist; asked once while the program runs. */
  async users(ids: readonly string[], signal?: AbortSignal): Promise<readonly User[]> {
    const missing = [...new Set(ids)].filter((id) => !this.#users.has(id));
    for (let at = 0; at < missing.length; at += MAX_USERS) await this.#fetch(missing.slice(at, at + MAX_USERS), signal);
    return ids.map((id) => this.#users.get(id)).filter((user) => user !== undefined);
  }

  /** A user who was fetched before. */
  known(id: string): User | undefined {
    return this.#users.get(id);
  }

  learnt(user: User): void {
    this.#users.set(user.user, user);
    this.#local.put(KEYS.user(user.user), user);
  }

  /** The members of a conversation now, and how far they have read. */
  async members(conversation: string, signal?: AbortSignal): Promise<Members> {
    const members = await this.#cached<Members>(KEYS.members(conversation), async () => {
      const { conversation: row, ...result } = await this.#link.query('conversation.get', { conversation }, signal);
      this.#replica.learnt(row);
      return result;
    });
    this.moved(conversation, members.read);
    return members;
  }

  /** Read positions of the members, as far as they are known: after `members`, and live while the conversation is watched. */
  positions(conversation: string): Positions {
    return this.#positions.get(conversation) ?? NONE;
  }

  moved(conversation: string, read: Positions): void {
    const positions: Record<string, number> = { ...this.positions(conversation) };
    for (const [user, seq] of Object.entries(read)) positions[user] = Math.max(seq, positions[user] ?? 0);
    this.#positions.set(conversation, positions);
    this.#emitter.emit('positions', { conversation, read: positions });
  }

  /** What the server says, or, without a connection, what it said last. */
  async #cached<T>(key: string, ask: () => Promise<T>): Promise<T> {
    const offline = this.#link.ready ? undefined : await this.#local.get(key);
    if (offline !== undefined) return offline as T;
    const value = await ask();
    this.#local.put(key, value);
    return value;
  }

  async #fetch(ids: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    let missing = ids;
    if (!this.#link.ready) {
      const rows = await Promise.all(ids.map((id) => this.#local.get(KEYS.user(id))));
      for (const row of rows) if (row !== undefined) this.#users.set((row as User).user, row as User);
      missing = ids.filter((id) => !this.#users.has(id));
    }
    if (missing.length === 0) return;
    const { users } = await this.#link.query('user.get', { users: missing }, signal);
    users.forEach((user) => this.learnt(user));
  }
}
