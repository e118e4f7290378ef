import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ustar } from '../../src/report/ustar.js';

it('makes archives that tar(1) unpacks to the same files', () => {
  const files = [
    { name: 'a/empty', content: '' },
    { name: 'a/one', content: 'x' },
    { name: 'a/block', content: 'y'.repeat(512) },
    { name: 'a/b/more', content: 'ü'.repeat(1000) },
    { name: `a/${'n'.repeat(98)}`, content: 'z'.repeat(513) },
  ];
  const dir = mkdtempSync(join(tmpdir(), 'flan-tar-'));
  try {
    writeFileSync(join(dir, 'x.tar'), ustar(files, Date.parse('2026-01-02T03:04:05Z')));
    execFileSync('tar', ['-xf', 'x.tar'], { cwd: dir, stdio: 'pipe' });
    for (const { name, content } of files) {
      expect(readFileSync(join(dir, name), 'utf8')).toBe(content);
      expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600);
      expect(statSync(join(dir, name)).mtime.toISOString()).toBe('2026-01-02T03:04:05.000Z');
    }
    expect(execFileSync('tar', ['-tf', 'x.tar'], { cwd: dir, encoding: 'utf8' }).trim().split('\n')).toEqual(
      files.map(({ name }) => name),
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  expect(() => ustar([{ name: 'n'.repeat(101), content: '' }], 0)).toThrow(/too long/);
});
