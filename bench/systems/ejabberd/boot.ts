/** Boots PostgreSQL and ejabberd as plain processes from Debian's packages, each with its own folder and port. */
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { hasCommand, runToEnd, startChild, waitForPort } from '../../children.ts';
import type { Child } from '../../children.ts';
import { freePort } from '../../free-port.ts';
import type { BootOptions, RunningSystem } from '../../system.ts';
import { database, ejabberdConfig } from './config.ts';

const bootMs = 60_000;
const schemaFile = '/usr/share/ejabberd/sql/pg.sql';
const postgresVersions = '/usr/lib/postgresql';

/** Debian keeps PostgreSQL's programs in a folder per version; the newest is taken. */
const postgresPrograms = (): string | undefined => {
  const versions = existsSync(postgresVersions) ? readdirSync(postgresVersions).map(Number) : [];
  const newest = versions
    .filter((version) => existsSync(`${postgresVersions}/${version}/bin/initdb`))
    .toSorted((a, b) => b - a)[0];
  return newest === undefined ? undefined : `${postgresVersions}/${newest}/bin`;
};

/** The folder that holds `ejabberd-VERSION/ebin`, as Debian's `ejabberdctl` names it. */
const ejabberdLibraries = (): string | undefined => {
  const control = '/usr/sbin/ejabberdctl';
  return existsSync(control) ? /^ERL_LIBS='([^']+)'/m.exec(readFileSync(control, 'utf8'))?.[1] : undefined;
};

const hasPostgresDriver = (): boolean =>
  existsSync('/usr/lib/erlang/lib') && readdirSync('/usr/lib/erlang/lib').some((name) => name.startsWith('p1_pgsql-'));

export const ejabberdLack = (): string | undefined => {
  const packages = [
    ...(ejabberdLibraries() === undefined || !hasCommand('erl') ? ['ejabberd'] : []),
    ...(hasPostgresDriver() ? [] : ['erlang-p1-pgsql']),
    ...(postgresPrograms() === undefined ? ['postgresql'] : []),
  ];
  return packages.length === 0
    ? undefined
    : `needs Debian's packages (apt-get install --no-install-recommends ${packages.join(' ')})`;
};

/** PostgreSQL refuses to run as root: then it runs as the user its package made. */
const asPostgres = (): readonly string[] =>
  process.getuid?.() === 0 ? ['setpriv', '--reuid', 'postgres', '--regid', 'postgres', '--clear-groups'] : [];

const giveToPostgres = async (folder: string): Promise<void> => {
  if (process.getuid?.() !== 0) return;
  const [user = '0', group = '0'] = (
    await runToEnd({ command: ['sh', '-c', 'id -u postgres; id -g postgres'] }, 5_000)
  ).split('\n');
  chownSync(folder, Number(user), Number(group));
};

const createCluster = async (programs: string, folder: string): Promise<void> => {
  mkdirSync(folder, { mode: 0o700 });
  await giveToPostgres(folder);
  // Its user must be able to walk to its folder.
  chmodSync(dirname(folder), 0o711);
  const initdb = [`${programs}/initdb`, '-D', folder, '-U', database, '--auth=trust', '--no-locale', '-E', 'UTF8'];
  await runToEnd({ command: [...asPostgres(), ...initdb], cwd: '/' }, bootMs);
};

const bootPostgres = async (folder: string, port: number, core: number | undefined): Promise<Child> => {
  const programs = postgresPrograms() ?? '';
  const fresh = !existsSync(folder);
  if (fresh) await createCluster(programs, folder);
  // Debian's settings: fsync and synchronous_commit are on.
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'max_connections=100'];
  const child = startChild({
    command: [
      ...asPostgres(),
      `${programs}/postgres`,
      '-D',
      folder,
      '-p',
      String(port),
      ...settings.flatMap((setting) => ['-c', setting]),
    ],
    core,
    cwd: '/',
  });
  await waitForPort(port, child, bootMs);
  if (fresh) await createDatabase(programs, port);
  return child;
};

const createDatabase = async (programs: string, port: number): Promise<void> => {
  const psql = [
    `${programs}/psql`,
    '-q',
    '-v',
    'ON_ERROR_STOP=1',
    '-h',
    '127.0.0.1',
    '-p',
    String(port),
    '-U',
    database,
  ];
  await retried(() => runToEnd({ command: [...psql, 'postgres', '-c', `create database ${database}`] }, 10_000));
  await runToEnd({ command: [...psql, database, '-f', schemaFile] }, 30_000);
};

/** PostgreSQL listens a moment before it lets anyone in. */
const retried = async <T>(attempt: () => Promise<T>): Promise<T> => {
  for (let left = 20; ; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 0) throw error;
      await delay(250);
    }
  }
};

const bootErlang = async (
  folder: string,
  ports: { http: number; postgres: number },
  core: number | undefined,
): Promise<Child> => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/ejabberd.yml`, ejabberdConfig(ports));
  const child = startChild({
    command: [
      'erl',
      '-noinput',
      '+K',
      'true',
      '+P',
      '1000000',
      '+Q',
      '65536',
      '-mnesia',
      'dir',
      JSON.stringify(`${folder}/mnesia`),
      '-s',
      'ejabberd',
    ],
    core,
    cwd: folder,
    env: {
      HOME: folder,
      ERL_LIBS: ejabberdLibraries() ?? '',
      ERL_CRASH_DUMP_SECONDS: '0',
      EJABBERD_CONFIG_PATH: `${folder}/ejabberd.yml`,
      EJABBERD_LOG_PATH: `${folder}/ejabberd.log`,
    },
  });
  await waitForPort(ports.http, child, bootMs);
  return child;
};

export const bootEjabberd = async ({ folder, core }: BootOptions): Promise<RunningSystem> => {
  const ports = { http: await freePort(), postgres: await freePort() };
  const postgres = await bootPostgres(`${folder}/postgres`, ports.postgres, core);
  const erlang = await bootErlang(`${folder}/ejabberd`, ports, core);
  return {
    port: ports.http,
    pids: [erlang.pid, postgres.pid],
    stop: async () => {
      await erlang.stop();
      // PostgreSQL's "fast shutdown": it ends the connections that are open.
      await postgres.stop('SIGINT');
    },
  };
};
