/**
 * Reads the settings; the only place that reads the environment. A setting has one name everywhere: in the environment,
 * in the file (`DUOLOG_CONFIG`, or `duolog.conf` in the working directory; lines of `NAME=value`, `#` begins a comment)
 * and in every message about it. The environment wins over the file; an empty value counts as not set.
 */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Setting } from './config/kinds.ts';
import { SETTINGS } from './config/settings.ts';
import type { Config, SettingName } from './config/settings.ts';

export type { Config };

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
export const DEFAULT_FILE = 'duolog.conf';
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
