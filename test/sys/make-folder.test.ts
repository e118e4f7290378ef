import { mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeFolder } from '../../src/sys/make-folder.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'flan-folder-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const fails = (code: string) => expect.objectContaining({ code });

test('all that is missing is made, with the mode that is asked for; what is there stays', () => {
  const folder = join(dir, 'a', 'b', 'c');
  makeFolder(folder, 0o700);
  makeFolder(folder, 0o755);
  expect([folder, join(dir, 'a')].map((path) => statSync(path).mode & 0o777)).toEqual([0o700, 0o700]);
  symlinkSync('a', join(dir, 'link'));
  makeFolder(join(dir, 'link', 'd'));
  expect(statSync(join(dir, 'a', 'd')).isDirectory()).toBe(true);
});

test('where nothing can be made it ends, with the reason', () => {
  expect(() => makeFolder('/proc/flan-nope')).toThrow(fails('ENOENT'));
  expect(() => makeFolder('/proc/flan-nope/deeper')).toThrow(fails('ENOENT'));
  writeFileSync(join(dir, 'file'), '');
  expect(() => makeFolder(join(dir, 'file'))).toThrow(fails('EEXIST'));
  expect(() => makeFolder(join(dir, 'file', 'below'))).toThrow(expect.objectContaining({ code: expect.any(String) }));
  symlinkSync('nowhere', join(dir, 'dangling'));
  expect(() => makeFolder(join(dir, 'dangling', 'below'))).toThrow(fails('EEXIST'));
});
