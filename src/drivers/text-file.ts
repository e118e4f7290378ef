import { readFileSync, statSync } from 'node:fs';
import { FlanError } from '../errors.js';
import type { TextFile } from '../kinds/file.js';

/** Reads a file; undefined when there is none. @throws {FlanError} E_FILE */
export function readTextFile(path: string): TextFile | undefined {
  try {
    const mode = statSync(path).mode & 0o777;
    return { kind: 'file', path, content: readFileSync(path, 'utf8'), mode };
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError('read', path, cause);
  }
}

export function fileError(what: string, path: string, cause: unknown): FlanError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const denied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  return new FlanError(denied ? 'E_PERMISSION' : 'E_FILE', `cannot ${what} ${path}: ${code ?? message}`, {
    hint: denied ? 'Run as root, or choose another path with --subnet-file.' : undefined,
    cause,
  });
}
