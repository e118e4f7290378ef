import { FlanError } from '../errors.js';

/** Time and chance, so that tests can hold them still. */
export interface Clock {
  /** Monotonic, with fractions. */
  nowMs(): number;
  /** Milliseconds since 1970. */
  wallMs(): number;
  /** Runs once; 0 means as soon as the event loop comes round. @returns what cancels it */
  after(delayMs: number, run: () => void): () => void;
  /** From 0 up to 1. */
  random(): number;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  random: () => Math.random(),
  after: (delayMs, run) => {
    if (delayMs <= 0) {
      const immediate = setImmediate(run);
      return () => clearImmediate(immediate);
    }
    let timer: NodeJS.Timeout;
    const wait = (leftMs: number): void => {
      const isLast = leftMs <= LONGEST_TIMEOUT_MS;
      timer = setTimeout(
        () => (isLast ? run() : wait(leftMs - LONGEST_TIMEOUT_MS)),
        Math.min(leftMs, LONGEST_TIMEOUT_MS),
      );
    };
    wait(delayMs);
    return () => clearTimeout(timer);
  },
};

/** About 24.8 days, what 32 bits hold: a timeout that is longer ends at once. */
const LONGEST_TIMEOUT_MS = 0x7fff_ffff;

/** Rejects with the reason of the signal when it aborts before the time is over. */
export function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      cancel();
      reject(signal.reason instanceof Error ? signal.reason : new FlanError('E_INTERRUPTED', 'stopped'));
    };
    const cancel = clock.after(delayMs, () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
