/** A window on a conversation's messages: an unbroken run that grows both ways. */
import { LIMITS } from '@duolog/protocol';
import type { Message } from '@duolog/protocol';
import { Emitter } from './emitter.ts';
import type { ClientEvents } from './events.ts';
import { loadPage } from './messages.ts';
import type { Edge, PageOptions, PageSources } from './messages.ts';

export class History {
  readonly conversation: string;
  readonly #sources: PageSources;
  readonly #changes = new Emitter<{ change: undefined }>();
  readonly #stops: readonly (() => void)[];
  #messages: readonly Message[] = [];
  /** Loads run one after another. */
  #loading: Promise<unknown> = Promise.resolve();
  #following = false;
  /** The server said that nothing is before the first message: of memberships before this one only it knows. */
  #begun = false;

  constructor(conversation: string, sources: PageSources, events: Emitter<ClientEvents>) {
    this.conversation = conversation;
    this.#sources = sources;
    this.#stops = [
      events.on('message', (message) => message.conversation === conversation && this.#live(message)),
      events.on('replaced', (message) => message.conversation === conversation && this.#replace(message)),
      events.on('reset', () => {
        const shown = this.#messages.length > 0;
        this.#show([]);
        // What was shown may not exist any more; the newest is shown instead. If that fails, the window stays empty.
        if (shown) void this.latest();
      }),
    ];
  }

  /** The messages in order of seq, without a hole; the same array as long as nothing changed. */
  get messages(): readonly Message[] {
    return this.#messages;
  }

  /** Whether there are older messages that one may read. */
  get hasOlder(): boolean {
    const row = this.#sources.replica.row(this.conversation);
    const first = this.#messages[0]?.seq;
    if (row === undefined) return false;
    const { lastSeq, visibleFrom } = row.view;
    return first === undefined ? lastSeq >= visibleFrom : first > visibleFrom || (first > 1 && !this.#begun);
  }

  /** Whether there are newer messages than those of this window. */
  get hasNewer(): boolean {
    return (this.#sources.replica.row(this.conversation)?.view.lastSeq ?? 0) > this.#last;
  }

  /** Calls back when `messages` changed. */
  onChange(listener: () => void): () => void {
    return this.#changes.on('change', listener);
  }

  /** Shows the newest messages and follows new ones. */
  latest(options: PageOptions = {}): Promise<void> {
    return this.#load(async () => {
      const { lastSeq = 0 } = this.#sources.replica.row(this.conversation)?.view ?? {};
      const messages = lastSeq === 0 ? [] : await this.#page({ before: lastSeq + 1 }, options);
      this.#following = true;
      this.#show(messages);
      await this.#extend();
    });
  }

  /** Shows the messages around one. */
  around(seq: number, options: PageOptions = {}): Promise<void> {
    return this.#load(async () => {
      const half = { ...options, limit: Math.max(1, Math.ceil((options.limit ?? 50) / 2)) };
      const before = await this.#page({ before: seq + 1 }, half);
      const after = await this.#page({ after: seq }, half);
      this.#following = false;
      this.#show([...before, ...after]);
      this.#following = !this.hasNewer;
    });
  }

  /** Adds a page of older messages, if there are any. */
  older(options: PageOptions = {}): Promise<void> {
    return this.#load(async () => {
      const first = this.#messages[0];
      if (first === undefined || !this.hasOlder) return;
      const older = await this.#page({ before: first.seq }, options);
      this.#begun = older.length === 0;
      this.#show([...older.filter((message) => message.seq < (this.#messages[0]?.seq ?? 0)), ...this.#messages]);
    });
  }

  /** Adds a page of newer messages, if there are any; at the end it follows new ones. */
  newer(options: PageOptions = {}): Promise<void> {
    return this.#load(async () => {
      if (this.hasNewer) this.#append(await this.#page({ after: this.#last }, options));
      this.#following ||= !this.hasNewer;
    });
  }

  /** Ends the window; it changes no more. */
  close(): void {
    for (const stop of this.#stops) stop();
  }

  get #last(): number {
    return this.#messages.at(-1)?.seq ?? 0;
  }

  #load(work: () => Promise<void>): Promise<void> {
    const loaded = this.#loading.then(work);
    this.#loading = loaded.catch(() => undefined);
    return loaded;
  }

  #page(edge: Edge, options: PageOptions): Promise<readonly Message[]> {
    return loadPage(this.#sources, this.conversation, edge, options);
  }

  #show(messages: readonly Message[]): void {
    if (messages[0]?.seq !== this.#messages[0]?.seq) this.#begun = false;
    this.#messages = messages;
    this.#changes.emit('change', undefined);
  }

  #append(messages: readonly Message[]): void {
    const news = messages.filter((message) => message.seq > this.#last);
    if (news.length > 0) this.#show([...this.#messages, ...news]);
  }

  #replace(message: Message): void {
    if (!this.#messages.some(({ seq }) => seq === message.seq)) return;
    this.#show(this.#messages.map((shown) => (shown.seq === message.seq ? message : shown)));
  }

  #live(message: Message): void {
    if (!this.#following) return;
    const first = this.#sources.replica.row(this.conversation)?.view.visibleFrom;
    const next = this.#messages.length === 0 ? first : this.#last + 1;
    if (message.seq === next) this.#append([message]);
    // Something came behind a hole, or while a page was loading.
    if (this.hasNewer) this.#load(() => this.#extend()).catch(() => undefined);
  }

  /** Takes what is behind the end: what came while a page was loading, behind a hole, or after one was away. */
  async #extend(): Promise<void> {
    while (this.#last > 0 && this.hasNewer) {
      const before = this.#last;
      this.#append(await this.#page({ after: before }, { limit: LIMITS.maxPage }));
      if (this.#last === before) return;
    }
  }
}
