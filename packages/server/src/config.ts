/**
 * Settings: the one table, and the only place that reads the environment. A setting has one name everywhere: in the
 * environment, in the file (`DUOLOG_CONFIG`, or `duolog.conf` in the working directory; lines of `NAME=value`, `#` begins
 * a comment) and in every message about it. The environment wins over the file; an empty value counts as not set.
 */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { LIMITS } from '@duolog/protocol';

/** One setting. `parse` gives the value, or says in words what it ought to be. */
export interface Setting<T> {
  readonly env: `DUOLOG_${string}`;
  readonly doc: string;
  /** The default as one would write it; empty: not set. */
  readonly default: string;
  /** What the value is, with unit and bounds, in words. */
  readonly form: string;
  readonly secret?: true;
  parse(text: string): { readonly ok: true; readonly value: T } | { readonly ok: false };
}

type Described = Pick<Setting<unknown>, 'env' | 'doc'>;

const integer = (described: Described, standard: number, unit: string, min: number, max: number): Setting<number> => ({
  ...described,
  default: String(standard),
  form: `${unit === '' ? 'a whole number' : unit}, ${min} to ${max}`,
  parse: (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    return value >= min && value <= max ? { ok: true, value } : { ok: false };
  },
});

const choice = <const V extends string>(described: Described, standard: V, ...values: readonly V[]): Setting<V> => ({
  ...described,
  default: standard,
  form: values.join(' | '),
  parse: (text) => {
    const value = values.find((known) => known === text);
    return value === undefined ? { ok: false } : { ok: true, value };
  },
});

const list = <const V extends string>(
  described: Described,
  standard: string,
  form: string,
  read: (item: string) => V | undefined,
): Setting<readonly V[]> => ({
  ...described,
  default: standard,
  form,
  parse: (text) => {
    const items = text === '' ? [] : text.split(',').map((item) => read(item.trim()));
    const known = items.filter((item) => item !== undefined);
    return known.length === items.length ? { ok: true, value: known } : { ok: false };
  },
});

const optional = (
  described: Described & { readonly secret?: true },
  form: string,
  accepts: (text: string) => boolean,
): Setting<string | undefined> => ({
  ...described,
  default: '',
  form,
  parse: (text) =>
    text === '' ? { ok: true, value: undefined } : accepts(text) ? { ok: true, value: text } : { ok: false },
});

const text = (described: Described, standard: string, form: string, pattern: RegExp): Setting<string> => ({
  ...described,
  default: standard,
  form,
  parse: (value) => (pattern.test(value) ? { ok: true, value } : { ok: false }),
});

const path = (described: Described, standard: string): Setting<string> => ({
  ...described,
  default: standard,
  form: 'a path',
  parse: (text) => (text === '' || text.includes('\0') ? { ok: false } : { ok: true, value: resolve(text) }),
});

/** What `new URL` makes of it, or undefined. */
const urlOf = (text: string): URL | undefined => (URL.canParse(text) ? new URL(text) : undefined);

const isAddress = (text: string): boolean => {
  const url = urlOf(text);
  return (
    url !== undefined &&
    /^(?:https?|wss?):$/.test(url.protocol) &&
    url.search === '' &&
    url.hash === '' &&
    url.username === ''
  );
};

const originOf = (text: string): string | undefined => {
  if (text === '*' || text === 'null') return text;
  const url = urlOf(text);
  // An origin has no path; the one slash that URL adds is none.
  return url !== undefined && url.pathname === '/' && !text.endsWith('/') && url.search === ''
    ? text.toLowerCase()
    : undefined;
};

const ROLES = ['gateway', 'api', 'worker'] as const;

