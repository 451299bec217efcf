import { boot } from '../boot.ts';
import type { Config } from '../config.ts';
import { createLog } from '../log.ts';
import type { Log } from '../ports/log.ts';
import type { Command } from './command.ts';
import { EXIT, flagText } from './command.ts';
import { settings } from './settings.ts';
import { programVersion } from './version.ts';

/**
 * A second signal ends the process at once; one that comes this soon after the first does not count as a second: npm and
 * the terminal each deliver the same Ctrl-C.
 */
const SAME_SIGNAL_MS = 500;

const logOf = ({ log: level, logFormat }: Config): Log => {
  const terminal = process.stderr.isTTY;
  const format = logFormat === 'auto' ? (terminal ? 'text' : 'json') : logFormat;
  return createLog({
    level,
    format,
    colour: terminal,
    write: (line) => process.stderr.write(line),
    now: () => Date.now(),
  });
};

/** Resolves with the first signal to stop; any later one ends the process. */
const stopSignal = (): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    let firstAt: number | undefined;
    const onSignal = (signal: NodeJS.Signals): void => {
      if (firstAt === undefined) {
        firstAt = performance.now();
        resolve(signal);
      } else if (performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(EXIT.failed);
    };
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, onSignal);
  });

const withinMs = async (work: Promise<void>, ms: number): Promise<boolean> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
};

export const serve: Command = {
  name: 'serve',
  usage: '',
  summary: 'Run the server until it is told to stop (Ctrl-C, SIGTERM).',
  details: ['Everything else is a setting: duolog config lists them.'],
  flags: {
    port: { type: 'string', value: 'PORT', doc: 'Port to listen on (DUOLOG_PORT).' },
    host: { type: 'string', value: 'ADDRESS', doc: 'Address to listen on (DUOLOG_HOST).' },
    data: { type: 'string', value: 'FOLDER', doc: 'Folder of the data (DUOLOG_DATA).' },
  },
  words: [0, 0],
  run: async (args) => {
    const { config, sources } = settings({
      DUOLOG_PORT: flagText(args, 'port'),
      DUOLOG_HOST: flagText(args, 'host'),
      DUOLOG_DATA: flagText(args, 'data'),
    });
    const log = logOf(config);
    const version = programVersion();
    const signal = stopSignal();
    const server = await boot({ config, version, log });
    const where = config.engine === 'memory' ? 'in memory: everything is forgotten at the end' : `in ${config.data}`;
    // Without an address the chat goes to the default one.
    const address = sources.port === 'default' && sources.host === 'default' ? '' : ` ${server.url}`;
    process.stdout.write(
      `duolog ${version} serves ${server.url} (data ${where}).\nOpen it in a browser, or run "npx duolog chat${address}"; Ctrl-C stops.\n`,
    );
    const why = await Promise.race([signal, server.failed.then(() => 'failure' as const)]);
    if (why === 'failure') return EXIT.failed;
    log.info('stopping', { signal: why });
    if (!(await withinMs(server.stop(), config.drainMs))) {
      log.warn('stopped before everything was finished; nothing acknowledged is lost', { drainMs: config.drainMs });
    }
    return EXIT.done;
  },
};
