/** The whole screen from what is to be seen on it. Pure. */
import type { Draft } from './editor.ts';
import { bold, dim, inverse, unstyled, yellow } from './styles.ts';
import { cut, fit, harmlessLine, widthOf, wrap } from './width.ts';

interface ListItem {
  readonly title: string;
  readonly unread: number;
  readonly selected: boolean;
  readonly left: boolean;
}

export interface Scene {
  readonly columns: number;
  readonly rows: number;
  readonly list: readonly ListItem[];
  /** Title of the conversation and what stands beside it. */
  readonly heading: readonly [title: string, aside: string];
  /** Lines of the conversation at a width, oldest first. */
  readonly lines: (columns: number) => readonly string[];
  /** How many lines from the newest the last one shown is. */
  readonly scrolled: number;
  /** Shown instead of the conversation, e.g. help. */
  readonly overlay: readonly string[] | undefined;
  readonly draft: Draft;
  /** What is wrong with the connection; empty: nothing. */
  readonly banner: string;
  /** The last notice; empty: a hint at keys. */
  readonly notice: string;
}

export interface Picture {
  readonly rows: readonly string[];
  /** Where the cursor stands, from 1. */
  readonly cursor: readonly [row: number, column: number];
  /** Rows the conversation has, and how far up it can be scrolled. */
  readonly page: number;
  readonly maxScroll: number;
}

/** Below this the list of conversations is left out. */
const LIST_FROM_COLUMNS = 64;
const LIST_COLUMNS = 24;
const MAX_INPUT_ROWS = 6;
const PROMPT = '> ';
const HINT = 'Tab: next conversation · /help';

/** A line with attributes, cut and filled to its columns; one that is too long loses its attributes. */
const cell = (line: string, columns: number): string => {
  const plain = unstyled(line);
  const width = widthOf(plain);
  return width > columns ? fit(plain, columns) : line + ' '.repeat(columns - width);
};

const listRow = ({ title, unread, selected, left }: ListItem): string => {
  const count = unread === 0 ? '' : ` ${unread > 999 ? '999+' : unread}`;
  const text = `${fit(` ${harmlessLine(title)}`, LIST_COLUMNS - count.length - 1)}${count} `;
  if (selected) return inverse(text);
  return left ? dim(text) : unread > 0 ? bold(text) : text;
};

/** The list's rows, so that the selected one is among them. */
const listRows = (list: readonly ListItem[], rows: number): readonly string[] => {
  const selected = Math.max(
    0,
    list.findIndex((item) => item.selected),
  );
  const first = Math.max(0, Math.min(selected - Math.floor(rows / 2), list.length - rows));
  const shown = list.slice(first, first + rows).map(listRow);
  return [...shown, ...Array.from({ length: rows - shown.length }, () => ' '.repeat(LIST_COLUMNS))];
};

interface InputRows {
  readonly rows: readonly string[];
  readonly cursor: readonly [row: number, column: number];
}

/** The draft over as many rows as it takes, and where its cursor is among them. */
const inputRows = (draft: Draft, columns: number): InputRows => {
  const width = Math.max(4, columns - PROMPT.length - 1);
  const show = (characters: readonly string[]): string[] =>
    characters
      .join('')
      .split('\n')
      .flatMap((line) => hardWrap(line, width));
  const all = show(draft.characters);
  const before = show(draft.characters.slice(0, draft.at));
  const row = before.length - 1;
  const first = Math.max(0, Math.min(row, all.length - MAX_INPUT_ROWS));
  const rows = all.slice(first, first + MAX_INPUT_ROWS).map((line, i) => `${i + first === 0 ? PROMPT : '  '}${line}`);
  return { rows, cursor: [row - first, PROMPT.length + widthOf(before[row] ?? '')] };
};

/** Breaks at columns alone: what one types must not jump about. */
const hardWrap = (line: string, columns: number): string[] => {
  const lines: string[] = [];
  let current = '';
  for (const character of line === ''
    ? []
    : Array.from(new Intl.Segmenter('und').segment(line), ({ segment }) => segment)) {
    const shown = harmlessLine(character);
    if (widthOf(current + shown) > columns) {
      lines.push(current);
      current = '';
    }
    current += shown;
  }
  return [...lines, current];
};

/** The lines to be seen of all, and how far one could go up. */
const windowOf = (
  lines: readonly string[],
  rows: number,
  scrolled: number,
): { readonly shown: readonly string[]; readonly maxScroll: number } => {
  const maxScroll = Math.max(0, lines.length - rows);
  const end = lines.length - Math.min(scrolled, maxScroll);
  const shown = lines.slice(Math.max(0, end - rows), end);
  return { shown: [...Array.from({ length: rows - shown.length }, () => ''), ...shown], maxScroll };
};

const statusRow = (scene: Scene, scrolled: number): string => {
  if (scene.banner !== '') return yellow(fit(` ${scene.banner}`, scene.columns));
  if (scene.notice !== '') return fit(` ${harmlessLine(scene.notice)}`, scene.columns);
  return dim(fit(scrolled > 0 ? ` ${scrolled} lines below · Esc: newest` : ` ${HINT}`, scene.columns));
};

const headingRow = ([title, aside]: readonly [string, string], columns: number): string => {
  const shown = cut(` ${harmlessLine(title)}`, columns);
  const rest = columns - widthOf(shown);
  const beside = aside === '' ? '' : ` · ${aside}`;
  return `${bold(shown)}${dim(fit(beside, rest))}`;
};

export const picture = (scene: Scene): Picture => {
  const { columns, rows } = scene;
  const withList = columns >= LIST_FROM_COLUMNS;
  const width = withList ? columns - LIST_COLUMNS - 1 : columns;
  const input = inputRows(scene.draft, columns);
  const bodyRows = Math.max(1, rows - input.rows.length - 3);
  const lines = scene.overlay?.flatMap((line) => wrap(line, width - 1)) ?? scene.lines(width - 1);
  const { shown, maxScroll } = windowOf(lines, bodyRows, scene.scrolled);
  const body = shown.map((line) => cell(` ${line}`, width));
  const side = withList ? listRows(scene.list, bodyRows) : [];
  const corner = withList ? `${bold(fit(' Conversations', LIST_COLUMNS))}${dim('│')}` : '';
  const all = [
    `${corner}${headingRow(scene.heading, width)}`,
    ...body.map((line, i) => (withList ? `${side[i] ?? ''}${dim('│')}${line}` : line)),
    dim('─'.repeat(columns)),
    ...input.rows.map((line) => fit(line, columns)),
    statusRow(scene, Math.min(scene.scrolled, maxScroll)),
  ];
  const [row, column] = input.cursor;
  return {
    rows: all.slice(-rows),
    cursor: [Math.min(rows, bodyRows + 3 + row), Math.min(columns, column + 1)],
    page: bodyRows,
    maxScroll,
  };
};
