import { readFileSync, statSync } from 'node:fs';
import type { TextFile } from '../kinds/file.js';
import { fileError } from '../sys/file-error.js';
import { irregular } from '../sys/regular-file.js';

export const SUBNET_FILE_HINT = 'Run as root, or choose another path with --subnet-file.';

/** Reads a file; undefined when there is none. @throws {FlanError} E_PERMISSION; E_FILE, also for a device or a FIFO */
export function readTextFile(path: string): TextFile | undefined {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) throw irregular({ verb: 'read', path, stats });
    return { kind: 'file', path, content: readFileSync(path, 'utf8'), mode: stats.mode & 0o777 };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError({ verb: 'read', path, cause, hint: SUBNET_FILE_HINT });
  }
}
