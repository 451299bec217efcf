/** Commands of a person, done with a client. What they answer is a notice, or a conversation to go to. */
import { DuologError, parseConversationId } from '@duolog/sdk';
import type { Client, ConversationView, Sending } from '@duolog/sdk';
import { chatHelp } from './commands.ts';
import type { CommandWord, Typed } from './commands.ts';
import type { Names } from './names.ts';
import { harmless, harmlessLine } from './width.ts';

export interface Done {
  /** A line to show. */
  readonly notice?: string;
  /** The conversation to go to. */
  readonly open?: string;
  /** What was typed was not done; the notice says why. */
  readonly refused?: true;
  /** Lines to show until a key is pressed. */
  readonly overlay?: readonly string[];
  /** The program is to end; with `signedOut`, for good. */
  readonly quit?: boolean;
  readonly signedOut?: boolean;
}

export interface Desk {
  readonly client: Client;
  readonly names: Names;
  /** The conversation that is open. */
  readonly here: string | undefined;
}

type Command = Extract<Typed, { kind: 'command' }>;
type Action = (desk: Desk, command: Command) => Promise<Done>;

const fail = (message: string): never => {
  throw new DuologError('invalid', message);
};

const openHere = ({ here }: Desk): string => here ?? fail('Open a conversation first: /chat HANDLE or /switch NAME.');

const openGroup = (desk: Desk): string => {
  const here = openHere(desk);
  return parseConversationId(here)?.kind === 'group' ? here : fail('This is no group.');
};

/** Handles may be written with an @. */
const userOf = async ({ client }: Desk, handle: string): Promise<string> =>
  (await client.findUser(handle.replace(/^@/, '').toLowerCase())).user;

/** Waits for the server's word, so that a refusal is told. */
const settled = async (sending: Sending, notice: string): Promise<Done> => {
  await sending.stored;
  return { notice };
};

const withUsers = async (desk: Desk, handles: readonly string[]): Promise<readonly string[]> =>
  Promise.all(handles.map((handle) => userOf(desk, handle)));

/** Conversations whose title begins with, or else holds, the words. */
export const matching = (
  { client, names }: Pick<Desk, 'client' | 'names'>,
  words: string,
): readonly ConversationView[] => {
  const wanted = words.toLowerCase();
  const titled = client.conversations.map((view) => [names.title(view).toLowerCase(), view] as const);
  const exact = titled.filter(([title]) => title === wanted);
  const beginning = titled.filter(([title]) => title.startsWith(wanted));
  const within = titled.filter(([title]) => title.includes(wanted));
  const [found = []] = [exact, beginning, within].filter((each) => each.length > 0);
  return found.map(([, view]) => view);
};

const failedHere = ({ client, here }: Desk): readonly Sending[] =>
  client.sendings(here).filter(({ state }) => state.status === 'failed');

const members: Action = async (desk) => {
  const here = openHere(desk);
  const { client, names } = desk;
  const { members: found } = await client.members(here);
  await client.users(found.map(({ user }) => user));
  const lines = found.map(({ user, role }) => `${names.sender(user)}${role === 'owner' ? ' (owner)' : ''}`);
  return { overlay: [`${lines.length} in ${titleOf(desk, here)}:`, '', ...lines.map((line) => `  ${line}`)] };
};

const titleOf = ({ client, names }: Desk, id: string): string => {
  const view = client.conversation(id);
  return view === undefined ? '' : names.title(view);
};

const newGroup: Action = async (desk, { rest }) => {
  const [name = '', ...handles] = rest.split(',').map((part) => part.trim());
  const users = await withUsers(
    desk,
    handles.flatMap((part) => part.split(/\s+/)).filter((handle) => handle !== ''),
  );
  const sending = desk.client.createGroup(name, users);
  await sending.stored;
  return { open: sending.params.conversation };
};

const whole: Action = async (desk) => {
  const here = openHere(desk);
  const history = desk.client.history(here);
  try {
    await history.latest();
    const shortened = history.messages.findLast(({ length }) => length !== undefined);
    if (shortened === undefined) return fail('No message here is shortened.');
    const message = await desk.client.wholeMessage(here, shortened.seq);
    return { overlay: [`${desk.names.sender(message.sender)}:`, '', harmless(message.text ?? '')] };
  } finally {
    history.close();
  }
};

const ACTIONS: Readonly<Record<CommandWord, Action>> = {
  chat: async (desk, { words: [handle = ''] }) => {
    const { conversation } = await desk.client.createDirect(await userOf(desk, handle)).stored;
    return { open: conversation };
  },
  notes: async ({ client }) => {
    const { conversation } = await client.createDirect(client.user ?? fail('Not connected yet.')).stored;
    return { open: conversation };
  },
  group: newGroup,
  add: async (desk, { words }) =>
    settled(desk.client.addMembers(openGroup(desk), await withUsers(desk, words)), 'Added.'),
  remove: async (desk, { words: [handle = ''] }) =>
    settled(desk.client.removeMember(openGroup(desk), await userOf(desk, handle)), 'Removed.'),
  rename: (desk, { rest }) => settled(desk.client.renameGroup(openGroup(desk), rest.trim()), 'Renamed.'),
  leave: (desk) => settled(desk.client.leaveGroup(openGroup(desk)), 'You left; what was said until now stays here.'),
  members,
  switch: async (desk, { rest }) => {
    const [first, second] = matching(desk, rest.trim());
    if (first === undefined)
      return fail(`No conversation is called “${harmlessLine(rest.trim())}”; /chat HANDLE begins one.`);
    return second === undefined
      ? { open: first.conversation }
      : { open: first.conversation, notice: `Others begin so too, such as ${desk.names.title(second)}.` };
  },
  whole,
  retry: async (desk) => {
    const failed = failedHere(desk);
    for (const sending of failed) sending.retry();
    return { notice: failed.length === 0 ? 'Nothing has failed here.' : `${failed.length} sent again.` };
  },
  discard: async (desk) => {
    const failed = failedHere(desk);
    for (const sending of failed) sending.discard();
    return { notice: failed.length === 0 ? 'Nothing has failed here.' : `${failed.length} dropped.` };
  },
  devices: async ({ client }) => {
    const devices = await client.devices();
    const lines = devices.map(
      ({ device, name, addedAt, current }) =>
        `${device}  ${harmlessLine(name)}, since ${new Date(addedAt).toLocaleDateString('en-GB')}${current ? ', this one' : ''}`,
    );
    return { overlay: ['Your signed-in devices:', '', ...lines.map((line) => `  ${line}`)] };
  },
  revoke: ({ client }, { words: [device = ''] }) => settled(client.revokeDevice(device), 'Signed out.'),
  handle: ({ client }, { words: [handle = ''] }) =>
    settled(client.claimHandle(handle), `You are ${harmlessLine(handle)} now.`),
  logout: async ({ client }) => {
    await client.logOut();
    return { quit: true, signedOut: true };
  },
  help: async () => ({ overlay: chatHelp() }),
  quit: async () => ({ quit: true }),
};

/** Does what was typed. Rejections of the server become notices. */
export const act = async (desk: Desk, typed: Typed): Promise<Done> => {
  if (typed.kind === 'wrong') return { notice: typed.message, refused: true };
  try {
    if (typed.kind === 'command') return await ACTIONS[typed.name](desk, typed);
    // Its fate is shown beside the message itself.
    desk.client.send(openHere(desk), typed.text).stored.catch(() => undefined);
    return {};
  } catch (thrown) {
    if (thrown instanceof DuologError) return { notice: thrown.message.replace(/^params\./, 'The '), refused: true };
    throw thrown;
  }
};
