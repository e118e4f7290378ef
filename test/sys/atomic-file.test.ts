import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeFileAtomic } from '../../src/sys/atomic-file.js';
import { kernelTest } from '../support/kernel.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'flan-atomic-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('the mode holds whatever the umask is, and nothing else is left in the folder', () => {
  const file = join(dir, 'subnet.env');
  const umask = process.umask(0o077);
  try {
    writeFileAtomic(file, 'one\n', 0o644);
    writeFileAtomic(file, 'two\n', 0o640);
  } finally {
    process.umask(umask);
  }
  expect(readFileSync(file, 'utf8')).toBe('two\n');
  expect(statSync(file).mode & 0o777).toBe(0o640);
  expect(readdirSync(dir)).toEqual(['subnet.env']);
});

test('what an earlier process of the same id was killed over is in nobody’s way', () => {
  for (let n = 0; n < 20; n++) writeFileSync(join(dir, `.subnet.env.${process.pid}.${n}`), 'half');
  writeFileAtomic(join(dir, 'subnet.env'), 'whole\n', 0o644);
  expect(readFileSync(join(dir, 'subnet.env'), 'utf8')).toBe('whole\n');
});

kernelTest('a full disk leaves the old content, not a part of the new', {}, ({ onEnd }) => {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'flan-test', dir]);
  onEnd(() => execFileSync('umount', [dir]));
  const file = join(dir, 'subnet.env');
  writeFileAtomic(file, 'old\n', 0o644);
  expect(() => writeFileAtomic(file, 'new\n'.repeat(5000), 0o644)).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
  expect(readFileSync(file, 'utf8')).toBe('old\n');
  expect(readdirSync(dir)).toEqual(['subnet.env']);
});
