/** The keyboard of a terminal: what arrives, in whatever pieces, as keys. */
import { StringDecoder } from 'node:string_decoder';
import { systemClock } from '@duolog/sdk';
import type { Clock } from '@duolog/sdk';
import { KeyReader } from './keys.ts';
import type { Key } from './keys.ts';

export interface Input {
  setRawMode(on: boolean): unknown;
  on(event: 'data', listener: (chunk: string | Buffer) => void): unknown;
  off(event: 'data', listener: (chunk: string | Buffer) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

/** A bare Escape is one when nothing follows for this long. */
const ESCAPE_MS = 50;
/** What is not complete and gets nothing more for this long has lost its end on the way. */
const LOST_MS = 5_000;

export class Keyboard {
  readonly #input: Input;
  readonly #press: (key: Key) => void;
  readonly #clock: Clock;
  readonly #decoder = new StringDecoder('utf8');
  readonly #reader = new KeyReader();
  #stopTimer: () => void = () => undefined;

  constructor(input: Input, press: (key: Key) => void, clock: Clock = systemClock) {
    this.#input = input;
    this.#press = press;
    this.#clock = clock;
  }

  start(): void {
    this.#input.setRawMode(true);
    this.#input.on('data', this.#onData);
    this.#input.resume();
  }

  stop(): void {
    this.#stopTimer();
    this.#input.off('data', this.#onData);
    this.#input.setRawMode(false);
    this.#input.pause();
  }

  readonly #onData = (chunk: string | Buffer): void => {
    this.#stopTimer();
    // A character may be split over two chunks; they are strings where a prompt before has set an encoding.
    this.#pressAll(this.#reader.read(typeof chunk === 'string' ? chunk : this.#decoder.write(chunk)));
    if (this.#reader.waiting) this.#stopTimer = this.#clock.after(ESCAPE_MS, this.#onSilence);
  };

  readonly #onSilence = (): void => {
    this.#pressAll(this.#reader.flush());
    if (this.#reader.waiting) this.#stopTimer = this.#clock.after(LOST_MS, () => this.#pressAll(this.#reader.giveUp()));
  };

  #pressAll(keys: readonly Key[]): void {
    for (const key of keys) this.#press(key);
  }
}
