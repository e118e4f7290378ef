import { type FSWatcher, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { Notice } from '../../src/drivers/driver.js';
import { followFile } from '../../src/drivers/follow-file.js';
import { fileKey, type TextFile } from '../../src/kinds/file.js';

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

it('says that its watch has ended, and follows the same folder again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flan-follow-'));
  const path = join(folder, 'subnet.env');
  const heard: Notice[] = [];
  const follower = followFile(path, (notice) => heard.push(notice));
  onTestFinished(() => {
    follower.close();
    rmSync(folder, { recursive: true });
  });
  watchers.at(-1)?.emit('error', new Error('no more inotify'));
  expect(heard).toEqual([{ type: 'doubt', why: `cannot watch ${folder}: no more inotify` }]);
  writeFileSync(path, 'unheard');
  const told = () => heard.flatMap((notice) => (notice.type === 'seen' ? (notice.resource as TextFile).content : []));
  await vi.waitFor(() => expect(told()).toEqual(['unheard']), { timeout: 10_000 });
  writeFileSync(path, 'heard');
  await vi.waitFor(() => expect(told().at(-1)).toBe('heard'));
  rmSync(path);
  await vi.waitFor(() => expect(heard.at(-1)).toEqual({ type: 'gone', key: fileKey(path) }));
});