/** All settings, in the order in which they are printed. */
export const SETTINGS = {
  host: text(
    {
      env: 'DUOLOG_HOST',
      doc: 'Address to listen on. 127.0.0.1: this machine only, for trying out or behind a reverse proxy. 0.0.0.0: all networks; passwords then need TLS in front.',
    },
    '127.0.0.1',
    'an IP address or host name',
    /^[A-Za-z0-9.:_-]{1,253}$/,
  ),
  port: integer({ env: 'DUOLOG_PORT', doc: 'Port to listen on; 0 takes any free one.' }, 8080, '', 0, 65_535),
  data: path(
    { env: 'DUOLOG_DATA', doc: 'Folder of the data; made at the first start, readable by its owner only.' },
    './duolog-data',
  ),
  url: optional(
    {
      env: 'DUOLOG_URL',
      doc: 'Address at which clients reach this server, such as wss://chat.example.org. Not set: the one they came to.',
    },
    'an http, https, ws or wss address',
    isAddress,
  ),
  origins: list(
    {
      env: 'DUOLOG_ORIGINS',
      doc: 'Web origins whose pages may use this server beside its own, such as https://chat.example.org,http://localhost:5173. `*`: all. Programs that are no browsers need none of this.',
    },
    '',
    'origins separated by commas, or *',
    originOf,
  ),
  proxies: list(
    {
      env: 'DUOLOG_PROXIES',
      doc: 'Addresses of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are believed. Without it all clients behind a proxy share its rate limits.',
    },
    '',
    'IP addresses separated by commas',
    (item) => (/^[0-9a-fA-F:.]+$/.test(item) ? item : undefined),
  ),
  metrics: choice(
    {
      env: 'DUOLOG_METRICS',
      doc: 'Who may read /metrics: programs of the same machine that come through no proxy, or everybody who reaches the server.',
    },
    'local',
    'local',
    'all',
  ),
  secret: optional(
    {
      env: 'DUOLOG_SECRET',
      doc: 'Secret that tokens are made with; another one signs everybody out. Not set: made at the first start and kept in the data folder.',
      secret: true,
    },
    '32 to 256 characters',
    (text) => text.length >= 32 && text.length <= 256,
  ),
  roles: list(
    { env: 'DUOLOG_ROLES', doc: 'What this process does. With the embedded store one process does all.' },
    ROLES.join(','),
    `some of ${ROLES.join(', ')}`,
    (item) => ROLES.find((role) => role === item),
  ),
  engine: choice(
    {
      env: 'DUOLOG_ENGINE',
      doc: 'Where data is kept. `memory` forgets everything at the end: for tests and for trying out.',
    },
    'level',
    'level',
    'memory',
  ),
  heartbeatMs: integer(
    {
      env: 'DUOLOG_HEARTBEAT_MS',
      doc: 'How often a client sends a heartbeat; after three missed ones its connection is closed.',
    },
    5_000,
    'milliseconds',
    100,
    600_000,
  ),
  backgroundHeartbeatMs: integer(
    { env: 'DUOLOG_BACKGROUND_HEARTBEAT_MS', doc: 'The same for clients in the background.' },
    25_000,
    'milliseconds',
    100,
    600_000,
  ),
  messagesPerSecond: integer(
    { env: 'DUOLOG_MESSAGES_PER_SECOND', doc: 'Messages that one user may send into one conversation.' },
    LIMITS.messagesPerSecond,
    'per second',
    1,
    1_000_000,
  ),
  conversationsPerMinute: integer(
    { env: 'DUOLOG_CONVERSATIONS_PER_MINUTE', doc: 'Conversations that one user may begin.' },
    LIMITS.conversationsPerMinute,
    'per minute',
    1,
    1_000_000,
  ),
  signUpsPerHour: integer(
    { env: 'DUOLOG_SIGN_UPS_PER_HOUR', doc: 'Sign-ups from one address.' },
    1_000,
    'per hour',
    0,
    1_000_000_000,
  ),
  logInsPerMinute: integer(
    { env: 'DUOLOG_LOG_INS_PER_MINUTE', doc: 'Log-ins from one address.' },
    300,
    'per minute',
    1,
    1_000_000_000,
  ),
  logInsPerHandlePerMinute: integer(
    { env: 'DUOLOG_LOG_INS_PER_HANDLE_PER_MINUTE', doc: 'Log-ins to one handle, whether it exists or not.' },
    30,
    'per minute',
    1,
    1_000_000_000,
  ),
  maxConnections: integer(
    { env: 'DUOLOG_MAX_CONNECTIONS', doc: 'Connections held at once; more are refused.' },
    100_000,
    '',
    1,
    10_000_000,
  ),
  hashesAtOnce: integer(
    {
      env: 'DUOLOG_HASHES_AT_ONCE',
      doc: 'Passwords hashed at once; each takes 19 MiB of memory and some 20 ms of a core.',
    },
    2,
    '',
    1,
    256,
  ),
  reserveMiB: integer(
    { env: 'DUOLOG_RESERVE_MIB', doc: 'Free space of the disk below which nothing new is stored; reading goes on.' },
    1_024,
    'MiB',
    128,
    1_048_576,
  ),
  drainMs: integer(
    { env: 'DUOLOG_DRAIN_MS', doc: 'How long a stop may take; then the process ends all the same.' },
    10_000,
    'milliseconds',
    0,
    600_000,
  ),
  log: choice(
    { env: 'DUOLOG_LOG', doc: 'Least important log lines written.' },
    'info',
    'debug',
    'info',
    'warn',
    'error',
    'off',
  ),
  logFormat: choice(
    { env: 'DUOLOG_LOG_FORMAT', doc: '`auto`: text on a terminal, else one JSON object a line.' },
    'auto',
    'auto',
    'text',
    'json',
  ),
} as const satisfies Record<string, Setting<unknown>>;

