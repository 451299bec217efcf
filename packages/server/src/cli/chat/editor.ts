/** The line one writes in: plain data, and what keys do to it. */
import { graphemesOf } from './width.ts';

export interface Draft {
  /** What a person takes for single characters; a line end is one. */
  readonly characters: readonly string[];
  /** How many of them stand before the cursor. */
  readonly at: number;
}

export const EMPTY: Draft = { characters: [], at: 0 };

export const draftOf = (text: string): Draft => {
  const characters = graphemesOf(text);
  return { characters, at: characters.length };
};
export const textOf = (draft: Draft): string => draft.characters.join('');

/** Puts text in at the cursor. It may join with what stands there: a mark with its letter. */
export const insert = (draft: Draft, text: string): Draft => {
  const before = graphemesOf(draft.characters.slice(0, draft.at).join('') + text);
  return { characters: [...before, ...draft.characters.slice(draft.at)], at: before.length };
};

const without = (draft: Draft, from: number, to: number): Draft => ({
  characters: [...draft.characters.slice(0, from), ...draft.characters.slice(to)],
  at: from,
});

const isBlank = (character: string | undefined): boolean => character === undefined || /^\s$/.test(character);

/** Where the word before the cursor begins. */
const wordStart = ({ characters, at }: Draft): number => {
  let start = at;
  while (start > 0 && isBlank(characters[start - 1])) start--;
  while (start > 0 && !isBlank(characters[start - 1])) start--;
  return start;
};

const wordEnd = ({ characters, at }: Draft): number => {
  let end = at;
  while (end < characters.length && isBlank(characters[end])) end++;
  while (end < characters.length && !isBlank(characters[end])) end++;
  return end;
};

/** What a key does to the draft; undefined: it is no key of the editor. */
export const edit = (draft: Draft, name: string): Draft | undefined => {
  const { characters, at } = draft;
  switch (name) {
    case 'left':
    case 'ctrl-b':
      return { characters, at: Math.max(0, at - 1) };
    case 'right':
    case 'ctrl-f':
      return { characters, at: Math.min(characters.length, at + 1) };
    case 'home':
    case 'ctrl-a':
      return { characters, at: 0 };
    case 'end':
    case 'ctrl-e':
      return { characters, at: characters.length };
    case 'ctrl-left':
    case 'alt-left':
    case 'alt-b':
      return { characters, at: wordStart(draft) };
    case 'ctrl-right':
    case 'alt-right':
    case 'alt-f':
      return { characters, at: wordEnd(draft) };
    case 'backspace':
      return at === 0 ? draft : without(draft, at - 1, at);
    case 'delete':
      return at === characters.length ? draft : { ...without(draft, at, at + 1), at };
    case 'ctrl-w':
    case 'alt-backspace':
      return without(draft, wordStart(draft), at);
    case 'ctrl-u':
      return without(draft, 0, at);
    case 'ctrl-k':
      return without(draft, at, characters.length);
    case 'alt-enter':
      return insert(draft, '\n');
    default:
      return undefined;
  }
};
