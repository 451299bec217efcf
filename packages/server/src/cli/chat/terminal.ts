/** The terminal as a screen: entered and left in order, drawn by rows that changed. */
import type { Picture } from './layout.ts';

/** Alternate screen, bracketed paste, focus reports, mouse wheel. */
const ENTER = '\x1b[?1049h\x1b[?2004h\x1b[?1004h\x1b[?1000h\x1b[?1006h';
const LEAVE = '\x1b[?1006l\x1b[?1000l\x1b[?1004l\x1b[?2004l\x1b[?25h\x1b[?1049l';
/** What is between is shown at once, by terminals that know how. */
const [BEGIN, END] = ['\x1b[?2026h\x1b[?25l', '\x1b[?25h\x1b[?2026l'];

export interface Output {
  write(text: string): unknown;
}

export class Terminal {
  readonly #output: Output;
  #shown: readonly string[] = [];

  constructor(output: Output) {
    this.#output = output;
  }

  enter(): void {
    this.#shown = [];
    this.#output.write(ENTER);
  }

  leave(): void {
    this.#output.write(LEAVE);
  }

  /** The next picture is drawn whole: the size changed, or something else wrote to the screen. */
  forget(): void {
    this.#shown = [];
  }

  bell(): void {
    this.#output.write('\x07');
  }

  draw({ rows, cursor: [row, column] }: Picture): void {
    const clear = this.#shown.length === rows.length ? '' : '\x1b[2J';
    const changed = rows.map((text, i) => (clear === '' && this.#shown[i] === text ? '' : `\x1b[${i + 1};1H${text}`));
    this.#shown = rows;
    this.#output.write(`${BEGIN}${clear}${changed.join('')}\x1b[${row};${column}H${END}`);
  }
}
