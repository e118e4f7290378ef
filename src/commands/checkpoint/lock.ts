import { FlanError } from '../../errors.js';
import { type Clock, sleep } from '../../reconcile/clock.js';
import type { Lock } from '../../sys/flock.js';

export type { Lock } from '../../sys/flock.js';

/** @returns undefined instead of E_LOCKED @throws whatever else `lock` throws */
export function orUndefined(lock: () => Lock): Lock | undefined {
  try {
    return lock();
  } catch (error) {
    if (error instanceof FlanError && error.code === 'E_LOCKED') return undefined;
    throw error;
  }
}

export interface LockWithinInput {
  readonly lock: () => Lock;
  /** 0: does not wait. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const AGAIN_MS = 100;

/** Waits for another flan to finish. @throws {FlanError} E_LOCKED when it has not by then */
export async function lockWithin({ lock, timeoutMs, clock, signal }: LockWithinInput): Promise<Lock> {
  const endMs = clock.nowMs() + timeoutMs;
  for (;;) {
    const got = clock.nowMs() >= endMs ? lock() : orUndefined(lock);
    if (got !== undefined) return got;
    await sleep(clock, Math.min(AGAIN_MS, Math.max(1, endMs - clock.nowMs())), signal);
  }
}
