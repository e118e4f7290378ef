import { setTimeout as wait } from 'node:timers/promises';

/** Time and chance, so that tests need neither. */
export interface Clock {
  /** Milliseconds since 1970. */
  nowMs(): number;
  /** In [0, 1). */
  random(): number;
  /** Rejects with the signal's reason when it aborts first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  random: () => Math.random(),
  sleep: async (ms, signal) => {
    await wait(ms, undefined, { signal });
  },
};

const FIRST_MS = 500;
const LARGEST_MS = 30_000;

/**
 * How long to wait after the nth failure in a row: doubling, between half and all of the step so that a thousand nodes
 * that lost one server do not come back together; never sooner than the server asked (Retry-After).
 */
export function backoffMs(failure: number, clock: Pick<Clock, 'random'>, retryAfterMs = 0): number {
  const step = Math.min(LARGEST_MS, FIRST_MS * 2 ** Math.min(failure - 1, 16));
  const asked = retryAfterMs * (1 + clock.random() / 10);
  return Math.round(Math.max(step * (0.5 + clock.random() / 2), asked));
}
