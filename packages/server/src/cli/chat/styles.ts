/** Attributes of text on a terminal (SGR). */
const sgr =
  (code: number) =>
  (text: string): string =>
    `\x1b[${code}m${text}\x1b[0m`;

export const bold = sgr(1);
export const dim = sgr(2);
export const inverse = sgr(7);
export const red = sgr(31);
export const yellow = sgr(33);

// oxlint-disable-next-line no-control-regex -- attributes are escape sequences
const ATTRIBUTES = /\x1b\[\d*m/g;

/** The text without attributes. */
export const unstyled = (text: string): string => text.replace(ATTRIBUTES, '');
