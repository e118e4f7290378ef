import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FlanError } from '../../errors.js';
import { errnoOf, isDenied, isFull } from '../../sys/file-error.js';
import type { Form } from './folder.js';
import { writeFailure } from './write-failure.js';

export interface HeldLock {
  release(): void;
}

/** Takes an exclusive lock without waiting; undefined when somebody else has it. It dies with the process. */
export type TryLock = (path: string) => HeldLock | undefined;

export interface Locking {
  readonly path: string;
  readonly form: Form;
  readonly tryLock: TryLock | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Runs `body` while no other flan changes the leases.
 * @throws {FlanError} E_LOCKED when the lock stays taken for `timeoutMs`; E_STORE_PERMISSION, E_STORE_REFUSED, E_LOCK when there
 * can be none
 */
export async function withLock<T>(locking: Locking, body: () => Promise<T>): Promise<T> {
  const lock = await waitForLock(locking);
  try {
    return await body();
  } finally {
    lock.release();
  }
}

const lockFile = (path: string, form: Form): string =>
  form === 'folder' ? join(path, '.lock') : join(dirname(path), `.${basename(path)}.lock`);

async function waitForLock({ path, form, tryLock, timeoutMs, signal }: Locking): Promise<HeldLock> {
  const attempt = tryLock ?? (await import('../../sys/flock.js')).flock;
  const file = lockFile(path, form);
  const giveUpAt = performance.now() + timeoutMs;
  for (let pauseMs = 2; ; pauseMs = Math.min(pauseMs * 2, 100)) {
    signal.throwIfAborted();
    const lock = tryOnce(attempt, file);
    if (lock !== undefined) return lock;
    if (performance.now() >= giveUpAt) {
      throw new FlanError(
        'E_LOCKED',
        `the leases in ${path} are locked by another flan for more than ${timeoutMs} ms`,
        {
          hint: `See who holds it with 'fuser ${file}'; the lock goes when that process ends.`,
          retry: true,
          where: file,
        },
      );
    }
    // Uneven pauses, so that many waiters do not come back together.
    await sleep(pauseMs * (0.5 + Math.random()), undefined, { signal });
  }
}

function tryOnce(attempt: TryLock, file: string): HeldLock | undefined {
  try {
    return attempt(file);
  } catch (cause) {
    const errno = errnoOf(cause);
    throw isDenied(errno) || isFull(errno) ? writeFailure(file, cause) : cause;
  }
}
