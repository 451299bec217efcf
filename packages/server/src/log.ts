/** Log lines: one JSON object a line for machines, or text for a person at a terminal. */
import { DuologError } from '@duolog/protocol';
import type { Log, LogFields } from './ports/log.ts';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
type Level = (typeof LEVELS)[number];

export interface LogOptions {
  /** The least important level that is written. */
  readonly level: Level | 'off';
  readonly format: 'text' | 'json';
  readonly write: (line: string) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Colours, for text on a terminal. */
  readonly colour?: boolean;
}

/** Names of fields whose values must never be written, whoever passes them. */
const SECRET_NAME = /password|token|secret|ticket|authorization/i;

const causeOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return String(cause);
  const code = cause instanceof DuologError ? `[${cause.code}] ` : '';
  const below = cause.cause === undefined ? '' : `\ncaused by: ${causeOf(cause.cause)}`;
  return `${code}${cause.stack ?? cause.message}${below}`;
};

const cleaned = (fields: LogFields): Record<string, string | number | boolean> => {
  const clean: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) clean[name] = SECRET_NAME.test(name) ? '(secret)' : value;
  }
  return clean;
};

const COLOURS: Readonly<Record<Level, string>> = { debug: '\x1b[2m', info: '', warn: '\x1b[33m', error: '\x1b[31m' };

const asText = (
  level: Level,
  at: string,
  message: string,
  fields: LogFields,
  cause: unknown,
  colour: boolean,
): string => {
  const facts = Object.entries(cleaned(fields)).map(
    ([name, value]) => ` ${name}=${typeof value === 'string' && /[\s"=]/.test(value) ? JSON.stringify(value) : value}`,
  );
  const label = level === 'info' ? '' : `${level}: `;
  const line = `${at.slice(11, 23)} ${label}${message}${facts.join('')}`;
  const shown = colour && COLOURS[level] !== '' ? `${COLOURS[level]}${line}\x1b[0m` : line;
  return cause === undefined ? shown : `${shown}\n${causeOf(cause).replace(/^/gm, '    ')}`;
};

const asJson = (level: Level, at: string, message: string, fields: LogFields, cause: unknown): string =>
  JSON.stringify({ at, level, message, ...cleaned(fields), ...(cause === undefined ? {} : { cause: causeOf(cause) }) });

export const createLog = ({ level: least, format, write, now, colour = false }: LogOptions): Log => {
  const threshold = least === 'off' ? LEVELS.length : LEVELS.indexOf(least);
  const line = (level: Level, message: string, fields: LogFields = {}, cause?: unknown): void => {
    if (LEVELS.indexOf(level) < threshold) return;
    const at = new Date(now()).toISOString();
    write(
      `${format === 'json' ? asJson(level, at, message, fields, cause) : asText(level, at, message, fields, cause, colour)}\n`,
    );
  };
  return {
    debug: (message, fields) => line('debug', message, fields),
    info: (message, fields) => line('info', message, fields),
    warn: (message, fields) => line('warn', message, fields),
    error: (message, fields, cause) => line('error', message, fields, cause),
  };
};
