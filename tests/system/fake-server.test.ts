/** The server in memory that the SDK gives to tests of programs answers as the real one does. */
import { afterEach, expect, test } from 'bun:test';
import { createFakeServer } from '@duolog/sdk/testing';
import { Stage } from './server-process.ts';

const stage = new Stage();
afterEach(() => stage.clean());

type Answer = { readonly [field: string]: unknown };
type Fetch = (url: string, init: RequestInit) => Promise<Response>;
/** Asks one method as whoever has the token. */
type Ask = (token: string, method: string, params: object) => Promise<Answer>;

const password = 'correct horse';
const group = 'g.aaaaaaaaaaaaaaaaaaaa';

interface Person {
  readonly user: string;
  readonly token: string;
}

/** What somebody can learn of the group now, on a device that is new. */
const everythingOf = async (ask: Ask, token: string): Promise<unknown> => {
  const inGroup = { conversation: group };
  const { entries } = (await ask(token, 'sync', { cursor: 0 })) as { readonly entries: readonly Answer[] };
  const told = entries.filter(({ kind }) => kind === 'membership' || kind === 'message');
  const seqs = Array.from({ length: 13 }, (_, i) => i + 1);
  return {
    get: await ask(token, 'conversation.get', inGroup),
    list: await ask(token, 'conversation.list', {}),
    newest: await ask(token, 'message.list', { ...inGroup, limit: 3 }),
    before: await Promise.all(seqs.map((before) => ask(token, 'message.list', { ...inGroup, before, limit: 3 }))),
    after: await Promise.all(seqs.map((after) => ask(token, 'message.list', { ...inGroup, after, limit: 3 }))),
    each: await Promise.all(seqs.map((seq) => ask(token, 'message.get', { ...inGroup, seq }))),
    told: told.map(({ useq: _useq, ...entry }) => entry),
  };
};

/** Bob is removed, comes back and leaves, while Alice goes on talking and renaming. What both see at each stage. */
const story = async (url: string, fetch: Fetch): Promise<readonly unknown[]> => {
  const ask: Ask = async (token, method, params) => {
    const headers = {
      'content-type': 'application/json',
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
    };
    const response = await fetch(`${url}/v1/${method}`, { method: 'POST', headers, body: JSON.stringify(params) });
    const answer = (await response.json()) as Answer;
    return 'error' in answer ? { refused: (answer['error'] as { readonly code: string }).code } : answer;
  };
  const logIn = async (handle: string): Promise<Person> =>
    (await ask('', 'session.logIn', { handle, password, deviceName: 'device' })) as unknown as Person;
  const [alice, bob] = await Promise.all(
    ['alice', 'bob'].map(async (handle) => {
      await ask('', 'account.signUp', { handle, password });
      return logIn(handle);
    }),
  );
  if (alice === undefined || bob === undefined) throw new Error('nobody is there');

  const says = (text: string) => ask(alice.token, 'message.send', { conversation: group, text });
  const renames = (name: string) => ask(alice.token, 'group.rename', { conversation: group, name });
  const seen: unknown[] = [];
  const look = async (): Promise<void> => {
    for (const handle of ['alice', 'bob']) seen.push(await everythingOf(ask, (await logIn(handle)).token));
  };
  await ask(alice.token, 'group.create', { conversation: group, name: 'One', members: [bob.user] });
  await says('two');
  await renames('Two');
  await ask(alice.token, 'group.remove', { conversation: group, user: bob.user });
  await says('five, without Bob');
  await renames('Three, without Bob');
  await look();
  await ask(alice.token, 'group.add', { conversation: group, users: [bob.user] });
  await says('eight');
  await look();
  await renames('Four');
  await ask(bob.token, 'group.leave', { conversation: group });
  await renames('Five, without Bob');
  await says('twelve, without Bob');
  await look();
  await ask(alice.token, 'group.add', { conversation: group, users: [bob.user] });
  await look();
  // Without what no two servers have in common.
  const text = JSON.stringify(seen).replaceAll(alice.user, 'alice').replaceAll(bob.user, 'bob');
  return JSON.parse(text.replaceAll(/"at":\d+/g, '"at":0')) as readonly unknown[];
};

test('the server for tests tells who left and came back the same as the real one [CON4] [CON8] [SYN12]', async () => {
  const { url } = await stage.serve();
  const real = await story(url, fetch);
  expect(JSON.stringify(real[1])).toContain('"name":"Two"');
  const fake = createFakeServer();
  expect(await story(fake.url, fake.fetch)).toEqual(real);
});
