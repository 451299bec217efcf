/** Who this device is, and where it connects. */
import { DuologError, newOutboxId } from '@duolog/protocol';
import { post } from './http.ts';
import type { Credentials, HttpOptions, Session } from './http.ts';
import type { Approach } from './link.ts';
import type { Local } from './local.ts';
import { KEYS } from './records.ts';
import { addressesOf } from './socket.ts';

export interface SessionOptions {
  readonly http: HttpOptions;
  readonly token: string | undefined;
  readonly credentials: Credentials | undefined;
  /** Ask for the best chat servers before connecting. */
  readonly discover: boolean;
  readonly clientName: string | undefined;
  readonly background: boolean;
}

/** A session as the cache keeps it. */
interface KeptSession extends Session {
  readonly handle: string;
}

export class SessionKeeper {
  readonly #options: SessionOptions;
  readonly #local: Local;

  constructor(options: SessionOptions, local: Local) {
    this.#options = options;
    this.#local = local;
  }

  /** Signs in if that has to be done, and asks for a server. Rejects with what makes that impossible. */
  async approach(attempt: number, signal: AbortSignal): Promise<Approach> {
    const { discover, clientName, background } = this.#options;
    const http = { ...this.#options.http, signal };
    const token = this.#options.token ?? (await this.#signIn(http));
    const about = {
      ...(clientName === undefined ? {} : { client: clientName }),
      ...(background ? { background } : {}),
    };
    if (!discover) return { address: addressesOf(http.url).socket, hello: { ...about, token } };
    const { servers, ticket } = await post(http, 'server.find', {}, { token });
    const address = servers[attempt % servers.length];
    if (address === undefined) throw new DuologError('unavailable', 'There is no chat server.');
    return { address, hello: { ...about, ticket } };
  }

  /** The session is void: the next client with credentials signs in anew. */
  forget(): void {
    this.#local.drop(KEYS.session);
  }

  /** The account has another handle now: credentials with it are those of this session. */
  async renamed(handle: string): Promise<void> {
    const kept = (await this.#local.get(KEYS.session)) as KeptSession | undefined;
    if (kept !== undefined && kept.handle !== handle) this.#local.put(KEYS.session, { ...kept, handle });
  }

  async #signIn(http: HttpOptions): Promise<string> {
    const { credentials } = this.#options;
    const kept = (await this.#local.get(KEYS.session)) as KeptSession | undefined;
    if (kept !== undefined && (credentials === undefined || kept.handle === credentials.handle)) return kept.token;
    if (kept !== undefined) throw new DuologError('conflict', 'The cache belongs to another account.');
    if (credentials === undefined) throw new DuologError('unauthenticated', 'There are no credentials.');
    // Kept before the call: if its answer is lost, the repeat gets the same device (COM10).
    const outbox = ((await this.#local.get(KEYS.logIn)) as string | undefined) ?? newOutboxId();
    this.#local.put(KEYS.logIn, outbox);
    await this.#local.durable();
    const { handle, password, deviceName } = credentials;
    const session = await post(http, 'session.logIn', { handle, password, deviceName }, { outbox });
    this.#local.put(KEYS.session, { ...session, handle } satisfies KeptSession);
    this.#local.drop(KEYS.logIn);
    return session.token;
  }
}
