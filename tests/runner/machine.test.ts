import { afterEach, expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBrowser } from '../machine.ts';

const { CHROMIUM, PATH } = process.env;
const folder = mkdtempSync(join(tmpdir(), 'duolog-machine-'));
const restore = (name: string, value: string | undefined): void => {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
};
afterEach(() => {
  restore('CHROMIUM', CHROMIUM);
  restore('PATH', PATH);
  rmSync(folder, { recursive: true, force: true });
});

test('the browser is the one that CHROMIUM names, else the first in PATH; an empty CHROMIUM names none', () => {
  const installed = join(folder, 'chromium');
  writeFileSync(installed, '#!/bin/sh\n');
  chmodSync(installed, 0o755);
  process.env['PATH'] = folder;
  const found = (named: string | undefined): string | undefined => {
    restore('CHROMIUM', named);
    return findBrowser();
  };
  expect(['/opt/browser', '', undefined].map(found)).toEqual(['/opt/browser', installed, installed]);
  process.env['PATH'] = '';
  expect(['', undefined].map(found)).toEqual([undefined, undefined]);
});
