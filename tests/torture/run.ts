/** One torture run: a server under load, fault after fault, then the history and its verdict. */
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { check } from './checker/check.ts';
import { readHistory } from './checker/read-history.ts';
import { seeded } from './seeded.ts';
import type { Verdict } from './checker/verdict.ts';
import { startClient } from './client-process.ts';
import { compileFaults, diskFaultEnvironment, type DiskFault, type FaultLibraries } from './faults/compile.ts';
import { beginRecording, cutPower, type CutReport } from './faults/power-cut.ts';
import type { TortureOptions } from './options.ts';
import { openRecorder, type Recorder } from './record.ts';
import {
  freePort,
  killServers,
  served,
  startServer,
  type ServerOptions,
  type ServerProcess,
} from './server-process.ts';

/** What happened, beside the history. */
export interface RunReport {
  readonly verdict: Verdict;
  /** What the server did that no history shows. */
  readonly complaints: readonly string[];
  readonly faults: number;
  /** Faults that did not come to pass: a server that was to lose a write wrote nothing any more. */
  readonly missed: number;
  readonly cuts: readonly CutReport[];
  /** From each start to the first answer of /health. */
  readonly startsMs: readonly number[];
}

interface Run {
  readonly options: TortureOptions;
  readonly server: ServerOptions;
  readonly folder: string;
  readonly recorder: Recorder;
  readonly random: () => number;
  readonly libraries: FaultLibraries | undefined;
  readonly complaints: string[];
  readonly cuts: CutReport[];
  readonly startsMs: number[];
  faults: number;
  missed: number;
}

const node = 'one';
/** Load between a start and the next fault. */
const loadMs = { least: 200, spread: 800 };
/** A server whose disk failed ends by itself within this time. */
const endLimitMs = 10_000;

const within = ({ random }: Run, least: number, most: number): number =>
  least + Math.floor(random() * (most - least + 1));
const path = ({ folder }: Run, name: string): string => join(folder, name);
const recordingOf = (run: Run) => ({
  folder: run.server.data,
  record: path(run, 'power-record'),
  grave: path(run, 'power-grave'),
});

/** What goes wrong with the disk in the coming life of the server; now and then while it starts. */
const nextDiskFault = (run: Run, life: number): DiskFault => {
  const { random } = run;
  // A plant is of no use to a server that does not start.
  const planted = run.options.plant !== undefined;
  const early = !planted && random() < 0.15;
  const arm = path(run, `arm-${life}`);
  if (early) writeFileSync(arm, '');
  return {
    folder: run.server.data,
    except: 'LOG',
    at: within(run, 1, early ? 10 : 40),
    error: random() < 0.5 ? 'EIO' : 'ENOSPC',
    call: planted || random() < 0.6 ? 'write' : 'any',
    lasting: !planted && random() < 0.3,
    tear: random() < 0.5,
    arm,
    log: path(run, `failed-${life}`),
  };
};

/** The environment of the next life, with what has to be known of it. */
const prepare = (run: Run, disk: DiskFault | undefined): Record<string, string> => {
  const { options, libraries } = run;
  const environment: Record<string, string> = {};
  const preload: string[] = [];
  if (disk !== undefined && libraries !== undefined) {
    preload.push(libraries.diskfail);
    Object.assign(environment, diskFaultEnvironment('', disk));
  }
  if (options.power && libraries !== undefined) {
    preload.push(libraries.powercut);
    Object.assign(environment, beginRecording(recordingOf(run), ''));
  }
  const plant = options.plant === undefined ? {} : { DUOLOG_TEST_PLANT: options.plant };
  return { ...environment, ...plant, ...(preload.length === 0 ? {} : { LD_PRELOAD: preload.join(':') }) };
};

const fault = (run: Run, what: string): void => {
  run.faults++;
  run.recorder.record({ type: 'fault', fault: what, node });
  run.recorder.flush();
};

/** The library makes the file when it is loaded and writes into it when it lets something fail. */
const hasFailed = ({ log }: DiskFault): boolean => existsSync(log) && statSync(log).size > 0;

/** A server that serves, and what its disk will do. */
interface Life {
  readonly server: ServerProcess;
  readonly disk: DiskFault | undefined;
  /** The disk has failed once already, while the store was opened: that may have been tried again, or may end the server yet. */
  readonly failedBefore: boolean;
}

/**
 * Starts the server. With a disk that fails early it may end instead, and is started again without. Undefined: it does
 * not start any more.
 */
const start = async (run: Run, disk: DiskFault | undefined): Promise<Life | undefined> => {
  const startedMs = performance.now();
  const server = startServer(run.server, prepare(run, disk));
  if (await served(server, run.server.port)) {
    run.startsMs.push(performance.now() - startedMs);
    run.recorder.record({ type: 'served', node });
    run.recorder.flush();
    const failedBefore = disk !== undefined && disk.lasting !== true && hasFailed(disk);
    return { server, disk: failedBefore ? undefined : disk, failedBefore };
  }
  const { code, signal } = await server.exited;
  if (disk === undefined || !hasFailed(disk)) {
    run.complaints.push(
      `the server does not start any more (${signal ?? `exit code ${code}`}): ${lastLines(run.server.log, 1)}`,
    );
    return undefined;
  }
  fault(run, 'disk at start');
  if (code === 0) run.complaints.push('a server whose disk failed at its start ended with exit code 0');
  cut(run);
  return start(run, undefined);
};

