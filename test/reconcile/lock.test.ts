import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parsePrefix } from '../../src/model/ip.js';
import { lockHost } from '../../src/reconcile/lock.js';
import { kernelTest } from '../support/kernel.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'flan-lock-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const lock = (runtimeDir: string) =>
  lockHost({ runtimeDir, networks: [parsePrefix('10.244.0.0/16')], holder: 'a test' });

test('a runtime directory that cannot be is no matter of permission', () => {
  writeFileSync(join(dir, 'file'), '');
  symlinkSync('nowhere', join(dir, 'dangling'));
  for (const path of [join(dir, 'file'), join(dir, 'file', 'below'), join(dir, 'dangling'), '/proc/flan-nope']) {
    const hint = expect.stringContaining('--runtime-dir');
    expect(() => lock(path)).toThrow(expect.objectContaining({ code: 'E_FILE', hint }));
  }
});

kernelTest('a full disk takes the words of the lock file, and not the lock', {}, ({ onEnd }) => {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'flan-test', dir]);
  onEnd(() => execFileSync('umount', [dir]));
  writeFileSync(join(dir, 'fill'), 'x'.repeat(4096));
  const held = lock(dir);
  expect(() => lock(dir)).toThrow(
    expect.objectContaining({ code: 'E_LOCKED', message: expect.stringMatching(/: starting up$/) }),
  );
  held.release();
});

kernelTest('a disk without room for one more file is named', {}, ({ onEnd }) => {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'nr_inodes=2', 'flan-test', dir]);
  onEnd(() => execFileSync('umount', [dir]));
  writeFileSync(join(dir, 'last'), '');
  const hint = `Make room on the file system of ${dir}.`;
  expect(() => lock(dir)).toThrow(expect.objectContaining({ code: 'E_FILE', hint }));
});

kernelTest('a read-only runtime directory is a matter of permission', {}, ({ onEnd }) => {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'flan-test', dir]);
  onEnd(() => execFileSync('umount', [dir]));
  expect(() => lock(dir)).toThrow(expect.objectContaining({ code: 'E_PERMISSION' }));
});
