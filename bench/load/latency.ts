/** Times in steps of 50 µs up to 10 s; what is above counts as 10 s. */
const stepMs = 0.05;
const steps = 200_000;

export class Latency {
  readonly #counts = new Uint32Array(steps);
  #total = 0;

  add(ms: number): void {
    const step = Math.min(steps - 1, Math.max(0, Math.floor(ms / stepMs)));
    this.#counts[step] = (this.#counts[step] ?? 0) + 1;
    this.#total++;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }

  /** The smallest time that at least `share` (0 to 1) of all are within, in ms; 0 when there are none. */
  quantileMs(share: number): number {
    let seen = 0;
    const wanted = Math.ceil(this.#total * share);
    if (wanted === 0) return 0;
    for (let step = 0; step < steps; step++) {
      seen += this.#counts[step] ?? 0;
      if (seen >= wanted) return Math.round((step + 1) * stepMs * 100) / 100;
    }
    return steps * stepMs;
  }
}
