import { closeSync, constants, openSync } from 'node:fs';
import { FlanError } from '../errors.js';
import { lastErrno, libc, SysError } from './ffi.js';

const LOCK_EX = 2;
const LOCK_NB = 4;

/** Held until released or until the process dies, however it dies. */
export interface Lock {
  /** Safe to call twice. */
  release(): void;
}

/**
 * Takes an exclusive lock on a file, which is created when missing and never deleted. Does not wait.
 * @returns undefined when another process, or another lock of this one, holds it. @see flock(2)
 * @throws {FlanError} E_LOCK when the file cannot be opened
 */
export function flock(path: string): Lock | undefined {
  const fd = openLockFile(path);
  if (libc.flock(fd, LOCK_EX | LOCK_NB) === 0) {
    let held = true;
    return {
      release() {
        if (!held) return;
        held = false;
        closeSync(fd);
      },
    };
  }
  const error = new SysError('flock', lastErrno());
  closeSync(fd);
  if (error.errnoName === 'EAGAIN') return undefined;
  throw new FlanError('E_LOCK', `cannot lock ${path}: ${error.errnoName}`, {
    hint: 'Use a file system that supports flock(2).',
    cause: error,
  });
}

function openLockFile(path: string): number {
  try {
    // Node adds O_CLOEXEC: a child must not keep the lock alive after we died.
    return openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new FlanError('E_LOCK', `cannot open the lock file ${path}: ${code}`, {
      hint: code === 'ENOENT' ? 'Create its directory first.' : 'Check who owns the file and its directory.',
      cause,
    });
  }
}
