/** A conversation's messages as lines of a terminal. Pure. */
import type { Message, Sending } from '@duolog/sdk';
import type { Names } from './names.ts';
import { bold, dim, red } from './styles.ts';
import { cut, fit, harmless, widthOf, wrap } from './width.ts';

export interface Talk {
  readonly messages: readonly Message[];
  readonly sendings: readonly Sending[];
  /** One's own id. */
  readonly me: string | undefined;
  /** Seq of the first message that was unread when the conversation was opened. */
  readonly unreadFrom: number | undefined;
  /** Whether there is something before the first message. */
  readonly hasOlder: boolean;
  /** The seq all other members have read up to. */
  readonly readByOthers: number;
}

const TIME_COLUMNS = 6;
const MIN_NAME = 6;
const MAX_NAME = 16;

const timeOf = (at: number): string => {
  const date = new Date(at);
  return `${String(date.getHours()).padStart(2, '0')}:${String(date.getMinutes()).padStart(2, '0')}`;
};
const dayOf = (at: number): string =>
  new Date(at).toLocaleDateString('en-GB', { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });

const rule = (label: string, columns: number): string => {
  const side = Math.max(2, Math.floor((columns - widthOf(label) - 2) / 2));
  return cut(`${'─'.repeat(side)} ${label} ${'─'.repeat(side)}`, columns);
};

/** Columns names get: those of the longest, within bounds. */
const nameColumns = (talk: Talk, names: Names): number => {
  const widths = talk.messages.map(({ sender }) => widthOf(names.sender(sender)));
  return Math.min(MAX_NAME, Math.max(MIN_NAME, 'you'.length, ...widths));
};

/** Text beside a time and a name; the second line and those after it stand below the first. */
const block = (
  time: string,
  name: string,
  text: string,
  mark: string,
  columns: number,
  nameWidth: number,
): readonly string[] => {
  const indent = TIME_COLUMNS + nameWidth + 2;
  const lines = wrap(text, columns - indent - 3);
  return lines.map((line, i) => {
    const left = i === 0 ? `${dim(fit(time, TIME_COLUMNS))}${bold(fit(name, nameWidth))}  ` : ' '.repeat(indent);
    return `${left}${line}${i === lines.length - 1 && mark !== '' ? ` ${mark}` : ''}`;
  });
};

const textOf = (message: Message): string => {
  const text = harmless(message.text ?? '');
  return message.length === undefined
    ? text
    : `${text}… (${message.length.toLocaleString('en-US')} characters; /whole shows all)`;
};

const messageLines = (
  talk: Talk,
  names: Names,
  message: Message,
  columns: number,
  width: number,
): readonly string[] => {
  if (message.kind !== 'text') {
    const told = message.change === undefined ? '' : names.change(message.sender, message.change);
    return wrap(`· ${told}`, columns).map(dim);
  }
  const own = message.sender === talk.me;
  const mark = own ? dim(message.seq <= talk.readByOthers ? '✓✓' : '✓') : '';
  return block(timeOf(message.at), names.sender(message.sender), textOf(message), mark, columns, width);
};

const sendingLines = (sending: Sending, columns: number, width: number): readonly string[] => {
  const text = 'text' in sending.params ? harmless(String(sending.params.text)) : '';
  const { state } = sending;
  const mark = { queued: dim('◷'), sending: dim('◷'), unknown: dim('◷ ?'), stored: dim('✓'), failed: red('✗') }[
    state.status
  ];
  const lines = block(timeOf(sending.at), 'you', text, mark, columns, width);
  if (state.status !== 'failed') return lines;
  const indent = ' '.repeat(TIME_COLUMNS + width + 2);
  const why = wrap(`not sent: ${harmless(state.error.message)} /retry or /discard`, columns - indent.length);
  return [...lines, ...why.map((line) => red(`${indent}${line}`))];
};

/** All lines of the conversation, oldest first. */
export const transcript = (talk: Talk, names: Names, columns: number): readonly string[] => {
  const width = nameColumns(talk, names);
  const lines: string[] = [];
  if (talk.hasOlder) lines.push(dim(rule('Page-up shows older messages', columns)));
  let day = '';
  for (const message of talk.messages) {
    const today = dayOf(message.at);
    if (today !== day) lines.push(dim(rule(today, columns)));
    day = today;
    if (message.seq === talk.unreadFrom) lines.push(red(rule('new', columns)));
    lines.push(...messageLines(talk, names, message, columns, width));
  }
  for (const sending of talk.sendings) {
    if (sending.method === 'message.send') lines.push(...sendingLines(sending, columns, width));
  }
  return lines;
};
