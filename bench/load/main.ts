/** The load generator: reads one job from standard input, does it, writes the result to standard output and ends. */
import type { Wire } from '../system.ts';
import { systemNamed } from '../systems/all.ts';
import { runIdle } from './idle.ts';
import type { Job, ResultOf } from './job.ts';
import { runRate } from './rate.ts';
import { runReads, runStorm } from './reads.ts';

const run = (job: Job, wire: Wire): Promise<ResultOf[Job['kind']]> => {
  if (job.kind === 'rate') return runRate(job, wire);
  if (job.kind === 'idle') return runIdle(job, wire);
  if (job.kind === 'storm') return runStorm(job, wire);
  return runReads(job, wire);
};

const job = JSON.parse(await Bun.stdin.text()) as Job;
const result = await run(job, systemNamed(job.system).wire(job.cast));
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
