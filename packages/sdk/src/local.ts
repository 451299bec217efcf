/**
 * Writes behind the memory: what changes is put here at once and stored in one atomic write with all that gathered
 * meanwhile. What is put without waiting in between stays together, so an entry and the cursor never part (SYN4).
 */
import type { Cache, CacheChange, CacheRow, ListOptions } from './cache/cache.ts';
import { backoffMs } from './clock.ts';
import type { Clock } from './clock.ts';

export class Local {
  readonly #cache: Cache;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #failed: (error: unknown) => void;
  #changes: CacheChange[] = [];
  #putCount = 0;
  #storedCount = 0;
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  /** Settles when the write under way or about to begin has ended, one way or the other. */
  #writing: Promise<void> | undefined;
  #failures = 0;
  #stopTimer: () => void = () => undefined;

  constructor(cache: Cache, clock: Clock, random: () => number, failed: (error: unknown) => void) {
    this.#cache = cache;
    this.#clock = clock;
    this.#random = random;
    this.#failed = failed;
  }

  put(key: string, value: unknown): void {
    this.#add({ put: key, value });
  }

  /** Drops a key, or all keys that begin with a prefix ending in `/`. */
  drop(key: string): void {
    this.dropRange(key, key.endsWith('/') ? afterPrefix(key) : `${key}\0`);
  }

  dropRange(from: string, to: string): void {
    this.#add({ from, to });
  }

  /** Resolves once everything put so far is stored; waits as long as storing fails. */
  durable(): Promise<void> {
    if (this.#storedCount === this.#putCount) return Promise.resolve();
    return new Promise((resolve) => void this.#waiting.push({ count: this.#putCount, resolve }));
  }

  async get(key: string): Promise<unknown> {
    await this.#settled();
    return this.#cache.get(key);
  }

  async list(from: string, to: string, options?: ListOptions): Promise<readonly CacheRow[]> {
    await this.#settled();
    return this.#cache.list(from, to, options);
  }

  /** Stores what is left, if it can be stored, and lets go of the cache. */
  async close(): Promise<void> {
    await this.#settled();
    this.#stopTimer();
    if (this.#changes.length > 0) await this.#write();
    this.#stopTimer();
    await this.#cache.close();
  }

  #add(change: CacheChange): void {
    this.#changes.push(change);
    this.#putCount++;
    // In a microtask: all that one frame changes is one write. While writes fail, the timer has the next try.
    if (this.#failures === 0) this.#writing ??= Promise.resolve().then(() => this.#write());
  }

  /** What was put before can be read, unless it cannot be stored at present. */
  async #settled(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  async #write(): Promise<void> {
    const changes = this.#changes;
    this.#changes = [];
    try {
      await this.#cache.write(changes);
    } catch (error) {
      // Nothing is lost or overtaken: the changes go first into the next write.
      this.#changes = [...changes, ...this.#changes];
      this.#writing = undefined;
      this.#stopTimer = this.#clock.after(backoffMs(this.#failures++, this.#random), () => {
        this.#writing = this.#write();
      });
      return this.#failed(error);
    }
    this.#failures = 0;
    this.#storedCount += changes.length;
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ count }) => count > this.#storedCount);
    for (const { count, resolve } of waiting) if (count <= this.#storedCount) resolve();
    this.#writing = this.#changes.length > 0 ? this.#write() : undefined;
  }
}

/** The first key after all that begin with this prefix. */
export const afterPrefix = (prefix: string): string =>
  prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
