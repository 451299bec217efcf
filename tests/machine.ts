import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Something a test needs from the machine, how to see whether it is there, and how a person gets it. */
export interface Need {
  readonly what: string;
  readonly found: () => boolean;
  readonly howToGet: string;
}

/** The full path of the first of these programs in PATH, or undefined. */
export function findProgram(...names: readonly string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  return candidates.find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch (cause) {
    if (cause instanceof Error) return false;
    throw cause;
  }
}

/** The browser that browser tests drive; `CHROMIUM` names another one than the first in PATH. */
export function findBrowser(): string | undefined {
  const named = process.env['CHROMIUM'] ?? '';
  return named === '' ? findProgram('chromium', 'chromium-browser', 'google-chrome', 'chrome') : named;
}

export const browser: Need = {
  what: 'Chromium',
  found: () => findBrowser() !== undefined,
  howToGet: 'apt-get install chromium, or set CHROMIUM to the path of one',
};

export const cCompiler: Need = {
  what: 'a C compiler',
  found: () => process.platform === 'linux' && findProgram('gcc', 'cc') !== undefined,
  howToGet: 'on Linux: apt-get install gcc libc6-dev',
};

const node22Folder = 'tests/sdk-runtimes/node-22';

/**
 * A Node that brings its own WebSocket, 22 or later: the one that `NODE_22` names, else the one of `node22Folder`, else
 * the one in PATH.
 */
export function findNode22(): string | undefined {
  const installed = join(import.meta.dirname, '..', node22Folder, 'node_modules', '.bin', 'node');
  const named = process.env['NODE_22'] ?? '';
  const candidates = named === '' ? [installed, findProgram('node')] : [named];
  return candidates.find((path) => path !== undefined && majorOf(path) >= 22);
}

/** The major version of a Node; 0 when it does not run here. */
function majorOf(node: string): number {
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  return Number(/^v(\d+)\./.exec(stdout ?? '')?.[1] ?? 0);
}

export const node22: Need = {
  what: 'Node 22 or later',
  found: () => findNode22() !== undefined,
  howToGet: `npm ci --prefix ${node22Folder} (Linux), or set NODE_22 to the path of one`,
};
