/** The chat in a pipe: lines in are said or done, what others say comes out as lines. */
import type { Client, ClientState, Message, Sending } from '@duolog/sdk';
import { act, matching } from './actions.ts';
import type { Done } from './actions.ts';
import { readTyped } from './commands.ts';
import { Names } from './names.ts';
import { harmless } from './width.ts';

export interface PipedOptions {
  readonly client: Client;
  readonly lines: AsyncIterable<string>;
  readonly write: (text: string) => void;
  /** For what is no message. */
  readonly tell: (text: string) => void;
  /** Handle or name of the conversation; then every line is said as it is, and none is a command. */
  readonly to: string | undefined;
  /** The account was not open here before. */
  readonly fresh: boolean;
  /** Stays after the last line, for what others say. */
  readonly follow: boolean;
  /** Ends it: a stay in order, and what comes before as not done. */
  readonly ended: Promise<void>;
  /** How long the end waits for what is not stored yet. */
  readonly storeMs: number;
}

/** With `to` no line is a command. */
const KEPT =
  'What was not sent is kept: /discard drops it and /retry sends it again, in its conversation and without --to.';

const clockTime = (at: number): string => new Date(at).toTimeString().slice(0, 5);

/** A message as one line; line ends inside are shown as ⏎. */
const messageLine = (client: Client, names: Names, message: Message): string => {
  const view = client.conversation(message.conversation);
  const title = view === undefined ? message.conversation : names.title(view);
  const said =
    message.change === undefined
      ? `${names.sender(message.sender)}: ${harmless(message.text ?? '')}`
      : names.change(message.sender, message.change);
  return `${clockTime(message.at)} [${title}] ${said.replaceAll('\n', ' ⏎ ')}\n`;
};

/** Prints what is said from now on, names first fetched. */
const print = ({ client, write }: PipedOptions, names: Names): (() => void) => {
  let last: Promise<unknown> = Promise.resolve();
  return client.on('message', (message) => {
    if (message.sender === client.user) return;
    const people = [message.sender, ...(message.change?.users ?? [])];
    last = last
      .then(() => client.users(people))
      .catch(() => [])
      .then(() => write(messageLine(client, names, message)));
  });
};

/** Says, once until it is there, that the server is waited for. A connection that is back at the first try is not worth a word. */
const tellWaiting = ({ client, tell }: PipedOptions): (() => void) => {
  let [told, wasLive] = [false, false];
  const look = (state: ClientState): void => {
    if (state.status === 'live') [told, wasLive] = [false, true];
    if (told || state.status !== 'waiting' || (wasLive && state.attempt === 0)) return;
    told = true;
    tell('The server cannot be reached; waiting for it.');
  };
  look(client.state);
  return client.on('state', look);
};

/** Opens what `to` names: a conversation that is there, or somebody by handle. */
const openTo = async (client: Client, names: Names, to: string): Promise<Done> => {
  const [first] = matching({ client, names }, to);
  if (first !== undefined && names.title(first).toLowerCase() === to.toLowerCase()) return { open: first.conversation };
  return act({ client, names, here: undefined }, { kind: 'command', name: 'chat', words: [to], rest: to });
};

/** What was there before this run, whose exit code it does not change. */
interface Inherited {
  /** Orders of messages that had been refused. */
  readonly refused: ReadonlySet<number>;
  /** The newest order given. */
  readonly lastOrder: number;
}

/** Messages only: a command that is refused has been told already. */
const refusedMessages = (client: Client): readonly Sending[] =>
  client.sendings().filter(({ method, state }) => method === 'message.send' && state.status === 'failed');

const inheritedBy = (client: Client): Inherited => ({
  refused: new Set(refusedMessages(client).map(({ order }) => order)),
  lastOrder: Math.max(0, ...client.sendings().map(({ order }) => order)),
});

/** Waits for the server and begins to print. Resolves with what ends the printing. */
const connect = async (options: PipedOptions, names: Names): Promise<() => void> => {
  const { client, fresh } = options;
  // An account that was open here before gets what was said meanwhile; a new one is not flooded with the past.
  if (fresh) await client.live();
  const stop = print(options, names);
  await client.live();
  // Titles are told apart by handles, so these are fetched first.
  await client.users(
    client.conversations.flatMap(({ conversation }) => conversation.split('.').filter((part) => /^u.{16}$/.test(part))),
  );
  return stop;
};

interface Said {
  /** Something was not said or done. */
  readonly refused: boolean;
  /** It is to end at once. */
  readonly quit: boolean;
}

/** Says or does all lines. */
const sayLines = async (options: PipedOptions, names: Names): Promise<Said> => {
  const { client, to, tell } = options;
  let here: string | undefined;
  let refused = false;
  if (to !== undefined) {
    const { open, notice } = await openTo(client, names, to);
    if (open === undefined) {
      tell(notice ?? `There is no ${to}.`);
      return { refused: true, quit: true };
    }
    here = open;
  }
  for await (const line of options.lines) {
    if (line.trim() === '') continue;
    const typed = to === undefined ? readTyped(line) : ({ kind: 'text', text: line } as const);
    const done = await act({ client, names, here }, typed);
    if (done.notice !== undefined) tell(done.notice);
    refused ||= done.refused === true;
    if (done.overlay !== undefined) options.write(`${done.overlay.join('\n')}\n`);
    here = done.open ?? here;
    if (done.quit === true) return { refused, quit: true };
  }
  return { refused, quit: false };
};

/** Waits until nothing is under way. */
const allAnswered = async ({ client, storeMs }: PipedOptions): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), storeMs);
  });
  const answered = Promise.allSettled(client.sendings().map(({ stored }) => stored)).then(() => true);
  const inTime = await Promise.race([answered, late]);
  clearTimeout(timer);
  return inTime;
};

/** Says what was not stored. Resolves with whether all that this run gave was. */
const allStored = async (options: PipedOptions, inherited: Inherited): Promise<boolean> => {
  const { client, tell } = options;
  if (!(await allAnswered(options))) {
    tell('Not everything is stored yet; it is kept, and goes out with the next start.');
    return false;
  }
  const refused = refusedMessages(client).filter(({ order }) => !inherited.refused.has(order));
  const isOwn = ({ order }: Sending): boolean => order > inherited.lastOrder;
  for (const sending of refused) {
    if (sending.state.status === 'failed')
      tell(`Not sent${isOwn(sending) ? '' : ', from an earlier run'}: ${sending.state.error.message}`);
  }
  if (refused.length > 0) tell(KEPT);
  return !refused.some(isOwn);
};

/** Runs until the lines end and everything is stored. Resolves with whether it is, and every line was said or done. */
export const runPiped = async (options: PipedOptions): Promise<boolean> => {
  const { client, follow, ended } = options;
  const inherited = inheritedBy(client);
  const names = new Names(client, () => undefined);
  const stops = [tellWaiting(options)];
  const begin = async (): Promise<Said> => {
    stops.push(await connect(options, names));
    return sayLines(options, names);
  };
  try {
    const said = await Promise.race([begin(), ended]);
    if (said === undefined) return false;
    if (said.quit) return !said.refused;
    if (follow) await ended;
    return (await allStored(options, inherited)) && !said.refused;
  } finally {
    for (const stop of stops) stop();
  }
};
