import { dirname } from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { FlanError } from '../errors.js';

export interface FileFailure {
  /** What was tried, as it stands after "cannot": `write`. */
  readonly verb: string;
  readonly path: string;
  readonly cause: unknown;
  /** What helps where another path or another user would. */
  readonly hint: string;
}

/** The failure of a file as flan tells it: E_PERMISSION for a refusal, else E_FILE. What is told already stays. */
export function fileError({ verb, path, cause, hint }: FileFailure): FlanError {
  const errno = errnoOf(cause);
  if (cause instanceof FlanError && errno === undefined) return cause;
  return new FlanError(isDenied(errno) ? 'E_PERMISSION' : 'E_FILE', `cannot ${verb} ${path}: ${reasonOf(cause)}`, {
    where: path,
    hint: isFull(errno) ? roomHint(path) : errno === 'EROFS' ? READ_ONLY : hint,
    cause,
  });
}

/** `EACCES`; also of the failure that a FlanError was made of. */
export function errnoOf(cause: unknown): string | undefined {
  if (cause instanceof FlanError) return errnoOf(cause.cause);
  return cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
}

/** In the system's words, without the names of temporary files: `permission denied (EACCES)`. */
export function reasonOf(cause: unknown): string {
  if (cause instanceof FlanError && cause.cause !== undefined) return reasonOf(cause.cause);
  const { code, errno, message = String(cause) } = (cause ?? {}) as NodeJS.ErrnoException;
  const words = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  return words === undefined ? message : `${words} (${code})`;
}

/** Neither time nor room helps: somebody has to give a right. */
export const isDenied = (errno: string | undefined): boolean =>
  errno === 'EACCES' || errno === 'EPERM' || errno === 'EROFS';

export const isFull = (errno: string | undefined): boolean => errno === 'ENOSPC' || errno === 'EDQUOT';

export const roomHint = (path: string): string => `Make room on the file system of ${dirname(path)}.`;

const READ_ONLY = 'Its file system is mounted read-only: mount it for writing, or name another place.';
