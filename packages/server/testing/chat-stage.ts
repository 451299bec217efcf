/** What tests of `duolog chat` begin with: a server in memory with Alice and Bob, who have a conversation, and a clock that stands still. */
import { createClient, directId, memoryCache } from '@duolog/sdk';
import type { Cache, Client } from '@duolog/sdk';
import { createFakeServer, movedClock, settle } from '@duolog/sdk/testing';

export const newChatStage = () => {
  const clock = movedClock();
  const server = createFakeServer({ clock });
  const [alice, bob] = [server.addAccount('alice'), server.addAccount('bob')];
  const direct = directId(alice.user, bob.user);
  server.run(alice.user, 'direct.create', { user: bob.user });
  return {
    clock,
    server,
    alice,
    bob,
    direct,
    /** A client of Alice's that begins to connect. */
    open: async (cache: Cache = memoryCache()): Promise<Client> => {
      const { url, webSocket, fetch } = server;
      const client = createClient({ url, token: alice.token, webSocket, fetch, clock, cache, random: () => 0.5 });
      await client.open();
      return client;
    },
    /** The texts of the conversation, as the server has them. */
    texts: (): readonly string[] => server.conversation(direct).messages.flatMap(({ text }) => text ?? []),
  };
};

/** Lets things happen until the condition holds; fails after four seconds, before a test runs out of time. */
export const until = async (what: string, holds: () => boolean): Promise<void> => {
  const deadlineAt = Date.now() + 4_000;
  while (!holds()) {
    if (Date.now() > deadlineAt) throw new Error(`within 4 s not: ${what}`);
    await settle();
  }
};
