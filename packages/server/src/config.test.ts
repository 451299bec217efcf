import { afterEach, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { printConfig, settingsTable } from './config/print.ts';
import { SETTINGS } from './config/settings.ts';
import { readConfig } from './config.ts';
import type { Settled } from './config.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

const fileWith = (text: string): string => {
  const folder = mkdtempSync(join(tmpdir(), 'duolog-config-'));
  folders.push(folder);
  const file = join(folder, 'duolog.conf');
  writeFileSync(file, text);
  return file;
};

const settled = (environment: Record<string, string | undefined>, overrides = {}): Settled => {
  const read = readConfig(environment, overrides);
  if (!read.ok) throw new Error(read.problems.join('\n'));
  return read.settled;
};

const problems = (environment: Record<string, string | undefined>): readonly string[] => {
  const read = readConfig(environment);
  return read.ok ? [] : read.problems;
};

test('without any setting the server listens on port 8080 of this machine alone [OPS2]', () => {
  const { config, sources } = settled({});
  expect(config).toMatchObject({ host: '127.0.0.1', port: 8080, roles: ['gateway', 'api', 'worker'], origins: [] });
  expect(config.data).toEndWith('/duolog-data');
  expect(new Set(Object.values(sources))).toEqual(new Set(['default']));
});

test('every default is a value that the setting itself accepts [OPS2]', () => {
  for (const setting of Object.values(SETTINGS))
    expect([setting.env, setting.parse(setting.default).ok]).toEqual([setting.env, true]);
});

test('the command line wins over the environment, that over the file, that over the default [OPS2]', () => {
  const file = fileWith('# a comment\n\nDUOLOG_PORT=1\nDUOLOG_HOST = "0.0.0.0"\nDUOLOG_LOG=warn\n');
  const { config, sources } = settled(
    { DUOLOG_CONFIG: file, DUOLOG_PORT: '2', DUOLOG_LOG: 'error' },
    { DUOLOG_LOG: 'off' },
  );
  expect([config.port, config.host, config.log]).toEqual([2, '0.0.0.0', 'off']);
  expect([sources.port, sources.host, sources.log, sources.data]).toEqual([
    'environment',
    'file',
    'command line',
    'default',
  ]);
});

test('an empty variable counts as not set [OPS2]', () => {
  expect(settled({ DUOLOG_PORT: '', DUOLOG_SECRET: ' ' }).config).toMatchObject({ port: 8080, secret: undefined });
});

test.each([
  ['DUOLOG_PORT', '65536'],
  ['DUOLOG_PORT', '-1'],
  ['DUOLOG_PORT', '80.5'],
  ['DUOLOG_PORT', '0x50'],
  ['DUOLOG_ROLES', 'gateway,cook'],
  ['DUOLOG_LOG', 'loud'],
  ['DUOLOG_URL', 'chat.example.org'],
  ['DUOLOG_URL', 'https://user@chat.example.org'],
  ['DUOLOG_ORIGINS', 'https://chat.example.org/'],
  ['DUOLOG_ORIGINS', 'https://chat.example.org/app'],
  ['DUOLOG_PROXIES', 'localhost'],
  ['DUOLOG_HOST', 'a b'],
])('%s=%s is refused with a message that names both and says what is asked for [OPS3]', (name, value) => {
  const [problem = '', ...more] = problems({ [name]: value });
  expect(more).toEqual([]);
  expect(problem).toStartWith(`${name}=${JSON.stringify(value)} (from the environment) must be `);
});

test('an unknown setting is refused, with the one that was meant [OPS3]', () => {
  expect(problems({ DUOLOG_PROT: '80' })).toEqual([
    'DUOLOG_PROT (in the environment) is no setting; did you mean DUOLOG_PORT?',
  ]);
  const file = fileWith('PORT=80\nDUOLOG_PORT=1\nDUOLOG_PORT=2\nnonsense\n');
  expect(problems({ DUOLOG_CONFIG: file })).toEqual([
    `${file}, line 3: DUOLOG_PORT is there twice`,
    `${file}, line 4: is not NAME=value`,
    expect.stringContaining(`PORT (in ${file}) is no setting`),
  ]);
});

test('a file that is named but cannot be read is a fault [OPS3]', () => {
  expect(problems({ DUOLOG_CONFIG: '/nowhere/duolog.conf' })).toEqual([
    expect.stringContaining('/nowhere/duolog.conf cannot be read'),
  ]);
});

test('a secret is printed by nothing, whether it fits or not [OPS4]', () => {
  const secret = 'correct-horse-battery-staple-and-more';
  expect(printConfig(settled({ DUOLOG_SECRET: secret }))).not.toContain(secret);
  expect(printConfig(settled({ DUOLOG_SECRET: secret }))).toContain('DUOLOG_SECRET=(set; not shown)');
  expect(problems({ DUOLOG_SECRET: 'too-short' })).toEqual([
    'DUOLOG_SECRET (from the environment) must be 32 to 256 characters',
  ]);
});

test('what is printed is a file that gives the same settings [OPS5]', () => {
  const first = settled({
    DUOLOG_PORT: '9',
    DUOLOG_ORIGINS: 'https://a.example,https://b.example',
    DUOLOG_URL: 'wss://a.example',
  });
  const again = settled({ DUOLOG_CONFIG: fileWith(printConfig(first)) });
  expect(again.config).toEqual(first.config);
});

test('every setting is in what is printed and in the table for the documentation [OPS5]', () => {
  const printed = printConfig(settled({}));
  for (const { env, doc } of Object.values(SETTINGS)) {
    expect(printed).toContain(`#${env}=`);
    expect(printed).toContain(doc);
    expect(settingsTable()).toContain(`| \`${env}\` |`);
  }
});
