/** An input like that of a terminal, whose chunks a test gives. */
export class TestInput {
  raw = false;
  #listener: ((chunk: string | Buffer) => void) | undefined;

  /** Something arrives at once. */
  give(chunk: string | Buffer): void {
    this.#listener?.(chunk);
  }

  setRawMode(on: boolean): void {
    this.raw = on;
  }
  on(_event: 'data', listener: (chunk: string | Buffer) => void): void {
    this.#listener = listener;
  }
  off(): void {
    this.#listener = undefined;
  }
  resume(): void {}
  pause(): void {}
}
