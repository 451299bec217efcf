/**
 * A duolog server in memory, for tests of programs that use the SDK: it speaks the protocol, and a test can script its
 * answers, hold, drop and reorder frames, cut connections, restore a backup.
 */
import { CLOSE_CODES, DuologError, LIMITS, negotiate, randomId } from '@duolog/protocol';
import type { CommandName, Entry, MethodName, Params, Request, Result } from '@duolog/protocol';
import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';
import { answerTo } from './fake-answers.ts';
import type { Answer } from './fake-answers.ts';
import { COMMANDS } from './fake-commands.ts';
import type { Call } from './fake-commands.ts';
import { FakeConnection } from './fake-connection.ts';
import type { Transport } from './fake-connection.ts';
import { entryAt } from './fake-queries.ts';
import { Wire } from './fake-socket.ts';
import type { Frame, Verdict } from './fake-socket.ts';
import { addDevice, addUser, newWorld } from './fake-world.ts';
import type { EntryFields, FakeConversation, FakeUser, Origin, World } from './fake-world.ts';

export interface FakeServerOptions {
  readonly clock?: Clock;
  readonly heartbeatMs?: number;
  /** Entries of a command go before its reply; the other way round if left out. */
  readonly entriesFirst?: boolean;
}

/** An account with one signed-in device. */
export interface FakeAccount {
  readonly user: string;
  readonly device: string;
  readonly token: string;
}

/** A request as a script sees it. */
export type Asked = Request & { readonly user: string; readonly device: string };

/**
 * What a script makes of a request: `undefined` lets it through, `lost` neither executes nor answers it, `mute` executes
 * it and does not answer, anything else is the answer, and nothing is executed.
 */
export type Scripted = undefined | 'lost' | 'mute' | { readonly result: object } | { readonly error: DuologError };
export type Script = (request: Asked) => Scripted;

export class FakeServer {
  /** Pass it to a client as `url`. */
  readonly url = 'http://fake.test';
  /** Pass it to a client as `webSocket`. */
  readonly webSocket: new (url: string) => object;
  /** All requests that came over sockets. */
  readonly requests: Asked[] = [];
  /** Decides about every frame of every connection; all pass if undefined. */
  traffic: ((frame: Frame, connection: FakeConnection) => Verdict) | undefined;
  /** New connections fail at once while this is true. */
  unreachable = false;
  /** How often a connection was asked for. */
  attempts = 0;
  readonly #clock: Clock;
  readonly #heartbeatMs: number;
  readonly #entriesFirst: boolean;
  readonly #connections = new Set<FakeConnection>();
  readonly #scripts = new Map<string, Script[]>();
  #world: World = newWorld();
  /** Entries of the command that is being executed. */
  #deliveries: { readonly connection: FakeConnection; readonly item: Entry }[] = [];

  constructor({ clock = systemClock, heartbeatMs = 5000, entriesFirst = false }: FakeServerOptions = {}) {
    this.#clock = clock;
    this.#heartbeatMs = heartbeatMs;
    this.#entriesFirst = entriesFirst;
    const dial = (): object => this.#dial();
    // Called with `new`, a function that returns an object makes that object: the socket, which a wire makes.
    this.webSocket = function () {
      return dial();
    } as unknown as new (url: string) => object;
  }

