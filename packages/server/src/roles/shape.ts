/** How intricate a JSON text is, told before it is parsed: two million brackets take sixty times as long as one long text. */

/** Levels of arrays and objects, and how many of them with their members: the largest frame of requests has a tenth. */
const MAX_LEVELS = 32;
const MAX_PARTS = 65_536;
/** Shorter texts are parsed in no time, whatever is in them. */
const SHORT = 16_384;

const QUOTE = 34;
const COMMA = 44;
const BACKSLASH = 92;
/** `[` and `{`, `]` and `}` differ in one bit. */
const BRACKET = 32;
const OPENING = 123;
const CLOSING = 125;

/** Where the string that begins at a quote ends. */
const endOfString = (text: string, quote: number): number => {
  for (let end = text.indexOf('"', quote + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
};

/** Whether a text nests too deeply or has too many parts to be a request of ours; of what is no JSON it says anything. */
export const isIntricate = (text: string): boolean => {
  if (text.length <= SHORT) return false;
  let levels = 0;
  let parts = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === COMMA) parts += 1;
    else if ((code | BRACKET) === OPENING) {
      parts += 1;
      levels += 1;
    } else if ((code | BRACKET) === CLOSING) levels -= 1;
    if (levels > MAX_LEVELS || parts > MAX_PARTS) return true;
  }
  return false;
};
