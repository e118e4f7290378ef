import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { flock } from '../../src/sys/flock.js';
import { signalProcess } from '../support/signal.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'flan-flock-'));
afterAll(() => rmSync(dir, { recursive: true }));

test('a lock is held by one at a time, and again after its release', () => {
  const path = join(dir, 'one');
  const first = flock(path);
  expect(first).toBeDefined();
  expect(flock(path)).toBeUndefined();
  first?.release();
  first?.release();
  const second = flock(path);
  expect(second).toBeDefined();
  second?.release();
});

test('a lock ends with its process, killed or not, and its children do not keep it', async () => {
  const path = join(dir, 'two');
  const script = `
    import { spawn } from 'node:child_process';
    import { flock } from '${ROOT}src/sys/flock.ts';
    if (flock('${path}') === undefined) throw new Error('not locked');
    const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
    process.stdout.write(String(child.pid) + '\\n');
    setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], { cwd: ROOT });
  const [line] = await once(holder.stdout, 'data');
  const grandchild = Number(String(line).trim());
  try {
    expect(flock(path)).toBeUndefined();
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    const lock = flock(path);
    expect(lock).toBeDefined();
    lock?.release();
  } finally {
    signalProcess(grandchild, 'SIGTERM');
  }
});

test('a directory that is missing is an error with the path', () => {
  const path = join(dir, 'missing', 'lock');
  expect(() => flock(path)).toThrow(
    expect.objectContaining({ code: 'E_LOCK', message: expect.stringContaining(path) }),
  );
});
