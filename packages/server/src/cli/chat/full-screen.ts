/** The chat on a terminal that is one: list, conversation, input. */
import type { Client } from '@duolog/sdk';
import { act, matching } from './actions.ts';
import type { Done } from './actions.ts';
import { bannerOf } from './banner.ts';
import { readTyped } from './commands.ts';
import { EMPTY, draftOf, edit, insert, textOf } from './editor.ts';
import type { Draft } from './editor.ts';
import { Keyboard } from './keyboard.ts';
import type { Input } from './keyboard.ts';
import type { Key } from './keys.ts';
import { picture } from './layout.ts';
import type { Picture, Scene } from './layout.ts';
import { Names } from './names.ts';
import { Room } from './room.ts';
import { Terminal } from './terminal.ts';
import type { Output } from './terminal.ts';

interface Screen extends Output {
  readonly columns: number;
  readonly rows: number;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

export interface FullScreenOptions {
  readonly client: Client;
  readonly input: Input;
  readonly screen: Screen;
  /** What to open first, as for /switch. */
  readonly first: string | undefined;
  /** Ends it from outside. */
  readonly ended: Promise<void>;
}

/** Drawn at most this often. */
const FRAME_MS = 30;
const WHEEL_LINES = 3;
const NOTICE_MS = 8_000;
const MIN_COLUMNS = 20;
const MIN_ROWS = 6;

/** Runs the chat until the person leaves. */
export const runFullScreen = (options: FullScreenOptions): Promise<Done> => new FullScreen(options).run();

class FullScreen {
  readonly #options: FullScreenOptions;
  readonly #client: Client;
  readonly #terminal: Terminal;
  readonly #names: Names;
  readonly #room: Room;
  readonly #keyboard: Keyboard;
  readonly #ended = Promise.withResolvers<Done>();
  #draft: Draft = EMPTY;
  #scrolled = 0;
  #overlay: readonly string[] | undefined;
  #notice: { readonly text: string; readonly until: number } = { text: '', until: 0 };
  #focused = true;
  #brokenAt: number | undefined;
  #drawing: NodeJS.Timeout | undefined;
  #shown: (Picture & { readonly newest: number }) | undefined;

  constructor(options: FullScreenOptions) {
    this.#options = options;
    this.#client = options.client;
    this.#terminal = new Terminal(options.screen);
    this.#keyboard = new Keyboard(options.input, (key) => this.#press(key));
    this.#names = new Names(options.client, this.#changed);
    this.#room = new Room(options.client, this.#changed);
  }

  async run(): Promise<Done> {
    const { screen, first } = this.#options;
    const stops = this.#listen();
    const ticking = setInterval(this.#changed, 1_000);
    this.#terminal.enter();
    this.#keyboard.start();
    screen.on('resize', this.#onResize);
    void this.#options.ended.then(() => this.#ended.resolve({ quit: true }));
    // What keeps it from being opened is on the screen already.
    if (first !== undefined) this.#openFirst(first).catch(() => undefined);
    this.#openNewest();
    this.#changed();
    try {
      return await this.#ended.promise;
    } finally {
      clearInterval(ticking);
      clearTimeout(this.#drawing);
      for (const stop of stops) stop();
      this.#keepDraft();
      this.#room.close();
      screen.off('resize', this.#onResize);
      this.#keyboard.stop();
      this.#terminal.leave();
    }
  }

  readonly #changed = (): void => {
    this.#drawing ??= setTimeout(() => {
      this.#drawing = undefined;
      this.#draw();
    }, FRAME_MS);
  };

  readonly #onResize = (): void => {
    this.#terminal.forget();
    this.#changed();
  };

  #listen(): readonly (() => void)[] {
    const client = this.#client;
    const quiet = (['state', 'sending', 'positions', 'account', 'reset'] as const).map((name) =>
      client.on(name, this.#changed),
    );
    return [
      ...quiet,
      client.on('conversation', () => {
        this.#openNewest();
        this.#changed();
      }),
      client.on('message', ({ sender }) => {
        if (!this.#focused && sender !== client.user && client.state.status === 'live') this.#terminal.bell();
        this.#changed();
      }),
    ];
  }

  #openNewest(): void {
    const [newest] = this.#client.conversations;
    if (newest !== undefined && this.#room.id === undefined) this.#open(newest.conversation);
  }

  /** Opens what was asked for: a conversation that is there, or one to be begun with that handle. */
  async #openFirst(wanted: string): Promise<void> {
    const [known] = matching({ client: this.#client, names: this.#names }, wanted);
    if (known !== undefined) return this.#open(known.conversation);
    await this.#client.live();
    await this.#act(`/chat ${wanted}`);
  }

  #keepDraft(): void {
    if (this.#room.id !== undefined) this.#client.setDraft(this.#room.id, textOf(this.#draft));
  }

  #open(conversation: string): void {
    this.#closeOverlay();
    if (conversation === this.#room.id) return;
    this.#keepDraft();
    this.#draft = draftOf(this.#client.draft(conversation));
    this.#room.open(conversation);
    this.#changed();
  }

  #closeOverlay(): void {
    this.#overlay = undefined;
    this.#scrolled = 0;
  }

  #press(key: Key): void {
    const name = key.kind === 'text' ? 'text' : key.name;
    const moves = name in this.#moves() || name === 'focus' || name === 'blur';
    const covered = this.#overlay !== undefined && !moves;
    if (covered) this.#closeOverlay();
    // What is typed is never lost; keys that do something else only close what covers the conversation.
    if (key.kind === 'text') this.#draft = insert(this.#draft, key.text);
    else if (!covered || name === 'ctrl-c') this.#pressNamed(name, moves);
    this.#changed();
  }