type SettingName = keyof typeof SETTINGS;
type ValueOf<S> = S extends Setting<infer T> ? T : never;
/** All settings with their values. */
export type Config = { readonly [K in SettingName]: ValueOf<(typeof SETTINGS)[K]> };

/** Where a value comes from. */
type Source = 'default' | 'environment' | 'file' | 'command line';

export interface Settled {
  readonly config: Config;
  readonly sources: Readonly<Record<SettingName, Source>>;
  /** The file that was read, if there was one. */
  readonly file: string | undefined;
}
export type ReadConfig =
  | { readonly ok: true; readonly settled: Settled }
  | { readonly ok: false; readonly problems: readonly string[] };

const FILE_VARIABLE = 'DUOLOG_CONFIG';
const DEFAULT_FILE = 'duolog.conf';
/** Variables of this prefix belong to the project's tests. */
const TEST_PREFIX = 'DUOLOG_TEST_';

type Texts = Readonly<Record<string, string | undefined>>;

const PLANTED_FAULTS = ['no-sync', 'write-on'] as const;

/** The fault that the project's torture test has planted in the embedded store (`DUOLOG_TEST_PLANT`), to see it found. */
export const plantedFault = (environment: Texts = process.env): (typeof PLANTED_FAULTS)[number] | undefined =>
  PLANTED_FAULTS.find((fault) => fault === environment[`${TEST_PREFIX}PLANT`]);

