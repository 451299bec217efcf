import type { Sink } from '../system.ts';

/** A sink that takes the arrival of a seat's own message as its acknowledgement, where a system sends those back. One serves all connections. */
export class OwnAsAcknowledged {
  #to: Sink | undefined;

  readonly #own: Omit<Sink, 'seat'> = {
    acknowledged: (n) => this.#to?.acknowledged(n),
    delivered: (sender, n) => (sender === this.#to?.seat ? this.#to.acknowledged(n) : this.#to?.delivered(sender, n)),
    failed: (reason) => this.#to?.failed(reason),
  };

  /** Good until the next call. */
  of(sink: Sink): Omit<Sink, 'seat'> {
    this.#to = sink;
    return this.#own;
  }
}
