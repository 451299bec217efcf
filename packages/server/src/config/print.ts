/** Settings as people read them. */
import { DEFAULT_FILE } from '../config.ts';
import type { Settled } from '../config.ts';
import type { Setting } from './kinds.ts';
import { SETTINGS } from './settings.ts';
import type { Config, SettingName } from './settings.ts';

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
