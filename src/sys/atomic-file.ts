import { closeSync, fchmodSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * Replaces a file so that a reader, or a power cut, finds either the old content or the new: temporary file in the same
 * directory, fsync, rename, fsync of the directory. `mode` holds whatever the umask is. Throws what node:fs throws.
 */
export function writeFileAtomic(path: string, content: string, mode: number): void {
  // By chance: in a container every process has the same id, and what one that was killed has left lies there still.
  const temporary = join(dirname(path), `.${basename(path)}.${Math.random().toString(36).slice(2)}`);
  const fd = openSync(temporary, 'wx', mode);
  try {
    try {
      writeFileSync(fd, content); // all of it, or ENOSPC
      fchmodSync(fd, mode);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw cause;
  }
  const dir = openSync(dirname(path), 'r');
  try {
    fsyncSync(dir);
  } finally {
    closeSync(dir);
  }
}
