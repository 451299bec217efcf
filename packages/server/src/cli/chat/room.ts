/** The conversation that is open: its history, what was unread, who read how far. */
import type { Client, ConversationView, History } from '@duolog/sdk';
import type { Names } from './names.ts';
import { transcript } from './transcript.ts';

const WELCOME = [
  'Nobody has written yet.',
  '',
  '/chat HANDLE  begins a conversation',
  '/group NAME   makes a group',
  '/help         shows everything',
];

export class Room {
  readonly #client: Client;
  readonly #changed: () => void;
  #history: History | undefined;
  #stop: () => void = () => undefined;
  #unreadFrom: number | undefined;
  #id: string | undefined;
  #loading = false;

  constructor(client: Client, changed: () => void) {
    this.#client = client;
    this.#changed = changed;
  }

  /** Id of the conversation. */
  get id(): string | undefined {
    return this.#id;
  }

  get view(): ConversationView | undefined {
    return this.#id === undefined ? undefined : this.#client.conversation(this.#id);
  }

  /** Seq of the newest message shown. */
  get newest(): number {
    return this.#history?.messages.at(-1)?.seq ?? 0;
  }

  open(id: string): void {
    this.close();
    const view = this.#client.conversation(id);
    const history = this.#client.history(id);
    this.#id = id;
    this.#unreadFrom = view === undefined || view.unread === 0 ? undefined : Math.max(view.readSeq, view.joinSeq) + 1;
    this.#history = history;
    this.#stop = history.onChange(this.#changed);
    this.#client.watch([id]);
    void this.#load(() => history.latest());
    // Positions of members, for the second tick; without a connection there are none.
    this.#client.members(id).then(this.#changed, () => undefined);
  }

  close(): void {
    this.#stop();
    this.#history?.close();
    this.#history = undefined;
    this.#id = undefined;
  }

  /** Adds older messages, if there are any and none are being fetched. */
  older(): void {
    const history = this.#history;
    if (history?.hasOlder === true && !this.#loading) void this.#load(() => history.older());
  }

  /** The person has seen what is shown. */
  seen(): void {
    const { id, view, newest } = this;
    if (id !== undefined && view !== undefined && view.unread > 0 && newest > 0) this.#client.markRead(id, newest);
  }

  /** Title and what stands beside it. */
  heading(names: Names): readonly [title: string, aside: string] {
    const { view } = this;
    const me = this.#client.account?.handle;
    const facts = me === undefined ? [] : [`you are ${me}`];
    if (view === undefined) return ['duolog', facts.join('')];
    const members = Object.keys(this.#client.positions(view.conversation)).length;
    if (view.kind === 'group' && view.state === 'joined' && members > 0)
      facts.unshift(members === 1 ? '1 member' : `${members} members`);
    if (view.state === 'left') facts.unshift('you left');
    return [names.title(view), facts.join(' · ')];
  }

  lines(names: Names, columns: number): readonly string[] {
    const history = this.#history;
    if (this.#id === undefined || history === undefined) return WELCOME;
    const me = this.#client.user;
    const others = Object.entries(this.#client.positions(this.#id)).filter(([user]) => user !== me);
    const talk = {
      messages: history.messages,
      sendings: this.#client.sendings(this.#id),
      me,
      unreadFrom: this.#unreadFrom,
      hasOlder: history.hasOlder,
      readByOthers: others.length === 0 ? 0 : Math.min(...others.map(([, seq]) => seq)),
    };
    return transcript(talk, names, columns);
  }

  async #load(work: () => Promise<void>): Promise<void> {
    this.#loading = true;
    try {
      await work();
    } catch {
      // Without a connection there may be nothing to load: what is here is shown, and scrolling asks again.
    } finally {
      this.#loading = false;
      this.#changed();
    }
  }
}
