/** A point that a test can close and open, to hold what passes it. */
export class Gate {
  readonly #waiting: (() => void)[] = [];
  #closed = false;

  close(): void {
    this.#closed = true;
  }

  /** Lets everything through, what waits first. */
  open(): void {
    this.#closed = false;
    for (const go of this.#waiting.splice(0)) go();
  }

  /** Lets one through: the one that has waited longest, or as many places behind it. */
  letOne(place = 0): void {
    const [first] = this.#waiting.splice(place, 1);
    if (first === undefined) throw new Error('nobody waits at the gate');
    first();
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  async pass(): Promise<void> {
    if (this.#closed) await new Promise<void>((resolve) => void this.#waiting.push(resolve));
  }
}