  /** Live connections, oldest first. */
  get connections(): readonly FakeConnection[] {
    return [...this.#connections];
  }

  /** The newest live connection. */
  get connection(): FakeConnection {
    const newest = this.connections.at(-1);
    if (newest === undefined) throw new Error('no client is connected');
    return newest;
  }

  /** Makes an account with one device, whose token a client can use. */
  addAccount(handle: string, name: string = handle): FakeAccount {
    return this.addDevice(addUser(this.#world, handle, 'password', name).user);
  }

  /** Signs one more device of a user in. */
  addDevice(user: string, name = 'device'): FakeAccount {
    const { device, token } = addDevice(this.user(user), name, this.#clock.now());
    return { user, device, token };
  }

  /** What the server knows of a user. */
  user(id: string): FakeUser {
    const user = this.#world.users.get(id);
    if (user === undefined) throw new Error(`there is no user ${id}`);
    return user;
  }

  /** What the server knows of a conversation. */
  conversation(id: string): FakeConversation {
    const conversation = this.#world.conversations.get(id);
    if (conversation === undefined) throw new Error(`there is no conversation ${id}`);
    return conversation;
  }

  /** Executes a command as another device of `user` would, without an outbox. Throws what it is refused with. */
  run<M extends CommandName>(user: string, method: M, params: Params<M>): Result<M> {
    const result = COMMANDS[method](this.#call(this.user(user), undefined, undefined), params);
    this.#deliver();
    this.#flush();
    return result;
  }

  /** `run` for the most common command. */
  say(user: string, conversation: string, text: string): Result<'message.send'> {
    return this.run(user, 'message.send', { conversation, text });
  }

  /** Appends an entry to a user's log, such as one of a later version. */
  append(user: string, fields: { readonly kind: string }): void {
    this.#append(this.user(user), fields as EntryFields);
    this.#deliver();
    this.#flush();
  }

  /** The entries of a user up to this number are no longer kept. */
  expire(user: string, upTo: number): void {
    this.user(user).expired = upTo;
  }

  /** Scripts the answers to a method; the function returned ends that. Later scripts are asked first. */
  script(method: MethodName, script: Script): () => void {
    const scripts = this.#scripts.get(method) ?? [];
    this.#scripts.set(method, [script, ...scripts]);
    return () =>
      void this.#scripts.set(
        method,
        (this.#scripts.get(method) ?? []).filter((other) => other !== script),
      );
  }

  /** A copy of all that is stored, for `restore`. */
  backup(): World {
    return structuredClone(this.#world);
  }

  /** The server starts from a backup: a new epoch, and all connections are lost. */
  restore(backup: World): void {
    this.#world = { ...structuredClone(backup), epoch: randomId(8) };
    this.cut();
  }

  /** All connections are lost, with what was on its way. */
  cut(): void {
    for (const connection of this.connections) connection.cut();
  }

  /** Takes a connection over a real socket; give `receive` what comes and `ended` its end. */
  accept(transport: Transport): FakeConnection {
    return this.#connect(transport);
  }

  /** Pass it to a client as `fetch`: the protocol over HTTP. */
  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    if (this.unreachable) throw new TypeError('The fake server is unreachable.');
    const method = url.slice(url.indexOf('/v1/') + 4);
    const headers = new Headers(init.headers);
    const token = headers.get('authorization')?.slice('Bearer '.length);
    const found = token === undefined ? undefined : this.#byToken(token);
    const outbox = headers.get('duolog-outbox') ?? undefined;
    const numbered = outbox === undefined ? {} : { outbox, n: Number(headers.get('duolog-n')) };
    const params = JSON.parse(typeof init.body === 'string' ? init.body : '{}') as object;
    const request = { id: 0, method, params, ...numbered } as Request;
    const answer = this.#scripted(request, found?.user, found?.device ?? '');
    this.#deliver();
    this.#flush();
    if (answer === undefined) throw new TypeError('The answer was lost.');
    return 'error' in answer ? Response.json(answer, { status: 400 }) : Response.json(answer.result);
  };

  #dial(): object {
    this.attempts++;
    const connection = this.#connect(undefined);
    const { wire } = connection;
    if (wire === undefined) throw new Error('a dialled connection has a wire');
    wire.verdict = (frame) => this.traffic?.(frame, connection) ?? 'pass';
    if (this.unreachable) wire.end(1006);
    return wire.socket;
  }

  #connect(transport: Transport | undefined): FakeConnection {
    const host = {
      requests: (from: FakeConnection, requests: readonly object[]) =>
        this.#requests(from, requests as readonly Request[]),
      gone: (gone: FakeConnection) => void this.#connections.delete(gone),
    };
    const connection = new FakeConnection(host, transport, (end) =>
      transport === undefined ? new Wire(end) : undefined,
    );
    this.#connections.add(connection);
    return connection;
  }

  #requests(connection: FakeConnection, requests: readonly Request[]): void {
    for (const request of requests) {
      if (request.method === 'hello') {
        this.#hello(connection, request as Request<'hello'>);
        continue;
      }
      if (connection.user === undefined) return connection.close(CLOSE_CODES.badFrame.code);
      if (request.method === 'watch') connection.watched = (request.params as Params<'watch'>).conversations;
      const answer = this.#scripted(request, connection.user, connection.device);
      if (this.#entriesFirst) this.#deliver();
      if (answer !== undefined) connection.push({ type: 'reply', id: request.id, ...answer } as never);
      this.#deliver();
    }
    this.#flush();
  }

  #hello(connection: FakeConnection, { id, params }: Request<'hello'>): void {
    const found = this.#byToken(params.token ?? params.ticket ?? '');
    const version = negotiate(params.versions);
    const scripted = this.#script({ id, method: 'hello', params }, found?.user.user ?? '', found?.device ?? '');
    if (scripted === 'lost') return;
    const refusal =
      typeof scripted === 'object' && 'error' in scripted
        ? scripted.error
        : new DuologError(found === undefined ? 'unauthenticated' : 'unsupportedVersion');
    if (typeof scripted === 'object' || found === undefined || version === undefined) {
      connection.send({ type: 'reply', id, error: refusal.toWire() });
      const reason =
        refusal.code === 'unauthenticated' ? refusal.code : refusal.retryable ? 'overloaded' : 'unsupportedVersion';
      return connection.close(CLOSE_CODES[reason].code);
    }
    for (const other of this.connections)
      if (other !== connection && other.device === found.device) other.close(CLOSE_CODES.replaced.code);
    connection.user = found.user;
    connection.device = found.device;
    const head = found.user.entries.length;
    const welcome: Result<'hello'> = {
      version,
      epoch: this.#world.epoch,
      head,
      user: found.user.user,
      device: found.device,
      heartbeatMs: this.#heartbeatMs,
      serverAt: this.#clock.now(),
      limits: LIMITS,
    };
    connection.send({ type: 'reply', id, result: welcome });
  }

  #byToken(token: string): { readonly user: FakeUser; readonly device: string } | undefined {
    for (const user of this.#world.users.values()) {
      const device = user.devices.find((known) => known.token === token || `ticket-${known.token}` === token);
      if (device !== undefined) return { user, device: device.device };
    }
    return undefined;
  }

  #script(request: Request, user: string, device: string): Scripted {
    const asked: Asked = { ...request, user, device };
    this.requests.push(asked);
    for (const script of this.#scripts.get(request.method) ?? []) {
      const scripted = script(asked);
      if (scripted !== undefined) return scripted;
    }
    return undefined;
  }

