/** What conversations and people are called on the screen. */
import { parseConversationId } from '@duolog/sdk';
import type { Change, Client, ConversationView } from '@duolog/sdk';
import { harmlessLine } from './width.ts';

/** What names are made of: the client, or a stand-in. */
export type People = Pick<Client, 'user' | 'knownUser' | 'users'>;

export class Names {
  readonly #people: People;
  readonly #changed: () => void;
  readonly #asked = new Set<string>();

  /** `changed` is called when a name became known. */
  constructor(people: People, changed: () => void) {
    this.#people = people;
    this.#changed = changed;
  }

  /** Handle of a user; asked for once if it is not known. */
  person(user: string): string {
    const known = this.#people.knownUser(user);
    if (known !== undefined) return known.handle;
    if (!this.#asked.has(user)) {
      this.#asked.add(user);
      this.#people.users([user]).then(
        () => this.#changed(),
        // Without a connection nothing is learnt; it is asked again when it is next shown.
        () => this.#asked.delete(user),
      );
    }
    return '…';
  }

  /** How a person is called in the conversation: oneself is `you`. */
  sender(user: string): string {
    return user === this.#people.user ? 'you' : this.person(user);
  }

  title(conversation: Pick<ConversationView, 'conversation' | 'kind' | 'name'>): string {
    switch (conversation.kind) {
      case 'self':
        return 'Saved messages';
      case 'group':
        return harmlessLine(conversation.name ?? 'group');
      case 'direct': {
        const { users = [] } = parseConversationId(conversation.conversation) ?? {};
        const other = users.find((user) => user !== this.#people.user);
        return other === undefined ? '…' : this.person(other);
      }
      default: {
        const never: never = conversation.kind;
        return never;
      }
    }
  }

  /** A change as a sentence. */
  change(sender: string, { action, users = [], name }: Change): string {
    const who = this.sender(sender);
    const whom = users.map((user) => this.sender(user)).join(', ');
    const called = `“${harmlessLine(name ?? '')}”`;
    switch (action) {
      case 'created':
        return `${who} made the group ${called}`;
      case 'added':
        return `${who} added ${whom}`;
      case 'removed':
        return `${who} removed ${whom}`;
      case 'left':
        return `${who} left`;
      case 'renamed':
        return `${who} renamed the group to ${called}`;
      case 'promoted':
        return `${whom} became owner`;
      default: {
        // A later version of the server may know more.
        const unknown: string = action;
        return `${who}: ${unknown}`;
      }
    }
  }
}
