import { closeSync, fchmodSync, fsyncSync, lstatSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { irregular } from './regular-file.js';

export type FileContent = string | Uint8Array;

/**
 * Replaces a file so that a reader, or a power cut, finds either the old content or the new: temporary file in the same
 * directory, fsync, rename, fsync of the directory. `mode` holds whatever the umask is. A symbolic link is replaced too:
 * for a place that people name there is src/sys/placed-file.ts.
 * @throws {FlanError} E_FILE for a device, a FIFO or a directory, which stays; what node:fs throws
 */
export function writeFileAtomic(path: string, content: FileContent, mode: number): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats !== undefined && !stats.isFile() && !stats.isSymbolicLink())
    throw irregular({ verb: 'write', path, stats });
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