  /** The answer to a request, or undefined if there is none. */
  #scripted(request: Request, user: FakeUser | undefined, device: string): Answer | undefined {
    const scripted = this.#script(request, user?.user ?? '', device);
    if (scripted === 'lost') return undefined;
    if (typeof scripted === 'object') return 'error' in scripted ? { error: scripted.error.toWire() } : scripted;
    const { outbox, n } = request;
    const origin = outbox === undefined || n === undefined ? undefined : { device, outbox, n };
    const answer = answerTo(this.#call(user, device, origin), request);
    return scripted === 'mute' ? undefined : answer;
  }

  #call(user: FakeUser | undefined, device: string | undefined, origin: Origin | undefined): Call {
    return {
      world: this.#world,
      now: this.#clock.now(),
      user,
      device,
      origin,
      append: (to, fields, from) => this.#append(to, fields, from),
      positions: (conversation, read) => {
        for (const connection of this.#connections)
          if (connection.watched.includes(conversation)) connection.push({ type: 'positions', conversation, read });
      },
      revoked: (gone) => {
        for (const connection of this.#connections)
          if (connection.device === gone) queueMicrotask(() => connection.close(CLOSE_CODES.unauthenticated.code));
      },
    };
  }

  #append(user: FakeUser, fields: EntryFields, origin?: Origin): void {
    user.entries.push(fields);
    const useq = user.entries.length;
    const entry = entryAt(user, useq);
    for (const connection of this.#connections) {
      if (connection.user?.user !== user.user || entry === undefined) continue;
      const own = origin !== undefined && origin.device === connection.device && fields.kind === 'message';
      const item: Entry = own
        ? {
            type: 'entry',
            useq,
            kind: 'sent',
            conversation: fields.message.conversation,
            seq: fields.message.seq,
            at: fields.message.at,
            outbox: origin.outbox,
            n: origin.n,
          }
        : entry;
      this.#deliveries.push({ connection, item });
    }
  }

  #deliver(): void {
    for (const { connection, item } of this.#deliveries) connection.push(item);
    this.#deliveries = [];
  }

  #flush(): void {
    for (const connection of this.#connections) connection.flush();
  }
}

export const createFakeServer = (options?: FakeServerOptions): FakeServer => new FakeServer(options);
