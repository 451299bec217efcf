/** How wide text is on a terminal, and text that cannot do anything to one. */

/**
 * Code points that take two columns: East_Asian_Width W and F of Unicode 16 (EastAsianWidth.txt), as pairs of first and
 * last, neighbours joined.
 */
const WIDE: readonly (readonly [first: number, last: number])[] = [
  [0x1100, 0x115f],
  [0x231a, 0x231b],
  [0x2329, 0x232a],
  [0x23e9, 0x23ec],
  [0x23f0, 0x23f0],
  [0x23f3, 0x23f3],
  [0x25fd, 0x25fe],
  [0x2614, 0x2615],
  [0x2630, 0x2637],
  [0x2648, 0x2653],
  [0x267f, 0x267f],
  [0x268a, 0x268f],
  [0x2693, 0x2693],
  [0x26a1, 0x26a1],
  [0x26aa, 0x26ab],
  [0x26bd, 0x26be],
  [0x26c4, 0x26c5],
  [0x26ce, 0x26ce],
  [0x26d4, 0x26d4],
  [0x26ea, 0x26ea],
  [0x26f2, 0x26f3],
  [0x26f5, 0x26f5],
  [0x26fa, 0x26fa],
  [0x26fd, 0x26fd],
  [0x2705, 0x2705],
  [0x270a, 0x270b],
  [0x2728, 0x2728],
  [0x274c, 0x274c],
  [0x274e, 0x274e],
  [0x2753, 0x2755],
  [0x2757, 0x2757],
  [0x2795, 0x2797],
  [0x27b0, 0x27b0],
  [0x27bf, 0x27bf],
  [0x2b1b, 0x2b1c],
  [0x2b50, 0x2b50],
  [0x2b55, 0x2b55],
  [0x2e80, 0x303e],
  [0x3041, 0x4dbf],
  [0x4dc0, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18d08],
  [0x1aff0, 0x1b2fb],
  [0x1d300, 0x1d356],
  [0x1d360, 0x1d376],
  [0x1f004, 0x1f004],
  [0x1f0cf, 0x1f0cf],
  [0x1f18e, 0x1f18e],
  [0x1f191, 0x1f19a],
  [0x1f1e6, 0x1f202],
  [0x1f210, 0x1f23b],
  [0x1f240, 0x1f248],
  [0x1f250, 0x1f251],
  [0x1f260, 0x1f265],
  [0x1f300, 0x1f320],
  [0x1f32d, 0x1f335],
  [0x1f337, 0x1f37c],
  [0x1f37e, 0x1f393],
  [0x1f3a0, 0x1f3ca],
  [0x1f3cf, 0x1f3d3],
  [0x1f3e0, 0x1f3f0],
  [0x1f3f4, 0x1f3f4],
  [0x1f3f8, 0x1f43e],
  [0x1f440, 0x1f440],
  [0x1f442, 0x1f4fc],
  [0x1f4ff, 0x1f53d],
  [0x1f54b, 0x1f54e],
  [0x1f550, 0x1f567],
  [0x1f57a, 0x1f57a],
  [0x1f595, 0x1f596],
  [0x1f5a4, 0x1f5a4],
  [0x1f5fb, 0x1f64f],
  [0x1f680, 0x1f6c5],
  [0x1f6cc, 0x1f6cc],
  [0x1f6d0, 0x1f6d2],
  [0x1f6d5, 0x1f6d7],
  [0x1f6dc, 0x1f6df],
  [0x1f6eb, 0x1f6ec],
  [0x1f6f4, 0x1f6fc],
  [0x1f7e0, 0x1f7eb],
  [0x1f7f0, 0x1f7f0],
  [0x1f90c, 0x1f93a],
  [0x1f93c, 0x1f945],
  [0x1f947, 0x1f9ff],
  [0x1fa70, 0x1faf8],
  [0x20000, 0x2fffd],
  [0x30000, 0x3fffd],
];

