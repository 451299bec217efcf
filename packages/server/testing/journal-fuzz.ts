/** One seed of a small cluster over the journal-then-store ledger: everything that can go wrong does, then it must all add up. */
import type { LedgerPlant } from '../src/data/journal-ledger/plants.ts';
import { CALM, ROUGH } from '../src/engines/faults.ts';
import { Judge } from './journal-judge.ts';
import type { Cluster, Command } from './journal-workers.ts';
import { Worker } from './journal-workers.ts';
import { JournalWorld } from './journal-world.ts';

export interface FuzzReport {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly claims: number;
  readonly batches: number;
}

const ROUGH_MS = 12_000;
const CALM_MS = 60_000;
const COMMANDS = 12;

/** Kills, pauses or confuses a worker now and then. */
const strike = (cluster: Cluster, start: () => void): void => {
  const { world, workers } = cluster;
  const victim = workers[Math.floor(world.random() * workers.length)];
  if (victim === undefined) return;
  const chance = world.random();
  if (chance < 0.35) {
    victim.process.clock.stop();
    workers.splice(workers.indexOf(victim), 1);
    world.clock.after(world.random() * 1_000, start);
  } else if (chance < 0.8) {
    victim.process.clock.pause();
    world.clock.after(world.random() * 5_000, () => victim.process.clock.resume());
  } else victim.process.clock.jump((world.random() - 0.5) * 4_000);
};

/** A client sends each command again until it is answered. */
const send = (cluster: Cluster, command: Command): void => {
  if (command.answered !== undefined) return;
  const { world, workers } = cluster;
  const owners = workers.filter(({ held }) => held.has(command.partition));
  owners[Math.floor(world.random() * owners.length)]?.take(command);
  world.clock.after(100 + world.random() * 400, () => send(cluster, command));
};

export const fuzzJournal = async (seed: number, plants: ReadonlySet<LedgerPlant> = new Set()): Promise<FuzzReport> => {
  const world = new JournalWorld(seed, { ...ROUGH, delayMs: [0, seed % 3 === 0 ? 60 : 10] });
  const judge = new Judge(world, 2);
  const cluster: Cluster = { world, judge, workers: [], window: 1 + (seed % 4), suspicion: 0.05 };
  const stoppings: AbortController[] = [];
  const start = (): void => {
    const process = world.start({ plants, offsetMs: Math.floor((world.random() - 0.5) * 6_000) });
    stoppings.push(process.stopping);
    cluster.workers.push(new Worker(cluster, process));
  };
  for (let i = 0; i < 3; i++) start();
  const commands = Array.from({ length: COMMANDS }, (_, i): Command => ({
    name: `k${i}`,
    partition: i % 2,
    answered: undefined,
  }));
  for (const command of commands) world.clock.after(world.random() * ROUGH_MS, () => send(cluster, command));
  for (let at = 0; at < ROUGH_MS; at += 200 + world.random() * 1_800)
    world.clock.after(at, () => strike(cluster, start));
  const failed = (): boolean => judge.violations.length > 0;
  while (world.clock.monotonic() < ROUGH_MS && !failed()) await world.clock.step();
  world.faults.rates = { ...CALM, delayMs: [0, 3] };
  cluster.suspicion = 0;
  const settled = (): boolean =>
    commands.every(
      ({ name, partition, answered }) => answered !== undefined && judge.fold(1 - partition).heard.has(name),
    );
  while (world.clock.monotonic() < ROUGH_MS + CALM_MS && !failed() && !settled()) await world.clock.step();
  if (!failed()) {
    await world.clock.advance(10_000);
    for (const { name, partition, answered } of commands) {
      judge.expect(answered !== undefined, `COM9: at rest ${name} is not answered`);
      judge.expect(answered === judge.fold(partition).done.get(name), `COM1: at rest ${name} is not what was answered`);
      judge.expect(
        judge.fold(1 - partition).heard.has(name),
        `COM4: at rest ${name} was never told to the other partition`,
      );
    }
    judge.compare(world.rows);
    for (const [partition, { last }] of judge.folds.entries()) {
      judge.expect(
        world.checkpoint(partition)?.position === last.position,
        `COM4: at rest the checkpoint of ${partition} lags`,
      );
    }
  }
  for (const stopping of stoppings) stopping.abort();
  const batches = judge.folds.reduce((sum, fold) => sum + fold.batches.length, 0);
  const claims = judge.folds.reduce((sum, fold) => sum + fold.claims.length, 0);
  return { seed, violations: judge.violations, claims, batches };
};
