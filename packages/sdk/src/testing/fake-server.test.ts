import { expect, test } from 'bun:test';
import type { MethodName, Params, Result } from '@duolog/protocol';
import { createFakeServer } from './fake-server.ts';
import type { FakeServer } from './fake-server.ts';

const group = 'g.aaaaaaaaaaaaaaaaaaaa';

/** Alice's group: Bob is in it from 1 to 4, when it is called "Two"; 5 and 6 are without him, and call it "Three". */
const leftStage = () => {
  const server = createFakeServer();
  const [alice, bob] = [server.addAccount('alice'), server.addAccount('bob')];
  const renames = (name: string) => server.run(alice.user, 'group.rename', { conversation: group, name });
  const adds = () => server.run(alice.user, 'group.add', { conversation: group, users: [bob.user] });
  server.run(alice.user, 'group.create', { conversation: group, name: 'One', members: [bob.user] });
  server.say(alice.user, group, 'two');
  renames('Two');
  server.run(alice.user, 'group.remove', { conversation: group, user: bob.user });
  server.say(alice.user, group, 'without Bob');
  renames('Three');
  return { server, alice, bob, renames, adds };
};

const asked = async <M extends MethodName>(
  server: FakeServer,
  token: string,
  method: M,
  params: Params<M>,
): Promise<Result<M> & { readonly error?: { readonly code: string } }> => {
  const init = { method: 'POST', headers: { authorization: `Bearer ${token}` }, body: JSON.stringify(params) };
  const response = await server.fetch(`${server.url}/v1/${method}`, init);
  return (await response.json()) as Result<M> & { readonly error?: { readonly code: string } };
};

const seqs = (messages: readonly { readonly seq: number }[]): number[] => messages.map(({ seq }) => seq);

test('a group that was left keeps the name it had then, and tells nothing of who is there now [CON4]', async () => {
  const { server, bob } = leftStage();
  const { conversation, members, read } = await asked(server, bob.token, 'conversation.get', { conversation: group });
  expect(conversation).toMatchObject({ state: 'left', name: 'Two', leaveSeq: 4, lastSeq: 4 });
  expect([members, read]).toEqual([[], {}]);
  expect((await asked(server, bob.token, 'conversation.list', {})).conversations).toEqual([conversation]);
  const { entries } = await asked(server, bob.token, 'sync', { cursor: 0 });
  expect(entries.at(-1)).toMatchObject({ kind: 'membership', state: 'left', name: 'Two' });
});

test('who comes back sees the name of now, and what both memberships let them read [CON4] [CON8]', async () => {
  const { server, alice, bob, adds } = leftStage();
  adds();
  server.say(alice.user, group, 'eight');
  const { conversation } = await asked(server, bob.token, 'conversation.get', { conversation: group });
  expect(conversation).toMatchObject({ state: 'joined', name: 'Three', joinSeq: 6, visibleFrom: 7, lastSeq: 8 });
  const list = (edge: { before?: number; after?: number; limit?: number }) =>
    asked(server, bob.token, 'message.list', { conversation: group, ...edge });
  const whole = await list({});
  expect([seqs(whole.messages), whole.lastSeq, whole.more]).toEqual([[1, 2, 3, 4, 7, 8], 8, false]);
  expect(await list({ before: 8, limit: 2 })).toMatchObject({ messages: [{ seq: 4 }, { seq: 7 }], more: true });
  expect(await list({ after: 3, limit: 2 })).toMatchObject({ messages: [{ seq: 4 }, { seq: 7 }], more: true });
  const one = (seq: number) => asked(server, bob.token, 'message.get', { conversation: group, seq });
  expect((await one(2)).message).toMatchObject({ text: 'two' });
  for (const seq of [5, 6]) expect((await one(seq)).error?.code).toBe('notFound');
});

test('every membership that ended stays readable, and the name is that of the last leaving [CON4] [CON8]', async () => {
  const { server, bob, renames, adds } = leftStage();
  adds();
  server.run(bob.user, 'group.leave', { conversation: group });
  renames('Four');
  adds();
  renames('Five');
  server.run(bob.user, 'group.leave', { conversation: group });
  renames('Six');
  const { messages } = await asked(server, bob.token, 'message.list', { conversation: group });
  expect(seqs(messages)).toEqual([1, 2, 3, 4, 7, 8, 10, 11, 12]);
  const { conversation } = await asked(server, bob.token, 'conversation.get', { conversation: group });
  expect(conversation).toMatchObject({ state: 'left', name: 'Five', leaveSeq: 12, lastSeq: 12 });
});

test.each(['from the start of the log', 'with a reset'])(
  'a device that is added after coming back learns of both memberships, and of nothing between: %s [CON8] [SYN12]',
  async (begins) => {
    const { server, alice, bob, adds } = leftStage();
    adds();
    server.say(alice.user, group, 'eight');
    if (begins === 'with a reset') server.expire(bob.user, server.user(bob.user).entries.length);
    const { token } = server.addDevice(bob.user);
    const { state, entries } = await asked(server, token, 'sync', { cursor: 0 });
    expect(state).toBe(begins === 'with a reset' ? 'reset' : 'run');
    const told = entries.flatMap((entry) => (entry.kind === 'message' ? [entry.message] : []));
    expect(seqs(told)).toEqual(state === 'reset' ? [] : [1, 2, 3, 4, 7, 8]);
    const { messages } = await asked(server, token, 'message.list', { conversation: group });
    expect(seqs(messages)).toEqual([1, 2, 3, 4, 7, 8]);
    const { conversations } = await asked(server, token, 'conversation.list', {});
    expect(conversations).toMatchObject([{ joinSeq: 6, visibleFrom: 7, lastSeq: 8, lastMessage: { text: 'eight' } }]);
  },
);

test('a server that starts from a backup remembers who had left what [CON4] [CON8]', async () => {
  const { server, bob, adds } = leftStage();
  const backup = server.backup();
  adds();
  server.restore(backup);
  const { conversation } = await asked(server, bob.token, 'conversation.get', { conversation: group });
  expect(conversation).toMatchObject({ state: 'left', name: 'Two' });
});
