// What a user does with the SDK, in whatever runtime: against a real server, with the published JavaScript. It returns
// what it saw; the tests say what that has to be. It names nothing that a browser, Node or Bun lacks.

const password = 'correct horse battery';

/** Resolves once the condition holds at one of the client's events; fails with what it knows after ten seconds. */
function when(client, what, condition) {
  return new Promise((resolve, reject) => {
    const stops = [];
    const end = (settle) => {
      for (const stop of stops.splice(0)) stop();
      settle();
    };
    const check = () => {
      if (condition()) end(resolve);
    };
    const report = () => {
      const sendings = client.sendings().map(({ method, state }) => `${method} ${state.status}`);
      const about = { state: client.state, sendings, conversations: client.conversations };
      end(() => reject(new Error(`within 10 s not: ${what}; ${JSON.stringify(about)}`)));
    };
    const timer = setTimeout(report, 10_000);
    stops.push(() => clearTimeout(timer));
    for (const name of ['message', 'conversation', 'positions', 'sending', 'state']) stops.push(client.on(name, check));
    check();
  });
}

async function open(sdk, options, handle, cache) {
  const credentials = { handle, password, deviceName: 'runtime test' };
  // The shortest waits: connections are cut more often than a good one would be lost.
  const client = sdk.createClient({ ...options, credentials, cache, random: () => 0 });
  await client.open();
  await client.live();
  return client;
}

/** Alice and Bob talk. `cut` drops all connections; `cacheOf` makes a cache that outlives its client. */
export async function talk({ sdk, options, cut, cacheOf, name }) {
  const [alice, bob] = [`alice.${name}`, `bob.${name}`];
  for (const handle of [alice, bob]) await sdk.signUp({ ...options, handle, password });
  const a = await open(sdk, options, alice, cacheOf(alice));
  const b = await open(sdk, options, bob, cacheOf(bob));
  const seen = { user: a.user === (await b.findUser(alice)).user };

  const { conversation } = await a.createDirect(b.user).stored;
  const texts = [];
  b.on('message', (message) => texts.push(message.text));
  const first = a.send(conversation, 'hello 😀 你好');
  seen.atOnce = first.state.status;
  seen.stored = (await first.stored).seq;
  await when(b, 'the first message is there', () => texts.length === 1);
  seen.texts = [...texts];
  seen.unread = b.conversation(conversation).unread;

  a.watch([conversation]);
  b.markRead(conversation);
  await when(a, 'the position is told', () => a.positions(conversation)[b.user] === 1);
  seen.position = a.positions(conversation)[b.user];

  const long = '长'.repeat(99_999);
  await a.send(conversation, long).stored;
  await when(b, 'the long message is there', () => texts.length === 2);
  const window = b.history(conversation);
  await window.latest();
  seen.preview = [window.messages.at(-1).length, window.messages.at(-1).text.length];
  seen.whole = (await b.wholeMessage(conversation, 2)).text === long;

  const sendings = [];
  for (let i = 0; i < 50; i++) {
    sendings.push(a.send(conversation, `m${i}`));
    if (i % 10 === 5) {
      await when(a, `number ${i - 5} is stored`, () => sendings[i - 5].state.status === 'stored');
      await cut();
    }
  }
  await when(a, 'all are stored', () => sendings.every(({ state }) => state.status === 'stored'));
  await when(b, 'all are there', () => b.conversation(conversation).lastSeq === 52);
  seen.inOrder = texts.slice(2).join() === sendings.map(({ params }) => params.text).join();

  const group = a.createGroup('Team', [b.user]);
  const told = a.send(group.params.conversation, 'to all');
  await told.stored;
  await when(b, 'the group is there', () => b.conversation(group.params.conversation)?.lastSeq === 2);
  seen.group = b.conversation(group.params.conversation).name;
  seen.members = (await b.members(group.params.conversation)).members.length;
  seen.refused = await b
    .renameGroup(group.params.conversation, 'Ours')
    .stored.catch((error) => [error.name, error.code, error.retryable]);
  seen.badPassword = await sdk
    .logIn({ ...options, handle: alice, password: 'wrong password', deviceName: 'x' })
    .catch((error) => error.code);
  seen.devices = (await a.devices()).length;
  seen.states = [a.state.status, b.state.status];

  a.send(conversation, 'x');
  a.setDraft(conversation, 'half a thought');
  await a.close();
  await b.close();
  return seen;
}

/** The same device later: what is there before there is a connection, and what came meanwhile. */
export async function comeBack({ sdk, options, cacheOf, name }) {
  const handle = `alice.${name}`;
  const credentials = { handle, password, deviceName: 'runtime test' };
  const client = sdk.createClient({ ...options, credentials, cache: cacheOf(handle) });
  await client.open();
  const [direct] = client.conversations.filter(({ kind }) => kind === 'direct');
  const seen = { before: client.conversations.length, draft: client.draft(direct.conversation) };
  const window = client.history(direct.conversation);
  await client.live();
  await when(client, 'nothing is under way', () => client.sendings().length === 0);
  await when(client, 'the last message is there', () => client.conversation(direct.conversation).lastSeq === 53);
  await window.latest();
  seen.last = window.messages.at(-1).text;
  seen.devices = (await client.devices()).length;
  await client.logOut();
  seen.after = client.state.status;
  return seen;
}

export const expectedTalk = {
  user: true,
  atOnce: 'queued',
  stored: 1,
  texts: ['hello 😀 你好'],
  unread: 1,
  position: 1,
  preview: [99_999, 4096],
  whole: true,
  inOrder: true,
  group: 'Team',
  members: 2,
  refused: ['DuologError', 'forbidden', false],
  badPassword: 'badCredentials',
  devices: 1,
  states: ['live', 'live'],
};

export const expectedComeBack = { before: 2, draft: 'half a thought', last: 'x', devices: 1, after: 'idle' };
