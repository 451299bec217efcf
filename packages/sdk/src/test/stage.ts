/** What most tests begin with: a server with Alice and Bob, who have a direct conversation, and a clock that stands still. */
import { directId } from '@duolog/protocol';
import type { Message } from '@duolog/protocol';
import { createClient } from '../client.ts';
import type { Client } from '../client.ts';
import type { Alarm } from '../events.ts';
import type { ClientOptions } from '../options.ts';
import { createFakeServer, movedClock, settle } from '../testing/index.ts';
import type { FakeAccount, FakeServer, FakeServerOptions, MovedClock } from '../testing/index.ts';

export interface Stage {
  readonly clock: MovedClock;
  readonly server: FakeServer;
  readonly alice: FakeAccount;
  readonly bob: FakeAccount;
  /** The conversation of the two. */
  readonly direct: string;
  /** A client that is not opened yet. */
  readonly client: (account: FakeAccount, options?: Partial<ClientOptions>) => Client;
  /** A client that is live. */
  readonly live: (account: FakeAccount, options?: Partial<ClientOptions>) => Promise<Client>;
}

export const newStage = (options: Omit<FakeServerOptions, 'clock'> = {}): Stage => {
  const clock = movedClock();
  const server = createFakeServer({ ...options, clock });
  const alice = server.addAccount('alice');
  const bob = server.addAccount('bob');
  server.run(alice.user, 'direct.create', { user: bob.user });
  const client: Stage['client'] = ({ token }, more) =>
    createClient({
      url: server.url,
      token,
      webSocket: server.webSocket,
      fetch: server.fetch,
      clock,
      random: () => 0.5,
      ...more,
    });
  return {
    clock,
    server,
    alice,
    bob,
    direct: directId(alice.user, bob.user),
    client,
    live: async (account, more) => {
      const made = client(account, more);
      await made.open();
      await made.live();
      return made;
    },
  };
};

/** Lets things happen until the condition holds; fails if it never does. */
export const until = async (condition: () => boolean, what = 'the condition'): Promise<void> => {
  for (let turn = 0; turn < 400; turn++) {
    if (condition()) return;
    await settle();
  }
  throw new Error(`${what} never came true`);
};

export interface Seen {
  readonly messages: Message[];
  readonly alarms: Alarm[];
  readonly texts: (string | undefined)[];
}

/** Records what a client tells. */
export const watchClient = (client: Client): Seen => {
  const seen: Seen = { messages: [], alarms: [], texts: [] };
  client.on('message', (message) => {
    seen.messages.push(message);
    seen.texts.push(message.text);
  });
  client.on('alarm', (alarm) => seen.alarms.push(alarm));
  return seen;
};

/** The texts in a conversation's log on the server. */
export const textsOn = (server: FakeServer, conversation: string): (string | undefined)[] =>
  server
    .conversation(conversation)
    .messages.filter(({ kind }) => kind === 'text')
    .map(({ text }) => text);