const isWide = (point: number): boolean => {
  if (point < 0x1100) return false;
  let low = 0;
  let high = WIDE.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const [first, last] = WIDE[middle] ?? [0, 0];
    if (point < first) high = middle - 1;
    else if (point > last) low = middle + 1;
    else return true;
  }
  return false;
};

const INVISIBLE = /^[\p{Mn}\p{Me}\p{Cf}\u1160-\u11ff]$/u;
const EMOJI_STYLE = '\ufe0f';
const segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' });

/** What a person takes for single characters. */
export const graphemesOf = (text: string): string[] => Array.from(segmenter.segment(text), ({ segment }) => segment);

/** Columns of one grapheme: 0, 1 or 2. */
const columnsOf = (grapheme: string): number => {
  const point = grapheme.codePointAt(0) ?? 0;
  if (point < 0x300) return 1;
  if (isWide(point) || grapheme.includes(EMOJI_STYLE)) return 2;
  return INVISIBLE.test(String.fromCodePoint(point)) ? 0 : 1;
};

const PLAIN = /^[\x20-\x7e]*$/;

/** Columns a text takes. It must be {@link harmless}. */
export const widthOf = (text: string): number =>
  PLAIN.test(text) ? text.length : graphemesOf(text).reduce((sum, grapheme) => sum + columnsOf(grapheme), 0);

/** The beginning of a text that fits, with an ellipsis if that is not all of it. */
export const cut = (text: string, columns: number): string => {
  if (widthOf(text) <= columns) return text;
  let [kept, used] = ['', 0];
  for (const grapheme of graphemesOf(text)) {
    used += columnsOf(grapheme);
    if (used > columns - 1) break;
    kept += grapheme;
  }
  return columns < 1 ? '' : `${kept}…`;
};

/** The text, cut or filled with blanks to exactly these columns. */
export const fit = (text: string, columns: number): string => {
  const shown = cut(text, columns);
  return shown + ' '.repeat(Math.max(0, columns - widthOf(shown)));
};

/** Breaks one line into lines that fit: between words, or within one that is too long; CJK between any two characters. */
const wrapLine = (line: string, columns: number): string[] => {
  const lines: string[] = [];
  let [current, used] = ['', 0];
  let [atBlank, usedAtBlank] = [-1, 0];
  for (const grapheme of graphemesOf(line)) {
    const width = columnsOf(grapheme);
    if (used + width > columns && current !== '') {
      const breaksAtBlank = atBlank > 0 && grapheme !== ' ' && width < 2;
      lines.push(breaksAtBlank ? current.slice(0, atBlank) : current);
      current = breaksAtBlank ? current.slice(atBlank + 1) : '';
      used = breaksAtBlank ? used - usedAtBlank - 1 : 0;
      atBlank = -1;
      if (grapheme === ' ' && current === '') continue;
    }
    if (grapheme === ' ') [atBlank, usedAtBlank] = [current.length, used];
    else if (width === 2) atBlank = -1;
    current += grapheme;
    used += width;
  }
  return [...lines, current];
};

/** Lines of a text that fit into these columns. */
export const wrap = (text: string, columns: number): string[] =>
  text.split('\n').flatMap((line) => wrapLine(line, Math.max(2, columns)));

// Control characters could move the cursor, rename the window or answer as if typed; direction marks could disguise what
// stands beside them.
const HARMFUL = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu;

/** A text of somebody else's as it may be written to a terminal: control characters are shown, not obeyed. */
export const harmless = (text: string): string =>
  text
    .replaceAll('\r\n', '\n')
    .replaceAll('\t', '    ')
    .replace(HARMFUL, (char) => {
      if (char === '\n') return char;
      const point = char.charCodeAt(0);
      return point < 0x20 ? String.fromCharCode(0x2400 + point) : point === 0x7f ? '\u2421' : '\ufffd';
    });

/** The same on one line. */
export const harmlessLine = (text: string): string => harmless(text).replaceAll('\n', ' ');
