/** What a terminal sends, as keys. */

export type Key =
  /** Something typed or pasted; a paste may hold line ends. */
  | { readonly kind: 'text'; readonly text: string }
  /** A key that is no text: `enter`, `alt-enter`, `up`, `page-up`, `alt-up`, `ctrl-c`, `alt-1`, `focus` … */
  | { readonly kind: 'key'; readonly name: string };

const key = (name: string): Key => ({ kind: 'key', name });

/** Final letters of `CSI … letter` and `SS3 letter`. */
const LETTERS: Readonly<Record<string, string>> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  F: 'end',
  H: 'home',
  I: 'focus',
  O: 'blur',
  Z: 'shift-tab',
};
/** Numbers of `CSI number ~`. */
const NUMBERS: Readonly<Record<string, string>> = {
  1: 'home',
  3: 'delete',
  4: 'end',
  5: 'page-up',
  6: 'page-down',
  7: 'home',
  8: 'end',
};
const CONTROLS: Readonly<Record<string, string>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\t': 'tab',
  '\x7f': 'backspace',
  '\b': 'backspace',
};
/** `1 + shift + 2 alt + 4 ctrl`, as terminals number modifiers. */
const MODIFIERS: Readonly<Record<string, string>> = { 2: 'shift-', 3: 'alt-', 5: 'ctrl-', 7: 'ctrl-alt-' };

const PASTE_BEGIN = '\x1b[200~';
const PASTE_END = '\x1b[201~';
const WHEEL: Readonly<Record<string, string>> = { 64: 'wheel-up', 65: 'wheel-down' };

// oxlint-disable no-control-regex -- escape sequences begin with a control character
/** Any sequence of ECMA-48, known or not, and what may become one. */
const SEQUENCE = /^\x1b(?:\[[0-?]*[ -/]*[@-~]|O[ -~])/;
const BEGINNING = /^\x1b(?:\[[0-?]*[ -/]*|O)?$/;
/** Beginnings that are keys too: Escape, Alt-[ and Alt-O. */
const PRESSED = /^\x1b[[O]?$/;
const CTRL_C = /^\x03+$/;
const KNOWN = /^\x1b(?:\[(<?)([\d;]*)([A-Za-z~])|O([A-Z]))$/;
// oxlint-enable no-control-regex

const sequenceKey = (sequence: string): Key | undefined => {
  const match = KNOWN.exec(sequence);
  if (match === null) return undefined;
  const [, mouse, numbers = '', final = '', ss3] = match;
  if (ss3 !== undefined) return key(LETTERS[ss3] ?? 'unknown');
  const [first = '', modifier = ''] = numbers.split(';');
  if (mouse === '<') return WHEEL[first] === undefined ? undefined : key(WHEEL[first]);
  const name = final === '~' ? NUMBERS[first] : LETTERS[final];
  return name === undefined ? undefined : key(`${MODIFIERS[modifier] ?? ''}${name}`);
};

const controlKey = (char: string): Key => {
  const known = CONTROLS[char];
  return key(known ?? `ctrl-${String.fromCharCode(char.charCodeAt(0) + 0x60)}`);
};

const isControl = (char: string): boolean => char < ' ' || char === '\x7f';

/** How many units at the end may be the beginning of a paste's end mark. */
const endMarkUnits = (text: string): number => {
  let units = Math.min(text.length, PASTE_END.length - 1);
  while (!PASTE_END.startsWith(text.slice(text.length - units))) units--;
  return units;
};

const pasteKeys = (pasted: string): readonly Key[] =>
  pasted === '' ? [] : [{ kind: 'text', text: pasted.replaceAll('\r\n', '\n').replaceAll('\r', '\n') }];

/** Splits what arrives into keys. What is not complete yet waits for its rest, or for `flush` and `giveUp`. */
export class KeyReader {
  #rest = '';
  #paste: string | undefined;
  /** Nothing has come of the paste for a while. */
  #stalled = false;

  /** Whether something waits for its rest: a bare Escape looks like the beginning of a sequence. */
  get waiting(): boolean {
    return this.#rest !== '' || this.#paste !== undefined;
  }

  read(chunk: string): readonly Key[] {
    // A paste does not stall just before a Ctrl-C of its own: somebody wants to leave.
    if (this.#stalled && CTRL_C.test(chunk)) return [...this.giveUp(), key('ctrl-c')];
    this.#stalled = false;
    const keys: Key[] = [];
    let text = this.#rest + chunk;
    this.#rest = '';
    while (text !== '') {
      if (this.#paste !== undefined) {
        text = this.#readPaste(text, keys);
        continue;
      }
      const used = this.#readOne(text, keys);
      if (used === 0) {
        this.#rest = text;
        break;
      }
      text = text.slice(used);
    }
    return keys;
  }

  /** Nothing came for a moment: what waited was a key of its own, unless no key begins so. A paste goes on. */
  flush(): readonly Key[] {
    this.#stalled = this.#paste !== undefined;
    if (this.#stalled || !PRESSED.test(this.#rest)) return [];
    const rest = this.#rest;
    this.#rest = '';
    return rest === '\x1b' ? [key('escape')] : [];
  }

  /** Nothing came for long: a paste is over although its end did not come, and what was no key is dropped. */
  giveUp(): readonly Key[] {
    const pasted = pasteKeys(this.#paste ?? '');
    this.#paste = undefined;
    this.#stalled = false;
    this.#rest = '';
    return pasted;
  }

  #readPaste(text: string, keys: Key[]): string {
    const end = text.indexOf(PASTE_END);
    if (end < 0) {
      const kept = text.length - endMarkUnits(text);
      this.#paste = (this.#paste ?? '') + text.slice(0, kept);
      this.#rest = text.slice(kept);
      return '';
    }
    keys.push(...pasteKeys((this.#paste ?? '') + text.slice(0, end)));
    this.#paste = undefined;
    return text.slice(end + PASTE_END.length);
  }

  /** Reads one key from the beginning; the number of units used, 0 if more has to come. */
  #readOne(text: string, keys: Key[]): number {
    const first = text[0] ?? '';
    if (!isControl(first)) {
      const end = text.search(/\p{Cc}/u);
      const typed = end < 0 ? text : text.slice(0, end);
      keys.push({ kind: 'text', text: typed });
      return typed.length;
    }
    if (first !== '\x1b') {
      keys.push(controlKey(first));
      return 1;
    }
    if (text.startsWith(PASTE_BEGIN)) {
      this.#paste = '';
      return PASTE_BEGIN.length;
    }
    if (BEGINNING.test(text)) return 0;
    const [sequence] = SEQUENCE.exec(text) ?? [];
    if (sequence === undefined) return readAlt(text, keys);
    const found = sequenceKey(sequence);
    if (found !== undefined) keys.push(found);
    return sequence.length;
  }
}

/** Escape before a character is Alt with it. */
const readAlt = (text: string, keys: Key[]): number => {
  const second = text[1] ?? '';
  if (second === '\x1b') {
    keys.push(key('escape'));
    return 1;
  }
  keys.push(key(`alt-${CONTROLS[second] ?? second}`));
  return 2;
};