const lastLines = (file: string, count: number): string =>
  readFileSync(file, 'utf8').trimEnd().split('\n').slice(-count).join('\n');

const cut = (run: Run): void => {
  if (!run.options.power) return;
  run.cuts.push(cutPower(recordingOf(run), run.random() < 0.3 ? 'cut' : 'random', run.random));
};

/** The disk fails: the server ends by itself, and not as if all were well. */
const breakDisk = async (run: Run, server: ServerProcess, disk: DiskFault): Promise<void> => {
  writeFileSync(disk.arm ?? '', '');
  let exit: Awaited<ServerProcess['exited']> | undefined;
  const ended = server.exited.then((how) => (exit = how));
  // A server that writes on is given time to acknowledge something that it will have lost.
  const limitMs = run.options.plant === 'write-on' ? 1500 : endLimitMs;
  await Promise.race([ended, sleep(limitMs)]);
  const happened = hasFailed(disk);
  fault(run, happened ? 'disk' : 'kill');
  if (!happened) run.missed++;
  if (exit === undefined) {
    if (happened && run.options.plant !== 'write-on')
      run.complaints.push(
        `the server went on for ${limitMs / 1000} s after its disk had failed: ${lastLines(disk.log, 1)}\n${lastLines(join(run.server.data, 'ledger', 'LOG'), 5)}`,
      );
    server.kill('SIGKILL');
    await ended;
  } else if (exit.code === 0 || !happened)
    run.complaints.push(`the server ended by itself with ${exit.signal ?? `exit code ${exit.code}`}`);
};

const oneFault = async (run: Run, { server, disk, failedBefore }: Life): Promise<void> => {
  await Promise.race([sleep(within(run, loadMs.least, loadMs.least + loadMs.spread)), server.exited]);
  if (disk !== undefined) await breakDisk(run, server, disk);
  else if (server.hasExited()) {
    fault(run, failedBefore ? 'disk' : 'end');
    const { code } = await server.exited;
    if (!failedBefore || code === 0) run.complaints.push(`the server ended by itself with exit code ${code}`);
  } else {
    fault(run, run.options.power ? 'power' : 'kill');
    server.kill('SIGKILL');
    await server.exited;
  }
  cut(run);
};

/** Fault after fault; false if the server does not come back. */
const torment = async (run: Run, first: Life, say: (line: string) => void): Promise<boolean> => {
  const { kills, disk } = run.options;
  let life = first;
  for (let count = 1; count <= kills; count++) {
    await oneFault(run, life);
    const next = await start(run, disk && count < kills ? nextDiskFault(run, count) : undefined);
    if (next === undefined) return false;
    life = next;
    if (count % 10 === 0) say(`${count} of ${kills}`);
  }
  // Something new after the last one, too.
  await sleep(500);
  return true;
};

const mustExercise = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];

const newRun = async (options: TortureOptions, folder: string, history: string): Promise<Run> => ({
  options,
  server: { port: await freePort(), data: join(folder, 'data'), log: join(folder, 'server.log') },
  folder,
  recorder: openRecorder(history),
  random: seeded(options.seed),
  libraries: options.power || options.disk ? compileFaults(folder) : undefined,
  complaints: [],
  cuts: [],
  startsMs: [],
  faults: 0,
  missed: 0,
});

/** Runs and judges. `folder` is new and empty; everything of the run is in it. */
export const torture = async (
  options: TortureOptions,
  folder: string,
  say: (line: string) => void,
): Promise<RunReport> => {
  const histories = [join(folder, 'run.jsonl'), join(folder, 'client.jsonl')] as const;
  const run = await newRun(options, folder, histories[0]);
  const { recorder, server } = run;
  const { seed, kills } = options;
  recorder.record({
    type: 'run',
    seed,
    cluster: false,
    faults: kills > 0,
    minOk: 200 + kills * 20,
    mustExercise,
    boundMs: 10_000,
  });
  // The first life only ends by a kill: signing up is not what is tortured.
  const first = await start(run, undefined);
  if (first === undefined) throw new Error(run.complaints.join('\n'));
  const base = `http://127.0.0.1:${server.port}`;
  const client = startClient(
    { base, seed, history: histories[1], users: 6, devicesEach: 2 },
    join(folder, 'client.log'),
  );
  try {
    await client.ready;
    client.end((await torment(run, first, say)) ? 'finish' : 'lost');
    await client.done;
  } finally {
    client.kill();
    killServers();
    recorder.close();
  }
  const bad: string[] = [];
  const lines = readHistory(histories, ({ file, line, reason }) => bad.push(`${file}:${line}: ${reason}`));
  const verdict = await check(lines, bad);
  return {
    verdict,
    complaints: run.complaints,
    faults: run.faults,
    missed: run.missed,
    cuts: run.cuts,
    startsMs: run.startsMs,
  };
};
