/** The engines of one process: LevelDB in the data folder, or memory. */
import { mkdir } from 'node:fs/promises';
import { DuologError, randomId } from '@duolog/protocol';
import { plantedFault } from '../config.ts';
import type { Config } from '../config.ts';
import type { Parcel } from '../core/decision.ts';
import { openLevel } from '../engines/ledger-level.ts';
import { MemoryLedgerWorld, openMemoryLedger } from '../engines/ledger-memory.ts';
import { createTokens, secretOf } from '../engines/tokens-hmac.ts';
import type { Control } from '../engines/level-control.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ledger } from '../ports/ledger.ts';
import type { Store } from '../ports/store.ts';
import type { Tokens } from '../ports/tokens.ts';
import { folderFailed } from './failures.ts';
import { ALSO_OURS, LAYOUT } from './layout.ts';
import { answerCommands } from './maintenance.ts';
import type { NodeCommands } from './maintenance.ts';

/** One process owns everything: more partitions would only divide its batches. */
export const PARTITIONS = 1;

export interface Engines {
  readonly ledger: Ledger<Parcel>;
  readonly store: Store;
  readonly tokens: Tokens;
  readonly epoch: string;
  /** Answers commands of the same machine from now on, if they can reach this process. */
  answerCommands(node: NodeCommands): Promise<void>;
  close(): Promise<void>;
}

export interface Alarms {
  /** An operator must know. */
  readonly alarm: (message: string, cause?: unknown) => void;
  /** Nothing may be answered any more. */
  readonly fatal: (message: string, cause?: unknown) => void;
}

const MIB = 1024 * 1024;

const openMemory = (config: Config, clock: Clock): Engines => ({
  ...openMemoryLedger<Parcel>(new MemoryLedgerWorld<Parcel>(), { clock }),
  tokens: createTokens(config.secret ?? randomId(43)),
  epoch: randomId(16),
  answerCommands: () => Promise.resolve(),
  close: () => Promise.resolve(),
});

/** Opens the engines the settings ask for. Rejects with what is to be done if they cannot be. */
export const openEngines = async (config: Config, clock: Clock, { alarm, fatal }: Alarms): Promise<Engines> => {
  if (!config.roles.includes('worker')) {
    throw new DuologError('invalid', 'With the embedded store one process has it all: DUOLOG_ROLES must name worker.');
  }
  if (config.engine === 'memory') return openMemory(config, clock);
  await mkdir(config.data, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
    throw folderFailed(config.data, cause);
  });
  const plant = plantedFault();
  if (plant !== undefined) alarm(`The store is broken on purpose (${plant}): what is acknowledged may be lost.`);
  const level = await openLevel<Parcel>({
    directory: config.data,
    partitions: PARTITIONS,
    clock,
    layout: LAYOUT,
    alarm,
    onFatal: (error) => fatal('the store failed', error),
    limits: { reserveBytes: config.reserveMiB * MIB },
    alsoOurs: ALSO_OURS,
    ...(plant === undefined ? {} : { plant }),
  });
  try {
    const tokens = createTokens(config.secret ?? secretOf(config.data));
    let control: Control | undefined;
    return {
      ledger: level.ledger,
      store: level.store,
      tokens,
      epoch: level.installation.epoch,
      answerCommands: async (node) => {
        control = await answerCommands(config.data, level, node, alarm);
      },
      close: async () => {
        await control?.close();
        await level.close();
      },
    };
  } catch (cause) {
    await level.close();
    throw cause;
  }
};