  #pressNamed(name: string, moves: boolean): void {
    const [, number] = /^alt-([1-9])$/.exec(name) ?? [];
    if (number !== undefined) return this.#openNth(Number(number) - 1);
    switch (name) {
      case 'ctrl-c':
        return this.#ended.resolve({ quit: true });
      case 'ctrl-d':
        return this.#draft.characters.length === 0 ? this.#ended.resolve({ quit: true }) : this.#edit('delete');
      case 'enter':
        return this.#submit();
      case 'tab':
      case 'alt-down':
      case 'ctrl-n':
        return this.#step(1);
      case 'shift-tab':
      case 'alt-up':
      case 'ctrl-p':
        return this.#step(-1);
      case 'escape':
        this.#scrolled = 0;
        return;
      case 'ctrl-l':
        return this.#terminal.forget();
      case 'focus':
      case 'blur':
        this.#focused = name === 'focus';
        return;
      default:
        return moves ? this.#scroll(this.#moves()[name] ?? 0) : this.#edit(name);
    }
  }

  #edit(name: string): void {
    this.#draft = edit(this.#draft, name) ?? this.#draft;
  }

  /** Keys that scroll, and by how many lines. */
  #moves(): Readonly<Record<string, number>> {
    const page = Math.max(1, (this.#shown?.page ?? 2) - 1);
    return {
      'page-up': page,
      'page-down': -page,
      up: 1,
      down: -1,
      'wheel-up': WHEEL_LINES,
      'wheel-down': -WHEEL_LINES,
    };
  }

  #scroll(by: number): void {
    const most = this.#shown?.maxScroll ?? 0;
    const wanted = this.#scrolled + by;
    this.#scrolled = Math.max(0, Math.min(most, wanted));
    if (by > 0 && wanted >= most && this.#overlay === undefined) this.#room.older();
  }

  #step(by: number): void {
    const { conversations } = this.#client;
    const at = conversations.findIndex(({ conversation }) => conversation === this.#room.id);
    const count = conversations.length;
    if (count > 0) this.#openNth(at < 0 ? 0 : (at + by + count) % count);
  }

  #openNth(index: number): void {
    const view = this.#client.conversations[index];
    if (view !== undefined) this.#open(view.conversation);
  }

  #submit(): void {
    const text = textOf(this.#draft);
    if (text.trim() === '') return;
    this.#draft = EMPTY;
    this.#scrolled = 0;
    this.#act(text).catch((thrown: unknown) => this.#ended.reject(thrown));
  }

  async #act(text: string): Promise<void> {
    const { open, overlay, notice, ...done } = await act(
      { client: this.#client, names: this.#names, here: this.#room.id },
      readTyped(text),
    );
    if (done.quit === true) this.#ended.resolve(done);
    if (open !== undefined) this.#open(open);
    if (overlay !== undefined) {
      this.#overlay = [...overlay, '', 'Esc closes this; so does typing on.'];
      // From its beginning.
      this.#scrolled = Number.MAX_SAFE_INTEGER;
    }
    if (notice !== undefined) this.#notice = { text: notice, until: Date.now() + NOTICE_MS };
    this.#changed();
  }

  #draw(): void {
    const before = this.#shown;
    const { newest } = this.#room;
    const scene = this.#scene();
    let next = picture(scene);
    // What one reads stays where it is when messages are added below.
    const added = before === undefined || before.newest === newest ? 0 : next.maxScroll - before.maxScroll;
    if (this.#scrolled > 0 && added > 0) {
      this.#scrolled += added;
      next = picture({ ...scene, scrolled: this.#scrolled });
    }
    this.#scrolled = Math.min(this.#scrolled, next.maxScroll);
    this.#shown = { ...next, newest };
    this.#terminal.draw(next);
    // Read is what is on the screen of somebody who looks at it.
    if (this.#focused && this.#scrolled === 0 && this.#overlay === undefined) this.#room.seen();
  }

  #scene(): Scene {
    const { screen } = this.#options;
    const { state } = this.#client;
    const now = Date.now();
    this.#brokenAt = state.status === 'live' ? undefined : (this.#brokenAt ?? now);
    return {
      columns: Math.max(MIN_COLUMNS, screen.columns),
      rows: Math.max(MIN_ROWS, screen.rows),
      list: this.#client.conversations.map((view) => ({
        title: this.#names.title(view),
        unread: view.state === 'joined' ? view.unread : 0,
        selected: view.conversation === this.#room.id,
        left: view.state === 'left',
      })),
      heading: this.#room.heading(this.#names),
      lines: (columns) => this.#room.lines(this.#names, columns),
      scrolled: this.#scrolled,
      overlay: this.#overlay,
      draft: this.#draft,
      banner: bannerOf(state, now, now - (this.#brokenAt ?? now)),
      notice: now < this.#notice.until ? this.#notice.text : '',
    };
  }
}
