/** The fault libraries: C, compiled by the machine's own compiler when a test needs them. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { cCompiler, findProgram } from '../../machine.ts';

export interface FaultLibraries {
  readonly powercut: string;
  readonly diskfail: string;
}

/** Compiles both into `folder`; throws with the compiler's words if it cannot. */
export const compileFaults = (folder: string): FaultLibraries => {
  const compiler = findProgram('gcc', 'cc');
  if (compiler === undefined) throw new Error(`there is no C compiler: ${cCompiler.howToGet}`);
  const compile = (name: string): string => {
    const library = join(folder, `${name}.so`);
    const source = join(import.meta.dirname, `${name}.c`);
    const options = ['-std=gnu11', '-Wall', '-Wextra', '-Werror', '-O2', '-shared', '-fPIC'];
    const { status, stderr } = spawnSync(compiler, [...options, '-o', library, source, '-ldl', '-lpthread'], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`${compiler} does not compile ${name}.c:\n${stderr}`);
    return library;
  };
  return { powercut: compile('powercut'), diskfail: compile('diskfail') };
};

export interface DiskFault {
  /** Only files in it count. */
  readonly folder: string;
  /** A file name that does not count. */
  readonly except?: string;
  /** Which call fails, counted from 1. */
  readonly at: number;
  readonly error: 'EIO' | 'ENOSPC';
  readonly call: 'write' | 'sync' | 'any';
  /** Every call from then on fails. */
  readonly lasting?: boolean;
  /** Half of the bytes reach the file before a write fails. */
  readonly tear?: boolean;
  /** Nothing counts before this file is there. */
  readonly arm?: string;
  /** Gets a line for each failure. */
  readonly log: string;
}

/** What to put into the environment of a process whose disk is to fail. Merge `LD_PRELOAD` of several faults with a colon. */
export const diskFaultEnvironment = (library: string, fault: DiskFault): Record<string, string> => ({
  LD_PRELOAD: library,
  DISKFAIL_FOLDER: fault.folder,
  DISKFAIL_AT: String(fault.at),
  DISKFAIL_ERROR: fault.error,
  DISKFAIL_CALL: fault.call,
  DISKFAIL_LASTING: fault.lasting === true ? '1' : '',
  DISKFAIL_TEAR: fault.tear === true ? '1' : '',
  DISKFAIL_LOG: fault.log,
  ...(fault.except === undefined ? {} : { DISKFAIL_EXCEPT: fault.except }),
  ...(fault.arm === undefined ? {} : { DISKFAIL_ARM: fault.arm }),
});
