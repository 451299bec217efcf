/** The one table of settings. */
import { LIMITS } from '@duolog/protocol';
import { choice, integer, list, optional, path, text } from './kinds.ts';
import type { Setting } from './kinds.ts';

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

export type SettingName = keyof typeof SETTINGS;
type ValueOf<S> = S extends Setting<infer T> ? T : never;
/** All settings with their values. */
export type Config = { readonly [K in SettingName]: ValueOf<(typeof SETTINGS)[K]> };
