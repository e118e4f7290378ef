import { asFlanError, type FlanError } from '../errors.js';
import { type Clock, sleep } from './clock.js';

export interface Patience {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Told why there is waiting: once for each reason in a row, however many attempts it costs. */
  readonly onWait: (error: FlanError, retryInMs: number) => void;
}

const FIRST_MS = 500;
const LONGEST_MS = 10_000;

/**
 * Tries until it works, with growing pauses that chance spreads, so that nodes that start together do not ask together.
 * @throws {FlanError} what waiting cannot mend, and the reason of the signal when it aborts
 */
export async function patiently<T>(attempt: () => Promise<T>, { clock, signal, onWait }: Patience): Promise<T> {
  let told = '';
  for (let pauseMs = FIRST_MS; ; pauseMs = Math.min(LONGEST_MS, pauseMs * 2)) {
    try {
      return await attempt();
    } catch (cause) {
      signal.throwIfAborted();
      const error = asFlanError(cause);
      if (!error.retry && !PASSING.has(error.code)) throw error;
      const retryInMs = pauseMs * (0.75 + clock.random() / 2);
      if (told !== error.message) onWait(error, retryInMs);
      told = error.message;
      await sleep(clock, retryInMs, signal);
    }
  }
}

/** What somebody is about to mend: the network config may come after the node. */
const PASSING: ReadonlySet<string> = new Set(['E_NETWORK_MISSING']);
