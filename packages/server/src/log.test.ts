import { expect, test } from 'bun:test';
import { DuologError } from '@duolog/protocol';
import { createLog } from './log.ts';
import type { LogOptions } from './log.ts';

const written = (options: Partial<LogOptions>, use: (log: ReturnType<typeof createLog>) => void): readonly string[] => {
  const lines: string[] = [];
  use(
    createLog({
      level: 'info',
      format: 'json',
      write: (line) => lines.push(line),
      now: () => 1_767_225_600_000,
      ...options,
    }),
  );
  return lines;
};

test('each line is one JSON object, whatever is in it [OPS10]', () => {
  const cause = new DuologError('internal', 'broke\nbadly', { cause: new Error('disk') });
  const lines = written({}, (log) => {
    log.info('a line', { count: 1, text: 'two\nlines "quoted"', nothing: undefined });
    log.error('failed', { incident: 'x' }, cause);
  });
  const [first, second] = lines.map((line) => JSON.parse(line) as Record<string, string | number>);
  expect(first).toEqual({
    at: '2026-01-01T00:00:00.000Z',
    level: 'info',
    message: 'a line',
    count: 1,
    text: 'two\nlines "quoted"',
  });
  expect(second).toMatchObject({ level: 'error', incident: 'x' });
  expect(second?.['cause']).toContain('[internal]');
  expect(second?.['cause']).toContain('caused by: Error: disk');
  for (const line of lines) expect(line.indexOf('\n')).toBe(line.length - 1);
});

test('lines below the level are left out, and off means none [OPS10]', () => {
  const all = (log: ReturnType<typeof createLog>): void => {
    log.debug('1');
    log.info('2');
    log.warn('3');
    log.error('4');
  };
  expect(written({ level: 'debug' }, all)).toHaveLength(4);
  expect(written({ level: 'warn' }, all)).toHaveLength(2);
  expect(written({ level: 'off' }, all)).toHaveLength(0);
});

test('text for a person is one line with its facts, in colour only where asked for [OPS10]', () => {
  const [plain, coloured] = [false, true].map(
    (colour) => written({ format: 'text', colour }, (log) => log.warn('slow disk', { ms: 5, file: 'a b' }))[0],
  );
  expect(plain).toBe('00:00:00.000 warn: slow disk ms=5 file="a b"\n');
  expect(coloured).toBe('\x1b[33m00:00:00.000 warn: slow disk ms=5 file="a b"\x1b[0m\n');
});

test('a field that is named like a secret is not written [OPS4]', () => {
  const [line] = written({}, (log) => log.info('who', { token: 'abc', newPassword: 'def', handle: 'alice' }));
  expect(line).not.toContain('abc');
  expect(line).not.toContain('def');
  expect(line).toContain('alice');
});