/** `NAME=value` lines; quotes around a value are taken off, so that files for systemd and Docker fit. */
const parseFile = (text: string, file: string): { readonly values: Texts; readonly problems: readonly string[] } => {
  const values: Record<string, string> = {};
  const problems: string[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [, name, value] = /^([A-Z0-9_]+)\s*=\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) problems.push(`${file}, line ${index + 1}: is not NAME=value`);
    else if (Object.hasOwn(values, name)) problems.push(`${file}, line ${index + 1}: ${name} is there twice`);
    else values[name] = value.replace(/^(["'])(.*)\1$/, '$2');
  }
  return { values, problems };
};

/** How many letters have to change to make one word of the other; a small bound is enough to suggest a name. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(
        Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)),
      );
    }
    row = next;
  }
  return row[b.length] ?? 0;
};

const names = (): readonly string[] => Object.values(SETTINGS).map(({ env }) => env);

const unknownNames = (values: Texts, where: string): readonly string[] =>
  Object.keys(values)
    .filter((name) => name.startsWith('DUOLOG_') || where !== 'the environment')
    .filter((name) => name !== FILE_VARIABLE && !name.startsWith(TEST_PREFIX) && !names().includes(name))
    .map((name) => {
      const [nearest] = names().toSorted((a, b) => distance(name, a) - distance(name, b));
      const hint =
        nearest !== undefined && distance(name, nearest) <= 4
          ? `; did you mean ${nearest}?`
          : '; `duolog config` lists all settings';
      return `${name} (in ${where}) is no setting${hint}`;
    });

const readFile = (
  environment: Texts,
): { readonly file: string | undefined; readonly values: Texts; readonly problems: readonly string[] } => {
  const named = environment[FILE_VARIABLE];
  const file = resolve(named ?? DEFAULT_FILE);
  if (named === undefined && !existsSync(file)) return { file: undefined, values: {}, problems: [] };
  try {
    return { file, ...parseFile(readFileSync(file, 'utf8'), file) };
  } catch (cause) {
    return {
      file,
      values: {},
      problems: [`${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`],
    };
  }
};

/**
 * Reads all settings. Unknown names and values that do not fit are refused, each with a line that names the variable; a
 * secret's value is in none of them.
 */
export const readConfig = (environment: Texts = process.env, overrides: Texts = {}): ReadConfig => {
  const { file, values: fromFile, problems: inFile } = readFile(environment);
  const problems = [...inFile, ...unknownNames(environment, 'the environment'), ...unknownNames(fromFile, file ?? '')];
  const config: Record<string, unknown> = {};
  const sources: Record<string, Source> = {};
  for (const [name, setting] of Object.entries<Setting<unknown>>(SETTINGS)) {
    const [text, source] = textOf(setting, overrides, environment, fromFile);
    const parsed = setting.parse(text);
    if (parsed.ok) config[name] = parsed.value;
    else
      problems.push(
        `${setting.env}${setting.secret === true ? '' : `=${JSON.stringify(text)}`} (from ${source === 'file' ? file : `the ${source}`}) must be ${setting.form}`,
      );
    sources[name] = source;
  }
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, settled: { config: config as Config, sources: sources as Settled['sources'], file } };
};

const textOf = (
  setting: Setting<unknown>,
  overrides: Texts,
  environment: Texts,
  fromFile: Texts,
): readonly [string, Source] => {
  const override = overrides[setting.env];
  if (override !== undefined) return [override, 'command line'];
  // Compose files and shells pass on variables that are not set as empty ones.
  const fromEnvironment = environment[setting.env]?.trim() ?? '';
  if (fromEnvironment !== '') return [fromEnvironment, 'environment'];
  const inFile = fromFile[setting.env] ?? '';
  return inFile === '' ? [setting.default, 'default'] : [inFile, 'file'];
};

const printed = (value: Config[SettingName]): string =>
  typeof value === 'object' ? value.join(',') : String(value ?? '');

/** All settings as a file that says the same, with their documentation. Secrets are left out. */
export const printConfig = ({ config, sources, file }: Settled): string => {
  const lines = [
    `# Settings of duolog: from the environment, or from a file such as this one (DUOLOG_CONFIG, or ./${DEFAULT_FILE}).`,
  ];
  if (file !== undefined) lines.push(`# File read: ${file}`);
  for (const [name, setting] of Object.entries<Setting<unknown>>(SETTINGS)) {
    const key = name as SettingName;
    const standard = setting.default === '' ? 'not set' : setting.default;
    lines.push('', `# ${setting.doc}`, `# ${setting.form}; default: ${standard}; this value: ${sources[key]}`);
    const set = sources[key] !== 'default';
    if (setting.secret === true) lines.push(`#${setting.env}=${config[key] === undefined ? '' : '(set; not shown)'}`);
    else lines.push(`${set ? '' : '#'}${setting.env}=${printed(config[key])}`);
  }
  return `${lines.join('\n')}\n`;
};

/** The settings as a table for the documentation. */
export const settingsTable = (): string => {
  const rows = Object.values<Setting<unknown>>(SETTINGS).map(
    ({ env, doc, form, default: standard }) =>
      `| \`${env}\` | ${standard === '' ? '' : `\`${standard}\``} | ${form.replaceAll('|', '\\|')} | ${doc} |`,
  );
  return ['| setting | default | value | what it is |', '| --- | --- | --- | --- |', ...rows, ''].join('\n');
};
