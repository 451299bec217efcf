/** One run's setting: a fresh folder, the system booted on its core, the load on the other. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runToEnd } from './children.ts';
import type { Job, ResultOf } from './load/job.ts';
import type { Options } from './options.ts';
import type { Cast, CastPlan, RunningSystem, System } from './system.ts';

const serverCore = 0;
const loadCore = 1;

/** Distributes over the kinds, so that each keeps its own fields. */
type Ask<J extends Job> = J extends Job ? Omit<J, 'system' | 'port' | 'pids' | 'cast'> : never;

const folders = new Set<string>();

export const removeFolders = (): void => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  folders.clear();
};

export class Stage {
  readonly options: Options;
  readonly system: System;
  readonly #folder: string;
  #running: RunningSystem | undefined;
  #cast: Cast = { seats: [], talks: [] };

  constructor(system: System, options: Options) {
    this.system = system;
    this.options = options;
    this.#folder = mkdtempSync(join(options.folder, 'duolog-bench-'));
    folders.add(this.#folder);
  }

  /** Boots the system and makes accounts and conversations. */
  async open(plan: CastPlan): Promise<void> {
    const { bootsAfterPreparing } = this.system;
    this.#running = await this.#boot(bootsAfterPreparing ? undefined : serverCore);
    this.#cast = await this.system.prepare(this.#running, plan);
    if (bootsAfterPreparing) await this.reboot();
  }

  /** Stops the system and boots it on the data it has. */
  async reboot(): Promise<void> {
    await this.#running?.stop();
    this.#running = await this.#boot(serverCore);
  }

  /** Lets the load generator do a job; rejects when it fails or takes longer than the time. */
  async load<K extends Job['kind']>(
    ask: Ask<Extract<Job, { kind: K }>> & { readonly kind: K },
    timeoutMs: number,
  ): Promise<ResultOf[K]> {
    if (this.#running === undefined) throw new Error('the system is not booted');
    const { port, pids } = this.#running;
    const job = { ...ask, system: this.system.name, port, pids, cast: this.#cast };
    const command = [process.execPath, `${import.meta.dirname}/load/main.ts`];
    const output = await runToEnd({ command, core: loadCore, input: JSON.stringify(job) }, timeoutMs);
    return JSON.parse(output) as ResultOf[K];
  }

  async close(): Promise<void> {
    await this.#running?.stop();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 3 });
    folders.delete(this.#folder);
  }

  #boot(core: number | undefined): Promise<RunningSystem> {
    return this.system.boot({ folder: this.#folder, core });
  }
}
