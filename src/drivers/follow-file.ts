import { statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { asFlanError } from '../errors.js';
import { fileKey } from '../kinds/file.js';
import { fileError } from '../sys/file-error.js';
import { makeFolder } from '../sys/make-folder.js';
import { watchFolder } from '../sys/watch-folder.js';
import type { Notice } from './driver.js';
import { readTextFile, SUBNET_FILE_HINT } from './text-file.js';

/** Tells what becomes of one file. */
export interface Follower {
  /** Makes sure that the directory which stands there now is the one that is watched. */
  attach(): void;
  close(): void;
}

/**
 * Watches the directory, not the file: an atomic rewrite replaces the inode that a file watch would hang on. When the
 * directory itself is removed or moved its watch dies, so it is made again and watched anew.
 * @throws {FlanError} E_FILE, E_PERMISSION when the directory cannot be made or watched
 */
export function followFile(path: string, tell: (notice: Notice) => void): Follower {
  const directory = dirname(path);
  const key = fileKey(path);
  let current: { readonly inode: number; readonly watcher: { close(): void } } | undefined;
  let closed = false;

  const look = (): void => {
    const resource = readTextFile(path);
    tell(resource ? { type: 'seen', key, resource } : { type: 'gone', key });
  };
  const hear = (name: string | null): void => {
    // The end of the directory is told under its own name.
    const isAboutFile = name === basename(path);
    if (closed || !(isAboutFile || name === null || name === basename(directory))) return;
    try {
      if (!isAboutFile) {
        // A directory that is made anew may get the same inode.
        detach();
        attach();
      }
      look();
    } catch (cause) {
      tell({ type: 'doubt', why: asFlanError(cause).message });
    }
  };
  const detach = (): void => {
    current?.watcher.close();
    current = undefined;
  };
  const attach = (): void => {
    if (closed) return;
    try {
      makeFolder(directory, 0o755);
      const { ino: inode } = statSync(directory);
      if (current?.inode === inode) return;
      detach();
      const onBroken = (why: string): void => tell({ type: 'doubt', why });
      const watcher = watchFolder({ folder: directory, hear, onBroken });
      current = { inode, watcher };
    } catch (cause) {
      throw fileError({ verb: 'watch', path: directory, cause, hint: SUBNET_FILE_HINT });
    }
  };

  attach();
  return {
    attach,
    close: () => {
      closed = true;
      detach();
    },
  };
}
