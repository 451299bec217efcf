/** What a person may type: a text, or a command that begins with a slash. */

export type Typed =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'command'; readonly name: CommandWord; readonly words: readonly string[]; readonly rest: string }
  | { readonly kind: 'wrong'; readonly message: string };

interface Described {
  /** What follows the name. */
  readonly usage: string;
  readonly doc: string;
  /** How many words must follow at least. */
  readonly min: number;
}

export const CHAT_COMMANDS = {
  chat: { usage: 'HANDLE', doc: 'open the conversation with somebody', min: 1 },
  notes: { usage: '', doc: 'open your saved messages', min: 0 },
  group: { usage: 'NAME [, HANDLE …]', doc: 'make a group; members follow a comma', min: 1 },
  add: { usage: 'HANDLE …', doc: 'add members to this group', min: 1 },
  remove: { usage: 'HANDLE', doc: 'remove a member from this group', min: 1 },
  rename: { usage: 'NAME', doc: 'give this group another name', min: 1 },
  leave: { usage: '', doc: 'leave this group', min: 0 },
  members: { usage: '', doc: 'who is in this conversation', min: 0 },
  switch: { usage: 'NAME', doc: 'go to the conversation whose name begins so', min: 1 },
  whole: { usage: '', doc: 'show the last shortened message in full', min: 0 },
  retry: { usage: '', doc: 'send failed messages again', min: 0 },
  discard: { usage: '', doc: 'drop failed messages', min: 0 },
  devices: { usage: '', doc: 'your signed-in devices', min: 0 },
  revoke: { usage: 'DEVICE', doc: 'sign one of your devices out', min: 1 },
  handle: { usage: 'HANDLE', doc: 'take another handle', min: 1 },
  logout: { usage: '', doc: 'sign this device out and forget everything here', min: 0 },
  help: { usage: '', doc: 'show this', min: 0 },
  quit: { usage: '', doc: 'leave; unsent messages are kept', min: 0 },
} as const satisfies Record<string, Described>;

export type CommandWord = keyof typeof CHAT_COMMANDS;

const isCommandWord = (word: string): word is CommandWord => Object.hasOwn(CHAT_COMMANDS, word);

/** Commands that begin with these letters: one may type as many as tell them apart. */
const meant = (word: string): readonly string[] =>
  isCommandWord(word) ? [word] : Object.keys(CHAT_COMMANDS).filter((name) => name.startsWith(word));

/** Reads what was typed. Two slashes begin a text with one. */
export const readTyped = (typed: string): Typed => {
  if (!typed.startsWith('/') || typed.startsWith('//')) {
    return { kind: 'text', text: typed.startsWith('//') ? typed.slice(1) : typed };
  }
  const [, word = '', rest = ''] = /^\/(\S*)\s*([\s\S]*)$/.exec(typed.trim()) ?? [];
  const [name, ...others] = word === '' ? [] : meant(word.toLowerCase());
  if (name === undefined || !isCommandWord(name))
    return { kind: 'wrong', message: `There is no /${word}; /help lists all. Two slashes begin a text.` };
  if (others.length > 0)
    return { kind: 'wrong', message: `/${word} may mean ${[name, ...others].map((each) => `/${each}`).join(' or ')}.` };
  const words = rest.split(/[\s,]+/).filter((each) => each !== '');
  const { usage, min } = CHAT_COMMANDS[name];
  if (words.length < min) return { kind: 'wrong', message: `Usage: /${name} ${usage}` };
  return { kind: 'command', name, words, rest };
};

/** Help as lines. */
export const chatHelp = (): readonly string[] => {
  const lines = Object.entries<Described>(CHAT_COMMANDS).map(
    ([name, { usage, doc }]) => [`/${name}${usage === '' ? '' : ` ${usage}`}`, doc] as const,
  );
  const width = Math.max(...lines.map(([left]) => left.length)) + 2;
  return [
    ...lines.map(([left, doc]) => `${left.padEnd(width)}${doc}`),
    '',
    'Tab, Shift-Tab or Alt-↑ ↓   next and previous conversation; Alt-1 to 9 by number',
    'Page-up, Page-down, ↑ ↓     scroll; Esc back to the newest',
    'Alt-Enter                   a new line; Ctrl-C leaves',
  ];
};
