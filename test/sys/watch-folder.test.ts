import { type FSWatcher, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { watchFolder } from '../../src/sys/watch-folder.js';

const watchers = vi.hoisted((): FSWatcher[] => []);
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const watch = (folder: string, listener: (event: string, name: string | null) => void): FSWatcher => {
    const watcher = fs.watch(folder, listener);
    watchers.push(watcher);
    return watcher;
  };
  return { ...fs, watch };
});

const breakLast = (): boolean | undefined => watchers.at(-1)?.emit('error', new Error('no more inotify'));

function watched() {
  const folder = mkdtempSync(join(tmpdir(), 'flan-watch-'));
  const [heard, broken]: [(string | null)[], string[]] = [[], []];
  const watch = watchFolder({ folder, hear: (name) => heard.push(name), onBroken: (why) => broken.push(why) });
  onTestFinished(() => {
    watch.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { folder, heard, broken, watch };
}

it('tells that a watch has ended, and takes it up again', async () => {
  const { folder, heard, broken } = watched();
  writeFileSync(join(folder, 'a'), '');
  await vi.waitFor(() => expect(heard).toContain('a'));
  breakLast();
  expect(broken).toEqual([`cannot watch ${folder}: no more inotify`]);
  await vi.waitFor(() => expect(heard).toContain(null), { timeout: 10_000 });
  writeFileSync(join(folder, 'b'), '');
  await vi.waitFor(() => expect(heard).toContain('b'));
  expect(broken).toHaveLength(1);
});

it('goes on trying while the folder is away, and says it once', async () => {
  const { folder, heard, broken } = watched();
  rmSync(folder, { recursive: true });
  await vi.waitFor(() => expect(heard).not.toEqual([]));
  heard.splice(0);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  breakLast();
  vi.advanceTimersByTime(10_000);
  expect(heard).toEqual([]);
  mkdirSync(folder);
  vi.advanceTimersByTime(1_000);
  expect(heard).toEqual([null]);
  expect(broken).toHaveLength(1);
});

it('does nothing any more once it is closed', () => {
  const { heard, watch } = watched();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  breakLast();
  watch.close();
  vi.advanceTimersByTime(10_000);
  expect(heard).toEqual([]);
});
